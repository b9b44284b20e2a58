"""Answers are one a record, in its order, whether the records are in a file or in a program."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shelfwise import Categorizer
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.reading.refused_rows import one_row_a_record
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.errors import CatalogError

CONFIG = {
    "members": {"title": {"modality": "text_linear", "field": "title"}},
    "decide_with": "title",
}


def test_refused_records_stand_in_their_places(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    records = [
        {"title": "no id"},
        {"id": "1"},
        {"id": "1"},
        {"id": "2"},
        {"id": "3"},
        {"id": "3"},
        {"title": "no id"},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    reading = read_catalog(path)

    def number(record: Quarantined) -> str:
        return f"line {record.line}"

    rows = one_row_a_record(iter(reading.catalog.ids), deque(reading.quarantine), number)
    assert list(rows) == ["line 1", "1", "line 3", "2", "3", "line 6", "line 7"]


@pytest.fixture(scope="module")
def model() -> Categorizer:
    training = [
        {"id": str(number), "title": word, "categories": [[word]]}
        for number, word in enumerate(["mug", "lamp"] * 20)
    ]
    config = {**CONFIG, "systems": {}, "labels": {"min_count": 2}}
    return Categorizer(preset="quick", config=config).fit(training)


BAD = {"id": "b", "title": {"size": 3}}
RECORDS = [BAD, {"id": "1", "title": "mug"}, BAD, BAD, {"id": "2", "title": "lamp"}, BAD]
REFUSED = [True, False, True, True, False, True]


def a_file(folder: Path) -> Any:
    path = folder / "new.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), "utf-8")
    return path


def a_list(folder: Path) -> Any:
    return RECORDS


def a_generator(folder: Path) -> Any:
    return (dict(record) for record in RECORDS)


def a_data_frame(folder: Path) -> Any:
    return pd.DataFrame(RECORDS)


@pytest.mark.parametrize("make", [a_file, a_list, a_generator, a_data_frame])
def test_every_answer_has_a_row_for_every_record(
    make: Callable[[Path], Any], model: Categorizer, tmp_path: Path
) -> None:
    def products() -> Any:
        return make(tmp_path)

    rows = model.rows(products())
    assert [row.id for row in rows] == [record["id"] for record in RECORDS]
    assert [row.refused is not None for row in rows] == REFUSED
    assert all("the title" in row.refused for row in rows if row.refused is not None)
    refused = np.array(REFUSED)
    for matrix in (model.predict_proba(products()), model.embed(products())):
        np.testing.assert_array_equal(np.isnan(matrix).all(axis=1), refused)
        np.testing.assert_array_equal(np.isnan(matrix).any(axis=1), refused)
    np.testing.assert_array_equal(np.isnan(model.novelty(products())), refused)
    decided = model.predict(products())
    assert decided.dtype == np.bool_
    assert decided.tolist()[1] == (model.classes_ == "mug").tolist()
    assert not decided[refused].any()
    words = [[], ["mug"], [], [], ["lamp"], []]
    assert model.categorize(products()) == words
    assert [decision.names for decision in model.label(products())] == words
    explained = model.explain(products())
    assert [list(labels) for labels in explained] == words
    similar = model.similar(products(), k=1)
    assert [len(found) for found in similar] == [0 if bad else 1 for bad in REFUSED]
    # an answer of its own for each
    similar[0].append({})
    assert similar[2] == []


def test_a_file_has_rows_for_repeated_ids_too(model: Categorizer, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    records = [{"id": "1", "title": "mug"}, {"brand": "Kestrel"}, {"id": "1", "title": "lamp"}]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    first, second, third = model.label(str(path))
    assert (first.id, first.names, first.refused) == ("1", ["mug"], None)
    assert (second.id, second.names) == ("", [])
    assert second.refused is not None
    assert "id" in second.refused
    assert (third.id, third.names) == ("1", [])
    assert third.refused is not None
    assert third.refused == third.to_dict()["refused"]
    assert [row.refused for row in model.rows(path)] == [None, second.refused, third.refused]
    assert len(model.predict_proba(path)) == 3


def test_products_of_which_none_can_be_read_are_an_error(model: Categorizer) -> None:
    with pytest.raises(CatalogError, match="1 of 1 products cannot be used"):
        model.predict([BAD])
