"""What figures on test products leave unsaid: unknown labels, and copies of training products."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.evaluate import score_catalog
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.evaluation.caveats import (
    caveats,
    copies_figures,
    copies_of_training,
    unknown_labels,
)
from shelfwise.export.loading import open_model
from shelfwise.metrics.counts import Counts

Records = list[dict[str, Any]]


def catalog_of(records: Records) -> Catalog:
    return Catalog.from_records(records)


def test_unknown_labels_count_as_missed() -> None:
    records = [
        {"id": "1", "categories": [["A"], ["New"]]},
        {"id": "2", "categories": [["B", "New"]]},
        {"id": "3", "categories": None},
    ]
    found = unknown_labels(catalog_of(records), LabelSet(("A", "B"), "flat"))
    assert (found.unknown, found.total, found.names) == (2, 4, ("New",))
    truth = np.array([[1, 0], [0, 1], [0, 0]], bool)
    decided = np.array([[1, 0], [0, 0], [0, 0]], bool)
    # 1 hit, 1 given, 2 + 2 true: 2 / 5
    assert found.to_dict(Counts.of(truth, decided, None))["micro_f1_all_labels"] == pytest.approx(
        2 / 5
    )
    everything = np.ones((3, 2), bool)
    nothing = unknown_labels(catalog_of(records), LabelSet(("A", "B", "New"), "flat"))
    assert nothing.to_dict(Counts.of(everything, everything, None))["micro_f1_all_labels"] == 1


def test_nothing_at_all_is_a_micro_f1_of_0() -> None:
    found = unknown_labels(catalog_of([{"id": "1"}]), LabelSet(("A",), "flat"))
    assert found.to_dict(Counts.of(np.zeros((1, 1)), np.zeros((1, 1)), None)) == {
        "unknown": 0,
        "total": 0,
        "names": [],
        "micro_f1_all_labels": 0.0,
    }


def test_copies_are_found_by_text_whatever_their_ids() -> None:
    training = [
        {"id": "1", "title": "Blue Mug!", "description": "Holds 300 ml of tea, dishwasher safe."},
        {"id": "2", "title": "Red lamp", "description": None},
    ]
    test = [
        {"id": "a", "title": "blue mug", "description": None},
        {"id": "b", "title": "Other", "description": "Holds 300 ml of tea; dishwasher safe"},
        {"id": "c", "title": "Green lamp", "description": "A lamp with a shade of paper."},
        {"id": "d", "title": "Green lamp", "description": None},
    ]
    copies = copies_of_training(catalog_of(training), catalog_of(test))
    # c and d are copies of each other, and of no training product
    assert copies.tolist() == [True, True, False, False]


def test_the_figure_without_copies() -> None:
    truth = np.array([[1], [1]], bool)
    decided = np.array([[1], [0]], bool)
    assert copies_figures(np.array([True, False]), truth, decided) == {
        "products": 1,
        "micro_f1_without": 0.0,
    }
    only = copies_figures(np.array([True, True]), truth, decided)
    assert only == {"products": 2, "micro_f1_without": None}
    [sentence] = caveats(None, only)
    assert sentence.endswith("there are no others")


def test_little_is_not_worth_a_sentence() -> None:
    figures = {"unknown": 1, "total": 200, "names": ["New"], "micro_f1_all_labels": 0.5}
    assert caveats(figures, {"products": 0, "micro_f1_without": 0.5}) == []
    assert len(caveats({**figures, "total": 100}, None)) == 1


def test_train_and_evaluate_say_it(tmp_path: Path) -> None:
    words = ("mug", "lamp", "shirt", "toy")
    training: Records = []
    test: Records = []
    for number in range(80):
        word = words[number % 4]
        record = {"id": f"{number}", "title": f"{word} {number}", "categories": [[word]]}
        training.append(record)
        # every second test product is a training product under another id
        title = f"{word} {number}" if number % 2 else f"{word} of ours {number}"
        test.append({"id": f"t{number}", "title": title, "categories": [[word], ["Brand new"]]})
    paths = []
    for name, records in (("training", training), ("test", test)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
        paths.append(path)
    config = Config.parse(
        {
            "members": {"title": {"modality": "text_linear", "field": "title"}},
            "decide_with": "title",
            "split": {"validation_fraction": 0},
            "labels": {"min_count": 2},
            "evaluation": {"bootstrap": 0},
        }
    )
    out = tmp_path / "model"
    results = train(paths[0], out, config, paths[1])
    final = results["systems"]["title"]["metrics"]["tuned"]["micro_f1"]
    figures = results["unknown_labels"]
    assert (figures["unknown"], figures["total"]) == (80, 160)
    assert figures["micro_f1_all_labels"] < final
    assert results["near_copies"]["products"] == 40
    unknown, copies = results["notes"][-2:]
    assert unknown.startswith(
        "50 % of the test products' labels are unknown to the model (Brand new)"
    )
    assert copies.startswith("40 test products have the title or description of a training product")
    assert "Brand new" in (out / "report" / "index.html").read_text("utf-8")
    measured = score_catalog(open_model(out), paths[1], Context())
    assert measured["unknown_labels"] == figures
    assert measured["notes"] == [unknown]
    # a catalogue that the model knows all labels of needs no note
    known = score_catalog(open_model(out), paths[0], Context())
    assert known["notes"] == []
    assert len(read_catalog(paths[0]).catalog) == 80
