"""Why a label was given: members whose whole knowledge is known are explained by exactly that."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from PIL import Image

from shelfwise import Categorizer
from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, FieldInputs, PluginSettings, Rows, State
from shelfwise.evaluation.evaluate import evaluate_model
from shelfwise.explain import explanation
from shelfwise.explain.explanation import MAX_SHOWN, Explanation, explain_products
from shelfwise.explain.shapley import contributions
from shelfwise.fusion.mean import Mean
from shelfwise.model.model import Model
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.reports.explanation_report import evidence_view, write_explanations


@dataclass(frozen=True)
class Values(FieldInputs):
    values: np.ndarray

    def take(self, rows: Rows) -> Values:
        return Values(self.present[rows], self.values[rows])


class Stub(Modality):
    """Two labels, Mugs and Lamps; features are the probabilities."""

    Settings = PluginSettings

    def fit(self, train: Any, validation: Any, context: Context) -> Self:
        return self

    def predict(self, inputs: Values, context: Context) -> tuple[np.ndarray, np.ndarray]:
        return inputs.values, inputs.values

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> Self:
        return self


class ReadsWords(Stub):
    """Mugs where "mug" stands in title or description, less so with "not"; never Lamps."""

    def prepare(self, catalog: Catalog, context: Context) -> Values:
        assert context.cache is None, "variants must not fill the cache"
        texts = [
            f"{t or ''} {d or ''}".lower()
            for t, d in zip(catalog.column("title"), catalog.column("description"), strict=True)
        ]
        mugs = [0.9 - 0.4 * ("not" in text) if "mug" in text else 0.1 for text in texts]
        return Values(
            np.array([bool(text.strip()) for text in texts]),
            np.array([[mug, 0.0] for mug in mugs], np.float32),
        )


class SeesCorner(Stub):
    """Lamps by the brightness of the bottom right quarter."""

    def prepare(self, catalog: Catalog, context: Context) -> Values:
        values, present = [], []
        for source in catalog.image_sources():
            present.append(source is not None)
            file = io.BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file) if file is not None else Image.new("L", (8, 8)) as image:
                pixels = np.asarray(image.convert("L"), np.float32) / 255
            values.append([0.0, pixels[-len(pixels) // 4 :, -pixels.shape[1] // 4 :].mean()])
        return Values(np.array(present), np.array(values, np.float32))


@pytest.fixture
def model() -> Model:
    members = {
        "words": {"modality": "text_linear", "field": "title+description"},
        "eye": {"modality": "image", "field": "image"},
    }
    config = Config.parse(
        {
            "members": members,
            "systems": {"both": {"policy": "mean"}},
            "threshold": 0.2,
            "decide_with": "both",
        }
    )
    targets = np.array([[1, 0], [1, 1], [0, 1], [1, 0]] * 3, np.float32)
    near = Neighbours.of(
        {"words": targets, "eye": targets}, [f"t{i}" for i in range(12)], ["A mug"] * 12, targets
    )
    return Model(
        config,
        LabelSet(("Mugs", "Lamps")),
        {
            "words": ReadsWords(PluginSettings(), "title+description"),
            "eye": SeesCorner(PluginSettings(), "image"),
        },
        {"both": Mean(Mean.Settings())},
        {"both": ("words", "eye")},
        thresholds={"words": 0.2, "eye": 0.2, "both": 0.2},
        decide_with="both",
        nearest_neighbours=near,
        facts={
            "widths": {"words": 2, "eye": 2},
            "not_run": {},
            "policies": {},
            "provenance": {"words": {}, "eye": {}},
        },
    )


@pytest.fixture
def products(tmp_path: Path) -> Catalog:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[48:, 48:] = 255
    Image.fromarray(pixels).save(tmp_path / "corner.png")
    return Catalog.from_records(
        [
            {
                "id": "a",
                "title": "Red MUG",
                "description": "A mug, not a cup.",
                "image": "corner.png",
                "brand": "Mugwort",
            },
            {"id": "b", "title": "mug"},
            {"id": "t0", "image": "corner.png"},
            {"id": "d"},
        ],
        tmp_path,
    )


@pytest.fixture
def explained(model: Model, products: Catalog) -> list[Explanation]:
    return explain_products(model, products, Context())


def test_words_that_carry_a_label(explained: list[Explanation]) -> None:
    words = {(w.field, w.text): w for w in explained[0].reasons["Mugs"].words}
    assert [text for _, text in words] == ["Red", "MUG", "A", "mug", "not", "a", "cup"]
    assert [field for field, _ in words] == ["title"] * 2 + ["description"] * 5
    assert (
        words["title", "MUG"].weight
        == words["description", "mug"].weight
        == pytest.approx((0.5 - 0.1) / 2, abs=1e-6)
    )
    assert words["description", "not"].weight == pytest.approx((0.5 - 0.9) / 2, abs=1e-6), (
        "it speaks against the label"
    )
    assert words["title", "Red"].weight == words["description", "cup"].weight == 0
    for word in words.values():
        assert explained[0].texts[word.field][word.start : word.end] == word.text


def test_a_word_that_is_all_there_is(explained: list[Explanation]) -> None:
    [word] = explained[1].reasons["Mugs"].words
    assert word.weight == explained[1].reasons["Mugs"].score == pytest.approx(0.9), (
        "without it the product has no field"
    )
    assert explained[1].reasons["Mugs"].picture is None


def test_the_place_in_the_image(explained: list[Explanation]) -> None:
    found = explained[2].reasons["Lamps"].picture
    assert found is not None
    assert np.unravel_index(found.argmax(), found.shape) == (7, 7)
    assert abs(found[:4, :4]).max() < 0.01
    assert explained[2].reasons["Lamps"].words == ()


def test_training_products_that_carry_the_label(explained: list[Explanation]) -> None:
    pytest.importorskip("faiss")
    lamps = explained[2].reasons["Lamps"].near
    assert len(lamps) == MAX_SHOWN
    assert all("Lamps" in other["labels"] for other in lamps)
    similarities = [other["similarity"] for other in lamps]
    assert similarities == sorted(similarities, reverse=True)


def test_a_product_is_no_evidence_for_itself(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(explanation, "MAX_SHOWN", 50)
    same = Catalog.from_records([{"id": "x", "title": "mug"}, {"id": "t0", "title": "mug"}])
    other_product, itself = (
        {other["id"] for other in e.reasons["Mugs"].near}
        for e in explain_products(model, same, Context())
    )
    assert other_product - itself == {"t0"}


def test_without_the_library_no_products_are_named(
    model: Model, products: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    reason = explain_products(model, products.take([0]), Context())[0].reasons["Mugs"]
    assert reason.near == ()
    assert reason.words


def test_members_that_contradict_each_other_reach_the_results(
    model: Model, products: Catalog
) -> None:
    targets = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], np.float32)
    [found] = evaluate_model(model, products, targets, Context())["disagreements"]
    assert (found["id"], found["title"], found["truth"]) == ("a", "Red MUG", ["Mugs"])
    assert [(s["member"], s["label"], s["other"]) for s in found["sides"]] == [
        ("words", "Mugs", "eye"),
        ("eye", "Lamps", "words"),
    ]
    assert [(s["score"], s["against"]) for s in found["sides"]] == [(0.5, 0.0), (1.0, 0.0)]
    json.dumps(found, allow_nan=False)


def test_only_what_is_asked_for(model: Model, products: Catalog) -> None:
    wanted = np.zeros((4, 2), bool)
    wanted[1, 1] = wanted[3, 0] = True
    explained = explain_products(model, products, Context(), wanted, evidence=False)
    assert [list(e.reasons) for e in explained] == [[], ["Lamps"], [], ["Mugs"]]
    assert explained[1].reasons["Lamps"].words == ()
    assert explained[3].reasons["Mugs"].score == 0
    assert explained[3].texts == {}


def test_contributions_of_a_mean(model: Model, products: Catalog) -> None:
    answers = model.predict_members(products, Context())
    shares = contributions(model, answers)
    np.testing.assert_allclose(shares.sum(axis=1), model.scores(answers), atol=1e-6)
    predicted = answers.outputs(["words", "eye"]).scores[0]
    # alone a member's score is the mean, together half of it:
    # the Shapley value is the mean of p and (p + q) / 2 - q
    np.testing.assert_allclose(
        shares[0, 0],
        (predicted[0] + (predicted[0] + predicted[1]) / 2 - predicted[1]) / 2,
        atol=1e-6,
    )
    model.decide_with = "words"
    np.testing.assert_array_equal(
        contributions(model, model.predict_members(products, Context()))[:, 0],
        model.scores(answers, "words"),
    )


def test_pages_of_explanations_are_json_and_inert(
    explained: list[Explanation], products: Catalog, tmp_path: Path
) -> None:
    kept = json.loads(json.dumps([e.to_dict() for e in explained], allow_nan=False))
    kept[1]["texts"]["title"] = "<script>mug"
    kept[1]["reasons"]["Mugs"]["words"][0] |= {"start": 8, "end": 11}
    images = dict(zip(products.ids, products.image_sources(), strict=True))
    page = write_explanations(kept, tmp_path / "pages", images.get).read_text("utf-8")
    assert "<script>mug" not in page
    assert "&lt;script&gt;" in page
    assert page.count("data:image/jpeg") == 2 + len(kept[0]["reasons"]) + len(kept[2]["reasons"])
    assert ">MUG</mark>" in page
    assert 'class="against"' in page
    assert "No label was predicted." in page
    assert "http" not in page.replace("http-equiv", "")


def test_pieces_of_a_view_make_up_the_text(explained: list[Explanation]) -> None:
    view = evidence_view(explained[0].to_dict(), None)
    for reason in view["reasons"]:
        assert {
            field: "".join(text for text, _ in pieces) for field, pieces in reason["texts"].items()
        } == view["texts"]
        assert reason["heat"] is None
    strengths = {
        text: strength
        for pieces in view["reasons"][0]["texts"].values()
        for text, strength in pieces
        if strength is not None
    }
    assert strengths == {"MUG": pytest.approx(1), "mug": pytest.approx(1), "not": pytest.approx(-1)}


def test_through_the_facade(trained: Path, sample: Path, records: list[dict[str, Any]]) -> None:
    categorizer = Categorizer.load(trained)
    categorizer.root = sample.parent
    categorizer.model_.config = categorizer.model_.config.model_copy(update={"threshold": 0.0})
    product = {key: records[0][key] for key in ("id", "title", "description", "image")}
    [labels] = categorizer.explain([product], evidence=True)
    assert set(labels) == set(categorizer.classes_)
    reason = next(iter(labels.values()))
    assert {w["field"] for w in reason["words"]} == {"title", "description"}
    assert np.shape(reason["picture"]) == (8, 8)
    falls = np.array([[w["weight"] for w in r["words"]] for r in labels.values()])
    assert np.abs(falls).max() > 0, "some word of a product changes some score"
    json.dumps(labels, allow_nan=False)
