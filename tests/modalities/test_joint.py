"""Fields joined end to end: what each knows is used, what is absent is not, and every branch learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from shelfwise.core.catalog import Catalog
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.types import Context, Examples, Floats
from shelfwise.errors import ConfigError
from shelfwise.modalities.joint import Joint, JointSettings
from shelfwise.nn.fusion.feature_fusion import FusionKind
from tests.modalities.stored_state import stored

NOUNS, COLOURS, SIZES = ("shoe", "lamp", "kettle"), ("red", "lime", "blue"), ("small", "large")
COUNT = 180
LABELS = len(NOUNS) + len(COLOURS) + len(SIZES)
TEXT = {"embedding": "rand", "dimensions": 8, "filters": 12, "hidden": 12, "windows": [1]}
IMAGE = {
    "backbone": "test_efficientnet",
    "weights": "random",
    "size": 32,
    "train_last": 0,
    "hidden": 16,
}
TRAINING = {"epochs": 40, "batch_size": 32, "learning_rate": 1e-2, "loss": "bce"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Floats]:
    """The title names the noun, the description the size, the picture shows the colour.

    Some lack this or that, one all.
    """
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for colour in COLOURS:
        Picture.new("RGB", (40, 40), colour).save(root / f"{colour}.png")
    (root / "broken.png").write_bytes(b"no picture")
    kinds = [rng.integers(len(names), size=COUNT) for names in (NOUNS, SIZES, COLOURS)]
    records = [
        {
            "id": str(i),
            "title": None if i % 10 == 1 else f"nice {NOUNS[noun]} new",
            "description": None if i % 10 in (1, 2) else f"a {SIZES[size]} one for home",
            "image": None
            if i % 10 == 3 or i == 11
            else f"{COLOURS[colour]}.png"
            if i != 5
            else "broken.png",
        }
        for i, (noun, size, colour) in enumerate(zip(*kinds, strict=True))
    ]
    targets = np.concatenate(
        [
            np.eye(len(names), dtype=np.float32)[kind]
            for names, kind in zip((NOUNS, SIZES, COLOURS), kinds, strict=True)
        ],
        1,
    )
    return Catalog.from_records(records, root), targets


def joint(field: str = "title+description+image", **changes: Any) -> Joint:
    texts = {name: TEXT for name in field.split("+") if name != "image"}
    values = {
        "texts": texts,
        "image": IMAGE,
        "dropout": 0.1,
        "training": TRAINING,
        "units": 32,
        **changes,
    }
    return Joint(JointSettings.model_validate(values), field)


def fitted(shop: tuple[Catalog, Floats], member: Joint) -> tuple[Joint, Any]:
    inputs = member.prepare(shop[0], Context())
    fit_present(member, Examples(inputs, shop[1]), None, Context())
    return member, inputs


def accuracy(probabilities: Floats, targets: Floats, rows: Any = slice(None)) -> list[float]:
    """How often the noun, the size and the colour are right."""
    parts = np.split(np.arange(LABELS), np.cumsum([len(NOUNS), len(SIZES)]))
    return [
        float((probabilities[rows][:, p].argmax(1) == targets[rows][:, p].argmax(1)).mean())
        for p in parts
    ]


@pytest.mark.parametrize("join", ["concat", "add", "gated"])
def test_every_field_tells_what_it_knows(shop: tuple[Catalog, Floats], join: FusionKind) -> None:
    member, inputs = fitted(shop, joint(join=join))
    answer = predict_present(member, inputs, LABELS, Context())
    whole = np.all([part.present for part in inputs.parts], axis=0)
    assert min(accuracy(answer.probabilities, shop[1], whole)) > 0.9
    assert answer.features.shape == (COUNT, 32)
    assert [part.present.sum() for part in inputs.parts] == [162, 144, 160]
    assert inputs.present.tolist() == [i != 11 for i in range(COUNT)]
    assert [(r.id, r.field) for r in inputs.refused] == [("5", "image")]


def test_one_field_alone_is_answered_for(shop: tuple[Catalog, Floats]) -> None:
    member, _ = fitted(shop, joint())
    for m, kept in enumerate(("title", "description", "image")):
        records = [
            {"id": row["id"], kept: row[kept]}
            for row in shop[0].table.select(["id", kept]).to_pylist()
        ]
        alone = member.prepare(Catalog.from_records(records, shop[0].root), Context())
        answer = predict_present(member, alone, LABELS, Context())
        assert accuracy(answer.probabilities, shop[1], answer.present)[m] > 0.9


def test_absent_fields_are_a_vector_of_zeros_and_a_bit() -> None:
    """No branch is run on rows without its field, so nothing in place of them can count."""
    catalog = Catalog.from_records(
        [{"id": "a", "title": "red shoe"}, {"id": "b", "description": "blue lamp"}, {"id": "c"}]
    )
    member = joint("title+description", training={"epochs": 1, "loss": "bce"})
    inputs = member.prepare(catalog, Context())
    assert inputs.present.tolist() == [True, True, False]
    member.fit(
        Examples(inputs, np.eye(3, dtype=np.float32)).take(np.array([0, 1])), None, Context()
    )
    network = member.network
    present, *rest = member.batches(inputs.take(np.array([0, 1])), Context()).batch(
        np.array([0, 1])
    )
    title, description = network.branch_features(present, tuple(rest))
    assert title[0].any()
    assert description[1].any()
    assert not title[1].any()
    assert not description[0].any()


@pytest.mark.parametrize(
    "changes",
    [{}, {"image": {**IMAGE, "train_last": 4, "flip": True}, "join": "gated"}, {"units": None}],
)
def test_state_survives_storage(shop: tuple[Catalog, Floats], changes: dict[str, Any]) -> None:
    member, _ = fitted(shop, joint(**{"training": {**TRAINING, "epochs": 1}, **changes}))
    again = joint(
        **{**changes, "image": {**IMAGE, **changes.get("image", {}), "weights": "no such file"}}
    ).restore(stored(member.state()))
    ours, theirs = (
        predict_present(m, m.prepare(shop[0], Context()), LABELS, Context())
        for m in (member, again)
    )
    assert np.array_equal(ours.probabilities, theirs.probabilities)
    assert np.array_equal(ours.features, theirs.features)
    assert again.provenance() == member.provenance()
    assert {
        "weights",
        "vectors",
        "note",
        "epochs",
        "title",
        "description",
    } <= member.provenance().keys()


def test_branches_learn_with_the_rest(shop: tuple[Catalog, Floats]) -> None:
    """One step further, every branch's weights have moved, the frozen backbone's have not."""
    one, two = (
        fitted(shop, joint(training={**TRAINING, "epochs": n}))[0].state().arrays for n in (1, 2)
    )
    moved = {name for name in one if not np.array_equal(one[name], two[name])}
    assert not any(name.startswith("backbone.") for name in moved)
    for part in (
        "branches.0.channels.tuned",
        "branches.1.convolutions.0.weight",
        "branches.2.penultimate.1.weight",
        "join.hidden.weight",
    ):
        assert f"network.{part}" in moved


def test_pictures_are_read_from_the_cache_of_the_image_modality(
    shop: tuple[Catalog, Floats], tmp_path: Path
) -> None:
    from shelfwise.modalities.image import Image, ImageSettings

    context = Context(cache=tmp_path)
    Image(ImageSettings.model_validate({**IMAGE, "hidden": 0}), "image").prepare(
        replace(shop[0]), context
    )
    shards = sorted(tmp_path.rglob("*.safetensors"))
    assert shards
    joint().prepare(replace(shop[0]), context)  # a copy, which remembers nothing
    assert sorted(tmp_path.rglob("*.safetensors")) == shards


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"texts names \['brand'\]"):
        Joint(JointSettings.model_validate({"texts": {"brand": TEXT}}), "title+image")
    with pytest.raises(ValueError, match="frozen_bn"):
        JointSettings.model_validate({"image": {"frozen_bn": "batch_stats"}})
    usual = Joint(JointSettings(), "title+description+image")
    assert (usual.text_settings("title").maxlen, usual.text_settings("description").maxlen) == (
        57,
        300,
    )
