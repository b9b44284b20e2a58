"""Levels of systems of goods in columns of their own."""

from __future__ import annotations

from pathlib import Path

from tests.catalog.reading.written_products import PRODUCTS, paths_read, read, table

LEVELS = [{(p.brand, p.leaves[0])} for p in PRODUCTS]


def test_names_count_and_not_their_codes(tmp_path: Path) -> None:
    names = ("BrickCode", "BrickTitle", "FamilyCode", "FamilyTitle")
    rows = [(p.id, p.title, 10, p.leaves[0], 20, p.brand) for p in PRODUCTS]
    assert paths_read(read(tmp_path, table(("id", "title", *names), rows))) == LEVELS


def test_classes_of_etim_beside_two_descriptions(tmp_path: Path) -> None:
    names = ("Supplier PID", "Short description", "Long description", "ETIM group", "ETIM class")
    rows = [(p.id, p.title, p.description, p.brand, p.leaves[0]) for p in PRODUCTS]
    result = read(tmp_path, table(names, rows))
    assert paths_read(result) == LEVELS
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert result.catalog.column("description") == [p.description for p in PRODUCTS]


def test_a_class_of_etim_alone_is_a_category(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.leaves[0]) for p in PRODUCTS]
    result = read(tmp_path, table(("id", "title", "ETIM class name"), rows))
    assert paths_read(result) == [{(p.leaves[0],)} for p in PRODUCTS]
