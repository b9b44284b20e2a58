import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from shelfwise.core.catalog import Catalog
from shelfwise.core.registry import modalities
from shelfwise.core.types import Context, Examples, State
from shelfwise.errors import NotFittedError
from shelfwise.modalities.text_cnn import TextCnn
from shelfwise.text.vocabulary import Vocabulary

NOUNS = ("shoe", "hat", "scarf", "lamp", "chair", "kettle")
FILLERS = ("nice", "new", "big", "soft", "old", "plain", "warm", "blue")


@pytest.fixture(scope="module")
def glove(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A made-up file of 8-d vectors that lacks one noun."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("glove") / "vectors.txt"
    lines = [
        f"{word} {' '.join(f'{x:.3f}' for x in rng.normal(size=8))}"
        for word in (*NOUNS[:-1], *FILLERS)
    ]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def catalog_of(count: int, seed: int = 0) -> tuple[Catalog, np.ndarray[Any, Any]]:
    """Titles of fillers around one noun, which is the label."""
    rng = np.random.default_rng(seed)
    nouns = rng.integers(0, len(NOUNS), count)
    texts = [
        " ".join(
            [
                *rng.choice(FILLERS, rng.integers(0, 12)),
                NOUNS[n],
                *rng.choice(FILLERS, rng.integers(0, 12)),
            ]
        )
        for n in nouns
    ]
    targets = np.eye(len(NOUNS), dtype=np.float32)[nouns]
    return Catalog.from_records(
        [{"id": str(i), "title": text} for i, text in enumerate(texts)]
    ), targets


def model(glove: str, **settings: Any) -> TextCnn:
    chosen: dict[str, Any] = {
        "vectors": glove,
        "dimensions": 8,
        "filters": 16,
        "hidden": 12,
        "maxlen": 20,
        **settings,
    }
    chosen["training"] = {
        "epochs": 10,
        "batch_size": 16,
        "learning_rate": 0.01,
        "loss": "bce",
        **chosen.get("training", {}),
    }
    return TextCnn(TextCnn.Settings.model_validate(chosen), "title")


def fitted(glove: str, count: int = 200, **settings: Any) -> tuple[TextCnn, Any, Any]:
    catalog, targets = catalog_of(count)
    text_cnn = model(glove, **settings)
    inputs = text_cnn.prepare(catalog, Context())
    return text_cnn.fit(Examples(inputs, targets), None, Context()), inputs, targets


VARIANTS: list[dict[str, Any]] = [
    {},
    {"graph": "pool"},
    {"windows": (3, 4, 5), "hidden": 0, "dropout": 0.5, "max_norm": 3.0},
    {"embedding": "rand"},
    {"embedding": "static"},
    {"embedding": "multichannel", "unknown": "zeros"},
    {"truncating": "pre", "maxlen": 6},
]


@pytest.mark.parametrize(
    "settings", VARIANTS, ids=lambda s: " ".join(f"{k}={v}" for k, v in s.items()) or "paper"
)
def test_every_variant_learns_and_survives_its_state(glove: str, settings: dict[str, Any]) -> None:
    first, inputs, targets = fitted(glove, **settings)
    probabilities, features = first.predict(inputs, Context())
    assert probabilities.shape == targets.shape
    assert probabilities.dtype == np.float32
    assert features.shape == (len(targets), settings.get("hidden", 12) or 16 * 3)
    if settings.get("maxlen", 20) == 20:
        assert (probabilities.argmax(1) == targets.argmax(1)).mean() > 0.6

    state = first.state()
    facts = json.loads(json.dumps(state.facts))
    second = model("no such file", **settings).restore(State(state.arrays, facts))
    for ours, theirs in zip(
        second.predict(inputs, Context()), (probabilities, features), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert second.provenance() == first.provenance()


def reference(
    text_cnn: TextCnn, inputs: Any, windows: tuple[int, ...], maxlen: int
) -> np.ndarray[Any, Any]:
    """The paper's model as written: each text padded to `maxlen`, nn.Conv1d's convolution, text by text."""
    weights = {name: torch.from_numpy(value) for name, value in text_cnn.state().arrays.items()}
    vocabulary = Vocabulary(tuple(text_cnn.state().facts["words"]))
    texts = vocabulary.encode(inputs.tokens)
    answers = []
    for row in range(len(texts)):
        ids = texts.ids[texts.offsets[row] : texts.offsets[row + 1]][:maxlen]
        padded = np.concatenate([ids, np.zeros(maxlen - len(ids), ids.dtype)])
        words = sum(
            weights[name][padded]
            for name in ("channels.fixed", "channels.tuned")
            if name in weights
        )
        assert isinstance(words, torch.Tensor)
        maps = []
        for number, size in enumerate(windows):
            kernel = (
                weights[f"convolutions.{number}.weight"]
                .view(-1, size, words.shape[1])
                .transpose(1, 2)
            )
            maps.append(
                F.conv1d(words.T[None], kernel, weights[f"convolutions.{number}.bias"])
                .relu()
                .amax(2)[0]
            )
        pooled = torch.cat(maps) if maps else words.amax(0)
        hidden = torch.relu(weights["hidden.weight"] @ pooled + weights["hidden.bias"])
        answers.append(
            torch.sigmoid(weights["output.weight"] @ hidden + weights["output.bias"]).numpy()
        )
    return np.stack(answers)


@pytest.mark.parametrize(
    "settings",
    [
        {"maxlen": 57},
        {"maxlen": 11},
        {"windows": (3, 4, 5), "maxlen": 12, "embedding": "multichannel"},
        {"graph": "pool", "maxlen": 9},
    ],
)
def test_the_fast_network_is_the_paper_s(glove: str, settings: dict[str, Any]) -> None:
    text_cnn, inputs, _ = fitted(glove, count=60, **settings)
    windows = () if settings.get("graph") == "pool" else settings.get("windows", (5,))
    expected = reference(text_cnn, inputs, windows, settings["maxlen"])
    np.testing.assert_allclose(text_cnn.predict(inputs, Context())[0], expected, atol=1e-5)


def test_the_answer_does_not_depend_on_the_company(glove: str) -> None:
    text_cnn, inputs, _ = fitted(glove, count=64)
    together = np.hstack(text_cnn.predict(inputs, Context()))
    alone = np.vstack(
        [np.hstack(text_cnn.predict(inputs.take(np.array([i])), Context())) for i in range(64)]
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ({}, 120_200 + 34_170 + 20_862),
        ({"graph": "pool"}, 20_570 + 20_862),
        ({"windows": (3, 4, 5), "filters": 100, "hidden": 0}, 144_300 + 36_722),
    ],
)
def test_weights_of_the_paper(settings: dict[str, Any], weights: int) -> None:
    catalog, _ = catalog_of(122)
    text_cnn = TextCnn(
        TextCnn.Settings.model_validate(
            {"embedding": "rand", "training": {"epochs": 1}, **settings}
        ),
        "title",
    )
    text_cnn.fit(
        Examples(text_cnn.prepare(catalog, Context()), np.eye(122, dtype=np.float32)),
        None,
        Context(),
    )
    arrays = text_cnn.state().arrays
    assert sum(value.size for name, value in arrays.items() if name != "channels.tuned") == weights
    assert arrays["channels.tuned"].shape == (len(NOUNS) + len(FILLERS) + 1, 120)


def test_initial_weights_are_those_of_keras(glove: str) -> None:
    text_cnn, _, _ = fitted(glove, filters=200, training={"epochs": 1, "learning_rate": 1e-12})
    arrays = text_cnn.state().arrays
    limit = np.sqrt(6 / (5 * 8 + 5 * 200))
    assert 0.95 * limit < np.abs(arrays["convolutions.0.weight"]).max() < limit * 1.0001
    assert np.abs(arrays["convolutions.0.bias"]).max() < 1e-9
    table = arrays["channels.tuned"]
    assert np.abs(table[0]).max() < 1e-9  # padding
    unknown = table[1 + text_cnn.state().facts["words"].index(NOUNS[-1])]
    assert 0 < np.abs(unknown).max() <= 0.25


def test_static_vectors_stay_and_tuned_ones_move(glove: str) -> None:
    text_cnn, _, _ = fitted(glove, embedding="multichannel")
    arrays = text_cnn.state().arrays
    rows = {
        line.split()[0]: np.array(line.split()[1:], np.float32)
        for line in Path(glove).read_text().splitlines()
    }
    words = text_cnn.state().facts["words"]
    np.testing.assert_array_equal(arrays["channels.fixed"][1 + words.index("shoe")], rows["shoe"])
    assert np.abs(arrays["channels.fixed"] - arrays["channels.tuned"]).max() > 0.01
    assert (
        np.abs(arrays["channels.tuned"][0]).max() > 0
    )  # the padding's vector is trained, as in Keras


def test_max_norm_holds_after_every_step(glove: str) -> None:
    free, _, _ = fitted(glove)
    bound, _, _ = fitted(glove, max_norm=0.5)
    assert np.linalg.norm(free.state().arrays["output.weight"], axis=1).max() > 0.6
    assert np.linalg.norm(bound.state().arrays["output.weight"], axis=1).max() <= 0.5 + 1e-6


def test_same_seed_same_weights_and_the_global_generator_untouched(glove: str) -> None:
    before = torch.random.get_rng_state()
    first, second = (fitted(glove, dropout=0.5)[0].state().arrays for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert torch.equal(before, torch.random.get_rng_state())


def test_early_stopping_keeps_the_best_epoch(glove: str) -> None:
    catalog, targets = catalog_of(120)
    text_cnn = model(glove, training={"epochs": 40, "patience": 2, "learning_rate": 0.05})
    inputs = text_cnn.prepare(catalog, Context())
    rows = np.arange(120)
    wrong = np.roll(
        targets[80:], 1, axis=1
    )  # validation that contradicts training: the first epochs are the best
    text_cnn.fit(
        Examples(inputs.take(rows[:80]), targets[:80]),
        Examples(inputs.take(rows[80:]), wrong),
        Context(),
    )
    assert text_cnn.provenance()["epochs"] < 10


def test_vocabulary_and_coverage_are_of_the_training_rows(glove: str) -> None:
    catalog = Catalog.from_records(
        [{"id": "1", "title": "red shoe shoe qqq"}, {"id": "2", "title": "hat lamp"}]
    )
    text_cnn = model(glove, training={"epochs": 1})
    inputs = text_cnn.prepare(catalog, Context())
    text_cnn.fit(Examples(inputs.take(np.array([0])), np.ones((1, 2), np.float32)), None, Context())
    assert text_cnn.state().facts["words"] == ["shoe", "red", "qqq"]
    assert text_cnn.provenance() == {
        "vectors": "vectors.txt",
        "coverage": 1 / 4,
        "dimensions": 8,
        "vocabulary": 3,
        "epochs": 1,
    }


def test_absent_and_wordless_fields(glove: str) -> None:
    catalog = Catalog.from_records(
        [
            {"id": "1"},
            {"id": "2", "title": "100% !"},
            {"id": "3", "title": "Shoe"},
            {"id": "4", "title": ""},
        ]
    )
    text_cnn, _, _ = fitted(glove)
    inputs = text_cnn.prepare(catalog, Context())
    assert inputs.present.tolist() == [False, False, True, False]
    probabilities, features = text_cnn.predict(inputs.take(np.array([], dtype=np.int64)), Context())
    assert probabilities.shape == (0, len(NOUNS))
    assert features.shape == (0, 12)


def test_words_never_seen_give_an_answer(glove: str) -> None:
    text_cnn, _, _ = fitted(glove)
    inputs = text_cnn.prepare(Catalog.from_records([{"id": "1", "title": "zebra"}]), Context())
    assert np.isfinite(text_cnn.predict(inputs, Context())[0]).all()


def test_fewer_dimensions_than_asked_for_are_said(
    glove: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="shelfwise"):
        text_cnn, _, _ = fitted(glove, dimensions=120, training={"epochs": 1})
    assert "120 dimensions" in caplog.text
    assert text_cnn.provenance()["dimensions"] == 8


def test_unfitted(glove: str) -> None:
    with pytest.raises(NotFittedError, match="'title' is not fitted"):
        model(glove).state()


@pytest.mark.parametrize(
    "settings",
    [
        {"windows": (5,), "maxlen": 4},
        {"windows": ()},
        {"windows": (0,)},
        {"dropout": 1.0},
        {"windws": (5,)},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TextCnn.Settings.model_validate(settings)


def test_it_is_registered() -> None:
    assert modalities.load("text_cnn") is TextCnn
