"""``predict`` writes one row a record, in the order of the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.predict import predict_catalog, summary_lines
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.model.bundle import load_bundle
from shelfwise.model.model import Model
from shelfwise.training.fit import fit_catalog


@pytest.fixture(scope="module")
def model(title_model: Path) -> Model:
    """One that reads titles only."""
    return Model.from_bundle(load_bundle(title_model))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of predictions."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


RECORDS: list[dict[str, Any]] = [
    {"id": "", "title": ""},
    {"id": "1", "title": "Blue mug"},
    {"id": "2", "title": "Red mug"},
    {"id": "1", "title": "another mug"},
    {"id": " ", "title": ""},
    {"id": "3", "title": "Green mug"},
    {"id": "3"},
]
IDS = [None, "1", "2", "1", None, "3", "3"]
REFUSED = [0, 3, 4, 6]


def written(folder: Path, shape: str) -> Path:
    """The records in one of the containers."""
    source = folder / f"new.{shape}"
    if shape == "jsonl":
        source.write_text("\n".join(map(json.dumps, RECORDS)) + "\n")
    elif shape == "json":
        # all of them on one line
        source.write_text(json.dumps(RECORDS))
    elif shape == "csv":
        lines = [f"{record.get('id', '')},{record.get('title', '')}" for record in RECORDS]
        source.write_text("\n".join(["id,title", *lines]) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([{"id": None, **record} for record in RECORDS]), source)
    return source


@pytest.mark.parametrize("shape", ["jsonl", "json", "csv", "parquet"])
@pytest.mark.parametrize("name", ["labels.jsonl", "labels.parquet"])
def test_a_refused_record_has_a_row_in_its_place(
    model: Model, tmp_path: Path, shape: str, name: str
) -> None:
    out = tmp_path / name
    summary = predict_catalog(model, written(tmp_path, shape), out, Context(), precision=0.9)
    rows = rows_of(out)
    assert [row["id"] for row in rows] == IDS
    assert [place for place, row in enumerate(rows) if row.get("refused")] == REFUSED
    for place in REFUSED:
        assert rows[place]["labels"] == []
        assert not rows[place]["scores"]
    assert "id is missing" in rows[0]["refused"]
    assert "the id is that of line" in rows[3]["refused"]
    assert (summary["rows"], summary["products"], summary["quarantined"]) == (7, 3, 4)
    assert "4 records could not be read; each has a row" in "\n".join(summary_lines(summary))
    # refused records stand in no queue
    assert sum(summary["queues"].values()) == 3


def test_places_are_right_beyond_the_first_block(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "large.csv"
    filler = "word " * 200
    lines = [f"{'' if n % 1500 == 7 else n},{filler}" for n in range(9000)]
    source.write_text("\n".join(["id,description", *lines]) + "\n")
    predict_catalog(model, source, tmp_path / "labels.jsonl", Context(), top=1)
    expected = [None if n % 1500 == 7 else str(n) for n in range(9000)]
    assert [row["id"] for row in rows_of(tmp_path / "labels.jsonl")] == expected


def test_a_column_of_the_model_may_come_late_or_never(sample: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "labels": {"min_count": 8},
        "split": {"validation_fraction": 0},
        "stacking": {"folds": 3},
        "decide_with": "text",
        "members": {"text": {"modality": "text_linear", "field": "colour"}},
        "systems": {},
    }
    catalog = read_catalog(sample).catalog
    colours = catalog.table.append_column("colour", catalog.table.column("title"))
    products = replace(catalog, table=colours)
    reader = fit_catalog(products, Config.load("quick", changes=changes), Context())
    # the first portion is of products without the column
    records: list[dict[str, str]] = [{"id": str(n), "title": "mug"} for n in range(3000)]
    source = tmp_path / "late.jsonl"
    title = catalog.column("title")[0]
    records[-1]["colour"] = title
    source.write_text("\n".join(map(json.dumps, records)) + "\n")
    summary = predict_catalog(reader, source, tmp_path / "late.out.jsonl", Context(), top=1)
    rows = rows_of(tmp_path / "late.out.jsonl")
    assert summary["missing_columns"] == []
    assert rows[-1]["scores"]
    assert rows[-1]["scores"] != rows[0]["scores"]
    del records[-1]["colour"]
    source.write_text("\n".join(map(json.dumps, records)) + "\n")
    summary = predict_catalog(reader, source, tmp_path / "never.out.jsonl", Context(), top=1)
    assert summary["missing_columns"] == ["colour"]
    told = "\n".join(summary_lines(summary))
    assert "the model also reads colour; no product has a value there" in told


def test_what_the_model_cannot_use_is_told(model: Model, tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    records = [{"id": str(number), "colour": "red"} for number in range(3)]
    source.write_text("\n".join(map(json.dumps, records)), "utf-8")
    summary = predict_catalog(model, source, tmp_path / "labels.jsonl", Context())
    assert summary["without_fields"] == 3
    told = "without a label, for want of a field that the model can use: 3 products"
    assert told in summary_lines(summary)


def test_products_of_another_kind_are_told() -> None:
    counts = {"products": 20, "out": "o", "labels_given": 0, "quarantined": 0, "refused": 0}
    summary = {**counts, "missing_columns": [], "without_fields": 0, "unusual": 11}
    said = " ".join(summary_lines(summary))
    assert "11 of 20 products are unlike those the model was trained on" in said
    # one in twenty is by the meaning of the number
    assert "unlike" not in " ".join(summary_lines({**summary, "unusual": 10}))
    assert "unlike" not in " ".join(summary_lines({**summary, "products": 5, "unusual": 5}))
