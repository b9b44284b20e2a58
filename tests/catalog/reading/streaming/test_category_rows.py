"""Rows that repeat a product with other categories add them to it, however the file is sorted."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from shelfwise.catalog.reading import byte_stream
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import NullReporter, read_catalog
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.config import CatalogSettings

CATEGORIES = ("Lamps", "Chairs", "Tables", "Garden")


def in_categories(number: int) -> list[str]:
    """Every product is in one category, every third in a second, every fifth in a third."""
    first = number % len(CATEGORIES)
    further = [1] * (number % 3 == 0) + [2] * (number % 5 == 0)
    return [CATEGORIES[(first + step) % len(CATEGORIES)] for step in (0, *further)]


def pairs(count: int = 60) -> list[dict[str, Any]]:
    """A row for each pair of a product and a category, sorted by category."""
    rows = [
        {
            "id": f"P{number}",
            "title": f"Article {number}",
            "description": f"Of wood, number {number}",
            "category": category,
        }
        for number in range(count)
        for category in in_categories(number)
    ]
    return sorted(rows, key=lambda row: CATEGORIES.index(row["category"]))


def written(rows: list[dict[str, Any]], path: Path) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    return path


def names(catalog: Any) -> dict[str, set[str]]:
    """By id, the last names of its paths."""
    columns = zip(catalog.ids, catalog.column("categories"), strict=True)
    return {identifier: {path[-1] for path in paths or ()} for identifier, paths in columns}


EXPECTED = {f"P{number}": set(in_categories(number)) for number in range(60)}


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.jsonl", "pairs.json", "pairs.parquet"])
@pytest.mark.parametrize("sort_by", ["category", "id"])
def test_categories_of_all_rows_count(tmp_path: Path, name: str, sort_by: str) -> None:
    rows = sorted(pairs(), key=lambda row: row[sort_by])
    result = read_catalog(written(rows, tmp_path / name))
    assert names(result.catalog) == EXPECTED
    assert {refused.kind for refused in result.quarantine} == {"category row"}
    assert len(result.catalog) + len(result.quarantine) == len(rows) == result.records
    assert result.quarantine[0].reason.startswith("the row's categories are added to the product")
    assert any("are added to it" in sentence for sentence in result.reading.evidence)


@pytest.mark.parametrize("blocks", [1, 30])
def test_blocks_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    path = written(pairs(), tmp_path / "pairs.csv")
    size = path.stat().st_size // blocks + 1
    monkeypatch.setattr(byte_stream, "_CHUNK_BYTES", size)
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", size)
    settings = CatalogSettings(repeated_ids="join")
    assert names(read_catalog(path, settings).catalog) == EXPECTED


def test_a_data_frame_is_read_as_its_file(tmp_path: Path) -> None:
    assert names(read_records(pd.DataFrame(pairs())).catalog) == EXPECTED


def test_whoever_asks_about_each_row_gets_an_answer_for_each() -> None:
    result = read_records(pairs(), ids_repeat=True)
    assert len(result.catalog) == len(pairs())


def test_rows_that_leave_texts_out_belong_to_their_product(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "title": "Mug", "description": "Blue", "category": "Mugs"},
        {"id": "2", "title": "Cap", "description": "Red", "category": "Caps"},
        {"id": "1", "title": "", "description": "", "category": "Gifts"},
    ]
    result = read_catalog(written(rows, tmp_path / "rows.csv"))
    assert names(result.catalog) == {"1": {"Mugs", "Gifts"}, "2": {"Caps"}}


def test_other_versions_of_a_product_add_nothing(tmp_path: Path) -> None:
    rows = [*pairs(), {**pairs()[0], "title": "Another article", "category": "Toys"}]
    result = read_catalog(written(rows, tmp_path / "rows.csv"))
    assert names(result.catalog) == EXPECTED
    assert result.quarantine[-1].kind == "duplicate id"
    told = [sentence for sentence in result.reading.evidence if "repeat" in sentence]
    assert len(told) == 2
    assert "1 repeat an id with another title or description" in told[0]


def test_the_same_row_again_is_a_repeated_id(tmp_path: Path) -> None:
    rows = [*pairs(), pairs()[0]]
    result = read_catalog(written(rows, tmp_path / "rows.csv"))
    assert names(result.catalog) == EXPECTED
    assert result.quarantine[-1].kind == "duplicate id"


def test_by_the_settings_only_the_first_row_counts(tmp_path: Path) -> None:
    path = written(pairs(), tmp_path / "pairs.csv")
    result = read_catalog(path, CatalogSettings(repeated_ids="first"))
    assert all(len(found) == 1 for found in names(result.catalog).values())
    assert {refused.kind for refused in result.quarantine} == {"duplicate id"}
    assert any("by the settings" in sentence for sentence in result.reading.evidence)


def test_levels_in_columns_are_joined_too(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "title": "Mug", "level1": "Home", "level2": "Mugs"},
        {"id": "2", "title": "Cap", "level1": "Clothes", "level2": "Caps"},
        {"id": "1", "title": "Mug", "level1": "Gifts", "level2": "For her"},
    ]
    result = read_catalog(written(rows, tmp_path / "rows.csv"))
    assert result.catalog.column("categories")[0] == [["Home", "Mugs"], ["Gifts", "For her"]]


def test_repeated_products_below_the_beginning_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(pairs(), tmp_path / "pairs.csv")
    # the first category's products are all different
    size = path.stat().st_size // 8
    monkeypatch.setattr(byte_stream, "_CHUNK_BYTES", size)
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", size)
    result = read_catalog(path)
    (note,) = [note for note in result.notes if "repeated_ids" in note]
    assert result.notes[note] == len(pairs()) - 60
    joined = read_catalog(path, CatalogSettings(repeated_ids="join"))
    assert not any("repeated_ids" in note for note in joined.notes)


@pytest.mark.parametrize("count", [1, 2])
def test_shards_have_the_categories_of_all_rows(tmp_path: Path, count: int) -> None:
    source = tmp_path / "source"
    source.mkdir()
    written(pairs(), source / "a.csv")
    if count == 2:
        # of an id that another file had first nothing is added
        written([{**row, "category": "Toys"} for row in pairs()], source / "b.csv")
    out = tmp_path / "shards"
    manifest = ingest_catalog([str(source)], out, CatalogSettings(), NullReporter(), workers=1)
    assert names(read_catalog(out).catalog) == EXPECTED
    kinds = manifest.sources[0].refused
    assert kinds == {"category row": len(pairs()) - 60}
    if count == 2:
        assert set(manifest.sources[1].refused) == {"duplicate id"}
