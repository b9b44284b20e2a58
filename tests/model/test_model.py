"""What a fitted model tells of products whose fields cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from shelfwise import Categorizer
from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import (
    Context,
    Examples,
    FieldInputs,
    Floats,
    PluginSettings,
    RejectedField,
    Rows,
    State,
)
from shelfwise.model.model import Model

MEMBERS = {"image": "image", "both": "title+image"}


class Blind(Modality):
    """Can use no product's image."""

    Settings = PluginSettings

    def prepare(self, catalog: Catalog, context: Context) -> Dark:
        return Dark(
            np.zeros(len(catalog), np.bool_),
            refused=tuple(RejectedField(name, "image", "too dark") for name in catalog.ids),
        )

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        raise AssertionError("nobody is present")

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> Self:
        return self


class Dark(FieldInputs):
    """Nobody."""

    def take(self, rows: Rows) -> Dark:
        return Dark(self.present[rows])


def test_an_image_that_several_members_read_is_refused_once() -> None:
    config = Config.parse(
        {
            "members": {
                name: {"modality": "image", "field": field} for name, field in MEMBERS.items()
            }
        }
    )
    members: dict[str, Modality] = {
        name: Blind(PluginSettings(), field) for name, field in MEMBERS.items()
    }
    model = Model(
        config,
        LabelSet(("A",)),
        members,
        system_members={"fused": tuple(MEMBERS)},
        decide_with="fused",
    )
    answers = model.predict_members(Catalog.from_records([{"id": "1"}, {"id": "2"}]), Context())
    assert answers.refused == (
        RejectedField("1", "image", "too dark"),
        RejectedField("2", "image", "too dark"),
    )


def test_a_product_of_unknown_words_is_given_no_label() -> None:
    words = ["mug", "lamp", "shirt"]
    products = []
    for number in range(60):
        word = words[number % 3]
        title = f"{word} number {number}"
        products.append({"id": str(number), "title": title, "categories": [[word]]})
    config = {"labels": {"min_count": 2}, "threshold": 0.05}
    model = Categorizer(preset="quick", config=config, seed=0).fit(products)
    titles = ["qqqq zzzz", "qqqq mug", "mug", "蓝牙"]
    decisions = list(model.label([{"title": title} for title in titles]))
    assert [decisions[0].names, decisions[3].names] == [[], []]
    assert decisions[0].warnings[0] == "the title was not used: the model knows none of its words"
    assert not any(decisions[0].scores.values())
    # with one word that is known there is evidence
    assert "mug" in decisions[1].names
    assert "mug" in decisions[2].names
    assert not decisions[1].warnings


def test_an_encoder_and_a_brand_never_seen_tell_nothing(
    make_encoder: Callable[..., Path], tmp_path: Path
) -> None:
    words = ["mug", "lamp", "shirt"]
    encoder = str(make_encoder(tmp_path / "encoder", words))
    products = []
    for number in range(60):
        word = words[number % 3]
        product = {"title": f"{word} number {number}", "brand": f"Maker {number % 3}"}
        products.append({"id": str(number), "categories": [[word]], **product})
    members = {
        "title": ("kernel_logistic", "title", {"encoder": encoder}),
        "encoded": ("text_transformer", "title", {"encoder": encoder, "train_last": 0}),
        "brand": ("tabular", "brand", {}),
    }
    config = {
        "labels": {"min_count": 2},
        "threshold": 0.05,
        "members": {
            name: {"modality": modality, "field": field, "settings": settings}
            for name, (modality, field, settings) in members.items()
        },
        "systems": {"mean": {"policy": "mean"}},
        "decide_with": "mean",
    }
    model = Categorizer(preset="quick", config=config, seed=0).fit(products)
    # "qqqq lumps" shares two letters with "lamp", and the encoder gives it a vector
    met = [{"title": "qqqq lumps", "brand": "Qqq"}, {"title": "qqqq", "brand": "maker 1"}]
    unknown, known_brand = model.label(met)
    assert unknown.names == []
    assert not any(unknown.scores.values())
    assert unknown.warnings[:2] == (
        "the title was not used: the model knows none of its words",
        "the brand was not used: the model knows none of its words",
    )
    assert "lamp" in known_brand.names
    assert not known_brand.warnings
