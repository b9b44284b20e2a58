"""A catalogue becomes Parquet files through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.cli.main import app

LINES = [
    '{"id": "1", "title": "Mug &amp; saucer", "categories": [["Home", "Mugs"]], "colour": "red"}',
    '{"id": "2", "title": "Pen", "price": "free"}',
    '{"id": "2", "title": "Pencil"}',
    '{"id": "3", "title": ',
]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "shop.jsonl"
    path.write_text("\n".join(LINES) + "\n", "utf-8")
    return path


def export(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_the_files_hold_the_checked_catalogue(catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "parquet"
    done = export(catalog, "--parquet", out, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["records"], found["accepted"], found["format"]) == (4, 2, "jsonl")
    assert found["quarantined"] == {"duplicate id": 1, "not a record": 1}
    assert found["shards"] == [str(out / "products-00000.parquet")]
    assert found["out"] == str(out)
    reading = read_catalog(catalog)
    assert read_catalog(out / "products-00000.parquet").catalog.table.equals(reading.catalog.table)
    write_quarantine(reading.quarantine, tmp_path / "expected.jsonl")
    assert (out / "quarantine.jsonl").read_bytes() == (tmp_path / "expected.jsonl").read_bytes()
    assert sorted(file.name for file in out.iterdir()) == [
        "products-00000.parquet",
        "quarantine.jsonl",
    ]


def test_people_are_given_sentences(catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "parquet"
    done = export(catalog, "--parquet", out)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        f"2 of 4 records, read as jsonl, are products: 1 Parquet file in {out}",
        f"the others are in {out / 'quarantine.jsonl'} (duplicate id: 1, not a record: 1)",
        "note: 1 x the price is not a price, so there is none",
    ]


@pytest.mark.parametrize("option", ["--onnx", "--migrate", "--out", "--int8"])
def test_one_export_at_a_time(catalog: Path, tmp_path: Path, option: str) -> None:
    done = export(catalog, "--parquet", tmp_path / "parquet", option, tmp_path / "other")
    assert done.exit_code != 0
    assert "name what to export" in str(done.exception)
    assert not (tmp_path / "parquet").exists()


def test_a_folder_is_no_catalogue(tmp_path: Path) -> None:
    done = export(tmp_path, "--parquet", tmp_path / "parquet")
    assert "is a folder" in str(done.exception)
