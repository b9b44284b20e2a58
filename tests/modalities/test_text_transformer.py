import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from shelfwise.core.catalog import Catalog
from shelfwise.core.pretrained import Package
from shelfwise.core.types import Context, Examples, State
from shelfwise.errors import ConfigError, NotFittedError, WeightsError
from shelfwise.features.encoder_tuning import freeze_except_last
from shelfwise.features.sentence_encoder import find_encoder, load_encoder, mean_pooling
from shelfwise.modalities.text_transformer import TextTransformer

NOUNS = ("shoe", "hat", "scarf", "lamp")
FILLERS = ("nice", "new", "big", "soft", "old", "plain")


@pytest.fixture(scope="module")
def encoder(make_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_encoder(tmp_path_factory.mktemp("encoder"), (*NOUNS, *FILLERS)))


def catalog_of(count: int, seed: int = 0) -> tuple[Catalog, np.ndarray[Any, np.dtype[np.float32]]]:
    """A noun in the title, which is the label, and fillers in both fields.

    Every seventh product has no description.
    """
    rng = np.random.default_rng(seed)
    nouns = rng.integers(0, len(NOUNS), count)
    records = [
        {
            "id": str(i),
            "title": " ".join([*rng.choice(FILLERS, rng.integers(1, 5)), NOUNS[n]]),
            "description": None if i % 7 == 0 else " ".join(rng.choice(FILLERS, 4)),
        }
        for i, n in enumerate(nouns)
    ]
    return Catalog.from_records(records), np.eye(len(NOUNS), dtype=np.float32)[nouns]


def member_of(encoder: str, **settings: Any) -> TextTransformer:
    chosen: dict[str, Any] = {
        "encoder": encoder,
        "train_last": 0,
        "hidden": 16,
        "max_tokens": 16,
        "dropout": 0.0,
        **settings,
    }
    chosen["training"] = {"epochs": 60, "batch_size": 16, "learning_rate": 0.01, "loss": "bce"}
    chosen["tuning"] = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3}
    return TextTransformer(TextTransformer.Settings.model_validate(chosen), "title+description")


def fitted(
    encoder: str, context: Context | None = None, **settings: Any
) -> tuple[TextTransformer, Any, Any]:
    catalog, targets = catalog_of(80)
    member, context = member_of(encoder, **settings), context or Context(seed=1)
    inputs = member.prepare(catalog, context)
    return member.fit(Examples(inputs, targets), None, context), inputs, targets


def stored(state: State) -> State:
    return State(
        {k: v.copy() for k, v in state.arrays.items()}, json.loads(json.dumps(dict(state.facts)))
    )


class TestLearning:
    @pytest.mark.parametrize("train_last", [0, 1, "all"])
    def test_learns_and_comes_back_from_its_state(self, encoder: str, train_last: Any) -> None:
        member, inputs, targets = fitted(encoder, train_last=train_last)
        probabilities, features = member.predict(inputs, Context())
        assert ((probabilities > 0.5) == (targets > 0)).mean() > 0.9
        assert features.shape == (80, 16)
        restored = member_of(encoder, train_last=train_last).restore(stored(member.state()))
        for before, after in zip(
            (probabilities, features), restored.predict(inputs, Context()), strict=True
        ):
            assert np.array_equal(before, after)

    def test_only_what_was_tuned_is_kept_and_changed(self, encoder: str) -> None:
        member, _, _ = fitted(encoder, train_last=1)
        plain = dict(load_encoder(find_encoder(encoder)).named_parameters())
        kept = {
            name.removeprefix("encoder."): a
            for name, a in member.state().arrays.items()
            if name.startswith("encoder.")
        }
        assert kept
        assert all(name.startswith("encoder.layer.1.") for name in kept)
        assert all(
            not np.array_equal(a, plain[name].detach().numpy())
            for name, a in kept.items()
            if name.endswith("dense.weight")
        )
        assert not [
            name for name in fitted(encoder)[0].state().arrays if name.startswith("encoder.")
        ]

    def test_a_text_is_answered_for_alike_in_any_company(self, encoder: str) -> None:
        member, inputs, _ = fitted(encoder, train_last=1)
        together = member.predict(inputs, Context())[0]
        alone = np.concatenate(
            [member.predict(inputs.take(np.array([i])), Context())[0] for i in range(6)]
        )
        np.testing.assert_allclose(alone, together[:6], atol=1e-5)

    def test_more_layers_than_there_are(self, encoder: str) -> None:
        with pytest.raises(ConfigError, match="2 layers"):
            fitted(encoder, train_last=3)


class TestReading:
    def test_present_is_who_has_any_of_the_fields(self, encoder: str) -> None:
        records = [
            {"id": "1", "title": "hat"},
            {"id": "2", "description": "hat"},
            {"id": "3", "title": "  "},
        ]
        passages = member_of(encoder).prepare(Catalog.from_records(records), Context())
        assert passages.present.tolist() == [True, True, False]
        assert passages.tokens.lengths.tolist() == [1, 1, 0]
        assert passages.encoded is not None

    def test_present_may_be_who_has_all_of_the_fields(self, encoder: str) -> None:
        member, (catalog, _) = member_of(encoder, present="all"), catalog_of(20)
        assert member.prepare(catalog, Context()).present.tolist() == [
            i % 7 != 0 for i in range(20)
        ]
        assert [
            member.is_present(frozenset(fields)) for fields in ({"title"}, {"title", "description"})
        ] == [
            False,
            True,
        ]

    def test_long_texts_lose_their_end(self, encoder: str) -> None:
        catalog = Catalog.from_records([{"id": "1", "title": "hat " * 100}])
        assert member_of(encoder).prepare(catalog, Context()).tokens.lengths.tolist() == [16]

    def test_padding_is_not_averaged(self, encoder: str) -> None:
        network = load_encoder(find_encoder(encoder))
        numbers, mask = torch.tensor([[3, 8, 9], [4, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]])
        with torch.inference_mode():
            both = mean_pooling(network, numbers, mask)
            alone = network(input_ids=numbers[1:, :1]).last_hidden_state[0, 0]
        torch.testing.assert_close(both[1], alone)

    def test_encoded_texts_are_looked_up_again(
        self, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        catalog, _ = catalog_of(20)
        first = member_of(encoder).prepare(catalog, Context(cache=tmp_path))
        assert list(tmp_path.rglob("*.safetensors"))
        monkeypatch.setattr(
            "shelfwise.features.sentence_embeddings.run_encoder",
            lambda *_: pytest.fail("encoded once more"),
        )
        again = member_of(encoder).prepare(catalog.take(range(19, -1, -1)), Context(cache=tmp_path))
        assert np.array_equal(first.encoded, again.encoded[::-1])


class TestSources:
    def test_another_encoder_than_at_the_time_is_refused(
        self, encoder: str, make_encoder: Callable[..., Path], tmp_path: Path
    ) -> None:
        member, _, _ = fitted(encoder)
        with pytest.raises(WeightsError, match="fit again"):
            member_of(str(make_encoder(tmp_path, (*NOUNS, *FILLERS), seed=5))).restore(
                member.state()
            )

    def test_a_folder_without_weights(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "pytorch_model.bin").write_bytes(b"never opened")
        with pytest.raises(WeightsError, match="safetensors"):
            find_encoder(str(tmp_path))

    def test_broken_weights(self, make_encoder: Callable[..., Path], tmp_path: Path) -> None:
        folder = make_encoder(tmp_path, NOUNS)
        (folder / "model.safetensors").write_bytes(b"no weights")
        with pytest.raises(WeightsError, match="cannot be loaded"):
            load_encoder(find_encoder(str(folder)))

    def test_no_one_waits_for_a_hub_that_does_not_answer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(huggingface_hub, "model_info", lambda *_, **__: time.sleep(30))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        started = time.perf_counter()
        with pytest.raises(WeightsError, match="out of reach"):
            find_encoder("nobody/nothing-at-all")
        assert time.perf_counter() - started < 5

    def test_a_changed_package_is_refused(self) -> None:
        with pytest.raises(WeightsError, match="was changed"):
            Package("shelfwise", "0", "py.typed", "0" * 64).verified()

    def test_a_package_that_is_not_there(self) -> None:
        with pytest.raises(WeightsError, match="not installed"):
            Package("no-such-package-at-all", "1", "x", "0").verified()


@pytest.mark.parametrize(("train_last", "good"), [(0, True), (2, True), ("all", True), (3, False)])
def test_freezes_from_below(encoder: str, train_last: Any, good: bool) -> None:
    network = load_encoder(find_encoder(encoder))
    if not good:
        with pytest.raises(ConfigError):
            freeze_except_last(network, train_last)
        return
    freeze_except_last(network, train_last)
    assert network.embeddings.word_embeddings.weight.requires_grad == (train_last == "all")
    assert all(p.requires_grad == (train_last != 0) for p in network.encoder.parameters())


def test_unfitted_says_so(encoder: str) -> None:
    member = member_of(encoder)
    with pytest.raises(NotFittedError, match="fit or restore"):
        member.predict(member.prepare(catalog_of(3)[0], Context()), Context())


@pytest.mark.parametrize("wrong", [{"train_last": -1}, {"train_last": "some"}, {"max_tokens": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TextTransformer.Settings.model_validate(wrong)
