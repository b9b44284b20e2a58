"""Decisions are the same from the command line, Python and files, and say what they rest on."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise import Categorizer
from shelfwise.commands.predict import predict_catalog
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import ConfigError
from shelfwise.export.loading import open_model
from shelfwise.model import labelling
from shelfwise.model.decision import Decision
from shelfwise.model.labelling import LabelRequest, label
from shelfwise.model.predictor import Predictor
from shelfwise.taxonomy.hierarchy import Taxonomy

FORMAT_1 = Path(__file__).parent / "model_of_format_1.zip"
"""A small model with a taxonomy, acceptance limits and a novelty detector, and 20 products."""

REQUESTS: list[dict[str, Any]] = [
    {},
    {"precision": 0.9},
    {"novelty_rate": 0.2},
    {"precision": 0.9, "novelty_rate": 0.2, "top": 3},
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    zipfile.ZipFile(FORMAT_1).extractall(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(saved: Path) -> Predictor:
    return open_model(saved / "model")


@pytest.fixture(scope="module")
def categorizer(trained: Path, sample: Path) -> Categorizer:
    categorizer = Categorizer.load(trained)
    categorizer.root = sample.parent
    return categorizer


@pytest.mark.parametrize("request_", REQUESTS, ids=["plain", "precision", "novelty", "all"])
def test_python_and_the_file_decide_alike(
    predictor: Predictor, saved: Path, tmp_path: Path, request_: dict[str, Any]
) -> None:
    out = tmp_path / "labelled.jsonl"
    predict_catalog(predictor, saved / "catalog.jsonl", out, Context(), **request_)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    decisions = list(Categorizer.from_model(predictor).label(saved / "catalog.jsonl", **request_))
    assert len(rows) == len(decisions) == 20
    for row, decided in zip(rows, decisions, strict=True):
        assert row["id"] == decided.id
        assert row["labels"] == decided.names
        assert row.get("queue") == decided.queue
        assert row.get("accepted", []) == list(decided.accepted)
        assert row.get("to_review", []) == list(decided.to_review)
        assert row["novelty"] == decided.novelty
        assert list(row["scores"].items()) == list(decided.scores.items())


def test_labels_are_those_of_categorize_with_their_scores(
    predictor: Predictor, saved: Path
) -> None:
    categorizer = Categorizer.from_model(predictor)
    names = categorizer.categorize(saved / "catalog.jsonl")
    scores = categorizer.predict_proba(saved / "catalog.jsonl")
    column = {name: place for place, name in enumerate(categorizer.classes_)}
    decisions = list(categorizer.label(saved / "catalog.jsonl"))
    assert [decided.names for decided in decisions] == names
    assert any(names)
    for row, decided in enumerate(decisions):
        for given in decided.labels:
            assert np.float32(given.score) == scores[row, column[given.name]]
            assert given.score == decided.scores[given.name]
            assert given.path[-1] == given.name


def test_queues_of_labels_and_products(predictor: Predictor, saved: Path) -> None:
    decisions = list(Categorizer.from_model(predictor).label(saved / "catalog.jsonl", 0.9, 0.2))
    assert {decided.queue for decided in decisions} >= {"review", "novel"}
    for decided in decisions:
        if decided.queue == "novel":
            assert decided.labels == decided.accepted == decided.to_review == ()
        for given in decided.labels:
            assert (given.queue == "accept") == (given.name in decided.accepted)
            assert (given.queue == "review") == (given.name in decided.to_review)


def test_a_decision_is_json_ready(predictor: Predictor, saved: Path) -> None:
    first = next(Categorizer.from_model(predictor).label(saved / "catalog.jsonl", 0.9))
    assert isinstance(first, Decision)
    values = json.loads(json.dumps(first.to_dict(), allow_nan=False))
    assert values["id"] == first.id
    assert [one["name"] for one in values["labels"]] == first.names
    assert values["scores"] == first.scores
    assert values["queue"] == first.queue
    assert values["used_modalities"] == list(first.used_modalities)


def test_what_a_decision_rests_on(categorizer: Categorizer, sample: Path, tmp_path: Path) -> None:
    image = next((sample.parent / "images").glob("*.jpg"))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(image.read_bytes()[:40])
    whole, damaged, nothing = categorizer.label(
        [
            {"id": "whole", "title": "mug", "description": "a mug", "image": str(image)},
            {"id": "damaged", "title": "mug", "image": str(broken)},
            {"id": "nothing"},
        ]
    )
    assert sorted(whole.used_modalities) == ["description", "image", "title"]
    assert whole.missing_modalities == whole.warnings == whole.rejected == ()
    assert damaged.used_modalities == ("title",)
    assert sorted(damaged.missing_modalities) == ["description", "image"]
    [rejected] = damaged.rejected
    assert (rejected.id, rejected.field) == ("damaged", "image")
    assert damaged.warnings == (f"the image was not used: {rejected.reason}",)
    assert nothing.used_modalities == nothing.labels == ()
    assert "none of the fields" in nothing.warnings[0]


def test_decisions_come_chunk_by_chunk(
    predictor: Predictor, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = list(Categorizer.from_model(predictor).label(saved / "catalog.jsonl"))
    monkeypatch.setattr(labelling, "CHUNK_ROWS", 7)
    sizes: list[int] = []
    predict_members = predictor.predict_members

    def counted(catalog: Catalog, context: Context) -> Any:
        sizes.append(len(catalog))
        return predict_members(catalog, context)

    monkeypatch.setattr(predictor, "predict_members", counted)
    decisions = Categorizer.from_model(predictor).label(saved / "catalog.jsonl")
    assert sizes == [], "nothing is computed before it is drawn"
    first = [next(decisions) for _ in range(7)]
    assert sizes == [7]
    rest = list(decisions)
    assert sizes == [7, 7, 6]
    assert [one.names for one in [*first, *rest]] == [one.names for one in wanted]


def test_what_cannot_be_promised_is_refused_before_the_first_decision(
    categorizer: Categorizer,
) -> None:
    model = categorizer.model_
    assert model.novelty is None
    with pytest.raises(ConfigError, match="no novelty detector"):
        categorizer.label([{"title": "mug"}], novelty_rate=0.05)
    with pytest.raises(ConfigError, match=r"no limits for a precision of 0\.5"):
        next(
            label(
                model,
                Catalog.from_records([{"id": "1", "title": "mug"}]),
                Context(),
                LabelRequest(0.5),
            )
        )


@pytest.mark.parametrize(
    "wish", [{"precision": "0.95"}, {"precision": [0.95]}, {"novelty_rate": "0.05"}, {"top": 1.5}]
)
def test_a_wish_of_another_type_is_refused(wish: dict[str, Any]) -> None:
    ((name, value),) = wish.items()
    with pytest.raises(ConfigError, match=rf"^{name} is {re.escape(repr(value))}; expected a "):
        LabelRequest(**wish)


def test_paths_go_through_the_first_parent() -> None:
    names = ("Birds", "Cages", "Feeders", "Garden", "Pets")
    edges = np.array([[0, 4], [1, 0], [2, 0], [2, 3]])
    assert Taxonomy(names, edges).paths == (
        ("Pets", "Birds"),
        ("Pets", "Birds", "Cages"),
        ("Pets", "Birds", "Feeders"),
        ("Garden",),
        ("Pets",),
    )


def test_from_model_uses_the_model_as_it_is(predictor: Predictor) -> None:
    categorizer = Categorizer.from_model(predictor)
    assert categorizer.model_ is predictor
    assert tuple(categorizer.classes_) == predictor.labels.names
    assert categorizer.get_params()["config"] == predictor.config.dump()
