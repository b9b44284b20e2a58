from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.modalities import text_bag
from shelfwise.modalities.text_bag import TextBag, ngram_shares, train_vectors
from shelfwise.text.ngrams import split_words, word_grams
from tests.killed_loops import Killed, resumable
from tests.modalities.stored_state import assert_same_predictions, restored

NOUNS = ("shoe", "hat", "scarf", "lamp", "chair", "kettle")
FILLERS = ("nice", "new", "big", "soft", "old", "plain", "warm", "blue")
SMALL = {"dimensions": 8, "epochs": 20}


def catalog_of(count: int, seed: int = 0) -> tuple[Catalog, np.ndarray[Any, np.dtype[np.float32]]]:
    """A noun among fillers, in the title of even products and in the description of odd ones.

    The noun is the label.
    """
    rng = np.random.default_rng(seed)
    nouns = rng.integers(0, len(NOUNS), count)
    texts = [" ".join([*rng.choice(FILLERS, 3), NOUNS[n]]) for n in nouns]
    records = [
        {"id": str(i), ("title", "description")[i % 2]: text} for i, text in enumerate(texts)
    ]
    return Catalog.from_records(records), np.eye(len(NOUNS), dtype=np.float32)[nouns]


def fitted(field: str = "title+description", **settings: Any) -> tuple[TextBag, Any]:
    catalog, targets = catalog_of(200)
    member = TextBag(TextBag.Settings.model_validate({**SMALL, **settings}), field)
    inputs = member.prepare(catalog, Context())
    return member.fit(Examples(inputs, targets).present(), None, Context(seed=1)), inputs


def by_hand(texts: list[list[str]], targets: Any, member: TextBag, context: Context) -> Any:
    """The same descent, word by word and label by label; returns logits of the training texts."""
    chosen = member.settings
    grams = word_grams(split_words([" ".join(t) for t in texts]), chosen.words)
    shares = ngram_shares(grams, grams.keys).toarray()
    rng = np.random.default_rng(context.seed)
    vectors = rng.uniform(
        -1 / chosen.dimensions, 1 / chosen.dimensions, (shares.shape[1], chosen.dimensions)
    ).astype(np.float32)
    labels = np.zeros((targets.shape[1], chosen.dimensions))
    steps, step = chosen.epochs * -(-len(texts) // chosen.batch_size), 0
    for _ in range(chosen.epochs):
        order = rng.permutation(len(texts))
        for start in range(0, len(texts), chosen.batch_size):
            rows = order[start : start + chosen.batch_size]
            means = shares[rows] @ vectors
            error = (
                (targets[rows] - 1 / (1 + np.exp(-means @ labels.T)))
                * chosen.learning_rate
                * (1 - step / steps)
            )
            change = shares[rows].T @ (error @ labels)
            labels += error.T @ means
            vectors += change
            step += 1
    return shares @ vectors @ labels.T


class TestLearning:
    def test_agrees_with_the_same_descent_done_plainly(self) -> None:
        rng = np.random.default_rng(0)
        texts = [list(rng.choice([*NOUNS, *FILLERS], rng.integers(0, 6))) for _ in range(30)]
        targets = (rng.random((30, 4)) < 0.3).astype(np.float32)
        member, context = (
            TextBag(TextBag.Settings(dimensions=5, epochs=4, batch_size=4), "title"),
            Context(seed=7),
        )
        grams = word_grams(split_words([" ".join(t) for t in texts]), member.settings.words)
        shares = ngram_shares(grams, grams.keys)
        vectors, labels = train_vectors(
            shares, targets, member.settings.learning_rate, member.settings, context
        )
        np.testing.assert_allclose(
            shares @ vectors @ labels.T, by_hand(texts, targets, member, context), atol=1e-4
        )

    def test_reads_the_fields_as_one_text(self) -> None:
        member, _ = fitted()
        catalog, targets = catalog_of(60, seed=2)
        probabilities, features = member.predict(member.prepare(catalog, Context()), Context())
        assert ((probabilities > 0.5) == (targets > 0)).all()
        assert features.shape == (60, 8)

    def test_a_rate_too_high_is_halved_until_it_learns(self) -> None:
        member, inputs = fitted(learning_rate=1000.0)
        assert member.provenance()["learning_rate"] in [
            1000.0 / 2**halvings for halvings in range(1, 11)
        ]
        assert np.isfinite(member.predict(inputs, Context())[0]).all()

    def test_a_rate_far_too_high_is_said(self) -> None:
        with pytest.raises(ConfigError, match="learning_rate"):
            fitted(learning_rate=1e20)


class TestBags:
    def test_present_is_who_has_a_word_in_any_field(self) -> None:
        catalog = Catalog.from_records(
            [
                {"id": "1", "title": "hat"},
                {"id": "2", "description": "hat"},
                {"id": "3", "title": "!"},
            ]
        )
        assert TextBag(TextBag.Settings(), "title+description").prepare(
            catalog, Context()
        ).present.tolist() == [True, True, False]

    def test_buckets_bound_the_vectors(self) -> None:
        assert fitted(buckets=5)[0].provenance()["ngrams"] == 5

    def test_rare_ngrams_have_no_vector(self) -> None:
        assert fitted(min_count=30)[0].provenance()["ngrams"] < fitted()[0].provenance()["ngrams"]

    def test_letters_join_the_words(self) -> None:
        plain, lettered = fitted()[0], fitted(letters=(3, 4))[0]
        assert lettered.provenance()["ngrams"] > plain.provenance()["ngrams"]
        typo = Catalog.from_records([{"id": "1", "title": "kettl"}])
        chance = [
            m.predict(m.prepare(typo, Context()), Context())[0][0, NOUNS.index("kettle")]
            for m in (plain, lettered)
        ]
        assert chance[1] > chance[0]


def test_state_survives_storage() -> None:
    member, inputs = fitted()
    assert_same_predictions(member, restored(member), inputs)


def test_nothing_known_gives_no_label() -> None:
    member, _ = fitted()
    unknown = Catalog.from_records([{"id": "1", "title": "zzz"}])
    assert member.predict(member.prepare(unknown, Context()), Context())[0].max() < 0.5


def test_unfitted_says_so() -> None:
    member = TextBag(TextBag.Settings(), "title")
    with pytest.raises(NotFittedError, match="fit or restore"):
        member.predict(member.prepare(catalog_of(3)[0], Context()), Context())


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        TextBag.Settings.model_validate({"words": ()})


@pytest.mark.parametrize("killed_after", [0, 1, 5])
def test_a_killed_training_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    monkeypatch.setattr("shelfwise.core.loop_checkpoints.MOST_TIME", np.inf)
    catalog, targets = catalog_of(60)
    member = TextBag(TextBag.Settings.model_validate({"dimensions": 4, "epochs": 6}), "title")
    train = Examples(member.prepare(catalog, Context()), targets).present()
    whole = member.fit(train, None, Context(seed=1)).state().arrays
    left, real = killed_after, text_bag._train_epoch

    def killed_epoch(*args: Any) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        real(*args)

    monkeypatch.setattr(text_bag, "_train_epoch", killed_epoch)
    with pytest.raises(Killed):
        member.fit(train, None, resumable(tmp_path, seed=1))
    # only what is left is learnt
    left = 6 - killed_after
    resumed = member.fit(train, None, resumable(tmp_path, seed=1)).state().arrays
    assert left == 0
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values)
