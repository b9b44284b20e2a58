"""The picture classifier end to end, on drawn pictures and a tiny backbone with random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples
from shelfwise.errors import NotFittedError
from shelfwise.modalities.image import Image, ImageSettings
from shelfwise.nn.training_loop import LoopSettings

COLOURS = ["red", "lime", "blue", "yellow"]
ONCE = LoopSettings(epochs=1, batch_size=16)
TARGETS = np.eye(4, dtype=np.float32)[np.arange(48) % 4]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root, chance = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(48):
        noise = chance.integers(0, 60, (40, 40, 3)).astype(np.uint8)
        Picture.blend(
            Picture.new("RGB", (40, 40), COLOURS[i % 4]), Picture.fromarray(noise), 0.4
        ).save(root / f"{i}.jpg")
    return Catalog.from_records([{"id": str(i), "image": f"{i}.jpg"} for i in range(48)], root)


def classifier(**changes: Any) -> Image:
    training = LoopSettings(epochs=25, batch_size=16, learning_rate=5e-3, loss="bce")
    values = {
        "backbone": "test_efficientnet",
        "weights": "random",
        "size": 64,
        "train_last": 6,
        "training": training,
    }
    return Image(ImageSettings(**{**values, **changes}), "image")


def accuracy(image: Image, inputs: Any) -> float:
    return float(
        (image.predict(inputs, Context())[0].argmax(axis=1) == TARGETS.argmax(axis=1)).mean()
    )


@pytest.mark.parametrize(
    ("learns", "changes"),
    [
        (0.6, {"train_last": 0, "hidden": 16, "dropout": 0.1}),
        (0.9, {"train_last": 6}),
        (0.9, {"train_last": 6, "flip": True, "normalisation": "caffe"}),
        # one epoch is enough to see that these come back; random weights have no stored statistics to predict
        # with
        (0.0, {"train_last": 6, "frozen_bn": "batch_stats", "fit": "letterbox", "training": ONCE}),
        (0.0, {"train_last": "all", "flip": True, "training": ONCE}),
        (0.0, {"backbone": "test_vit", "size": None, "train_last": 12, "training": ONCE}),
    ],
)
def test_it_learns_saves_and_comes_back_the_same(
    catalog: Catalog, learns: float, changes: dict[str, Any]
) -> None:
    image = classifier(**changes)
    inputs = image.prepare(catalog, Context())
    image.fit(Examples(inputs, TARGETS), Examples(inputs, TARGETS), Context())
    assert accuracy(image, inputs) >= learns
    answers = image.predict(inputs, Context())
    again = classifier(**{**changes, "weights": "no such file"}).restore(image.state())
    theirs = again.predict(again.prepare(catalog, Context()), Context())
    for ours, other in zip(answers, theirs, strict=True):
        assert ours.dtype == np.float32
        assert np.array_equal(ours, other)
    assert answers[1].shape == (
        48,
        changes.get("hidden") or image.predict(inputs.take(np.array([0])), Context())[1].shape[1],
    )


def test_only_the_last_layers_change(catalog: Catalog) -> None:
    image = classifier()
    inputs = image.prepare(catalog, Context())
    assert image._encoder is not None
    before = {name: value.clone() for name, value in image._encoder.backbone.state_dict().items()}
    image.fit(Examples(inputs, TARGETS), None, Context())
    after = {
        name.removeprefix("backbone."): torch.from_numpy(value)
        for name, value in image.state().arrays.items()
    }
    changed = {
        name.rsplit(".", 1)[0]
        for name, value in before.items()
        if value.ndim and not torch.equal(value, after[name])
    }
    trained = {"bn2", "conv_head"}
    assert trained <= changed
    assert len(changed) == 5  # and the head, which is no part of the backbone


def test_the_same_seed_gives_the_same_weights(catalog: Catalog, tmp_path: Path) -> None:
    states = []
    for context in (
        Context(seed=3),
        Context(seed=3, cache=tmp_path),
        Context(seed=3, cache=tmp_path),
        Context(seed=4),
    ):
        image = classifier(
            flip=True,
            frozen_bn="batch_stats",
            dropout=0.2,
            training=LoopSettings(epochs=2, batch_size=16),
        )
        image.fit(Examples(image.prepare(catalog, context), TARGETS), None, context)
        states.append(image.state().arrays)
    assert all(
        np.array_equal(value, states[1][name]) and np.array_equal(value, states[2][name])
        for name, value in states[0].items()
    )
    assert not all(np.array_equal(value, states[3][name]) for name, value in states[0].items())


def test_missing_and_bad_pictures_are_absent_with_a_reason(catalog: Catalog) -> None:
    (catalog.root / "bad.jpg").write_bytes(b"<html>")
    records = [
        {"id": "a", "image": "0.jpg"},
        {"id": "b"},
        {"id": "c", "image": "bad.jpg"},
        {"id": "d", "image": "gone.jpg"},
    ]
    inputs = classifier().prepare(Catalog.from_records(records, catalog.root), Context())
    assert inputs.present.tolist() == [True, False, False, False]
    assert [(r.id, r.field) for r in inputs.refused] == [("c", "image"), ("d", "image")]
    assert "not an image" in inputs.refused[0].reason
    assert "no such file" in inputs.refused[1].reason
    assert classifier().prepare(
        Catalog.from_records([{"id": "x"}]), Context()
    ).present.tolist() == [False]


def test_answers_do_not_depend_on_company(catalog: Catalog) -> None:
    image = classifier(training=LoopSettings(epochs=2, batch_size=16))
    inputs = image.prepare(catalog, Context())
    image.fit(Examples(inputs, TARGETS), None, Context())
    whole = image.predict(inputs, Context())[0]
    rows = np.array([5, 2, 40])
    alone = [
        image.predict(image.prepare(catalog.take([row]), Context()), Context())[0][0]
        for row in rows
    ]
    assert np.allclose(whole[rows], alone, atol=1e-4)
    assert np.allclose(whole[rows], image.predict(inputs.take(rows), Context())[0], atol=1e-4)
    assert image.predict(inputs.take(rows[:0]), Context())[0].shape == (0, 4)


def test_provenance_and_not_fitted(catalog: Catalog) -> None:
    image = classifier(training=LoopSettings(epochs=1))
    inputs = image.prepare(catalog, Context())
    with pytest.raises(NotFittedError):
        image.predict(inputs, Context())
    image.fit(Examples(inputs, TARGETS), None, Context())
    assert {
        "asked": "test_efficientnet",
        "used": "test_efficientnet",
        "weights": "random",
        "note": "",
    }.items() <= image.provenance().items()
