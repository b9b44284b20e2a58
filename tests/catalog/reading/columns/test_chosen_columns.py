"""A field's usual column that holds nothing gives way to another one, and that is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings
from tests.catalog.reading.written_products import read, table

SHOPIFY = ("Handle", "Title", "Product Category", "Type", "Tags", "Variant Price", "Price")
ROWS = [(f"mug-{i}", f"Mug {i}", "", "", "mugs, gifts", "", f"{i}.5") for i in range(6)]


def checked(result: ReadResult) -> None:
    assert result.catalog.column("categories") == [[["mugs"], ["gifts"]]] * 6
    assert result.catalog.column("price")[1] == 1.5
    assert not result.quarantine


def test_an_empty_column_gives_way(tmp_path: Path) -> None:
    result = read(tmp_path, table(SHOPIFY, ROWS))
    checked(result)
    assert "categories: Tags is taken, as Product Category is empty" in result.reading.evidence
    assert result.reading.columns["categories"] == "Tags"


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_in_json_too(tmp_path: Path, name: str) -> None:
    records: list[dict[str, Any]] = [dict(zip(SHOPIFY, row, strict=True)) for row in ROWS]
    text = "\n".join(map(json.dumps, records)) if name == "a.jsonl" else json.dumps(records)
    result = read(tmp_path, text, name)
    checked(result)
    # nothing is left of the empty column
    assert "Product Category" not in result.catalog.table.column_names


def test_from_python_too() -> None:
    checked(read_records([dict(zip(SHOPIFY, row, strict=True)) for row in ROWS]))


def test_a_column_that_the_settings_name_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(SHOPIFY, ROWS))
    settings = CatalogSettings(columns={"categories": "Product Category"})
    assert read_catalog(path, settings).catalog.column("categories") == [None] * 6


def test_one_value_is_enough_to_stay(tmp_path: Path) -> None:
    rows = [*ROWS[:-1], ("mug-9", "Mug", "Home > Mugs", "", "mugs", "", "")]
    result = read(tmp_path, table(SHOPIFY, rows))
    assert result.reading.columns["categories"] == "Product Category"
    assert any("Tags could be it too" in sentence for sentence in result.reading.rivals)


@pytest.mark.parametrize(
    "names",
    [
        ("Étiquettes", "Catégories"),
        ("Schlagwörter", "Kategorien"),
        ("Etiquetas", "Categorías"),
        ("Labels", "Categorie"),
        ("Tagi", "Kategoria"),
        ("タグ", "カテゴリー"),
        ("标签", "分类"),
        ("Теги", "Категорії"),
    ],
)
def test_categories_go_before_tags_in_every_language(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    rows = [(n, f"Mug {n}", ("new", "sale")[n % 2], ("Mugs", "Pots")[n % 2]) for n in range(6)]
    result = read(tmp_path, table(("id", "title", *names), rows))
    assert result.reading.columns["categories"] == names[1]
    assert any(f"{names[0]} could be it too" in told for told in result.reading.rivals)


@pytest.mark.parametrize("names", [("标签", "商品分类"), ("Tags", "Item category")])
def test_categories_by_a_word_go_before_tags(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [(n, f"Mug {n}", ("new", "sale")[n % 2], ("Mugs", "Pots")[n % 2]) for n in range(6)]
    result = read(tmp_path, table(("id", "title", *names), rows))
    assert result.reading.columns["categories"] == names[1]
    assert any(f"is taken, as {names[0]} holds tags" in told for told in result.reading.evidence)
    # a type may be one of another kind
    result = read(tmp_path, table(("id", "title", names[0], "type"), rows))
    assert result.reading.columns["categories"] == names[0]


def test_an_empty_column_of_categories_is_none(tmp_path: Path) -> None:
    """The products had no categories, without a word."""
    rows = [(n, f"Mug {n}", "", ("Mugs", "Gifts")[n % 2]) for n in range(12)]
    result = read(tmp_path, table(("id", "title", "categories", "Type"), rows))
    assert result.reading.columns["categories"] == "Type"
