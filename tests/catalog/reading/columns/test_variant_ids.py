"""Variants with ids of their own belong to the product whose key they repeat."""

from __future__ import annotations

from pathlib import Path

from tests.catalog.reading.written_products import read, table

HEADER = ("Identificador URL", "Nome", "Categorias", "SKU")


def test_rows_without_a_title_repeat_the_product_above(tmp_path: Path) -> None:
    rows = [
        row
        for i in range(6)
        for row in ((f"mug-{i}", f"Mug {i}", "Mugs", f"s{i}a"), (f"mug-{i}", "", "", f"s{i}b"))
    ]
    result = read(tmp_path, table(HEADER, rows))
    assert result.catalog.ids == [f"mug-{i}" for i in range(6)]
    assert any("and not SKU" in sentence for sentence in result.reading.evidence)


def test_products_that_lack_a_title_keep_their_ids(tmp_path: Path) -> None:
    rows = [(f"mug-{i}", f"Mug {i}" if i % 2 == 0 else "", "Mugs", f"s{i}") for i in range(8)]
    assert read(tmp_path, table(HEADER, rows)).catalog.ids == [f"s{i}" for i in range(8)]


def test_variants_that_repeat_their_title_are_told(tmp_path: Path) -> None:
    rows = [(f"7{i}", f"Mug {i}", f"9{i}{size}", "Mugs") for i in range(6) for size in "12"]
    result = read(tmp_path, table(("商品ID", "商品名", "種類ID", "カテゴリ"), rows))
    assert len(result.catalog) == 12
    assert any("rows of one title have one 商品ID" in told for told in result.reading.evidence)
    # without variants there is nothing to tell
    result = read(tmp_path, table(("商品ID", "商品名", "種類ID", "カテゴリ"), rows[::2]))
    assert not any("rows of one title" in told for told in result.reading.evidence)


def test_rows_that_name_another_row_as_their_product_are_told(tmp_path: Path) -> None:
    rows = [
        row
        for i in range(6)
        for row in ((f"m{i}", "", f"Mug {i}", "Mugs"), (f"m{i}-s", f"m{i}", f"Mug {i} S", "Mugs"))
    ]
    header = ("SKU", "Parent SKU", "Name", "Category")
    result = read(tmp_path, table(header, rows))
    assert len(result.catalog) == 12
    assert any("says of some rows to which other row" in told for told in result.reading.evidence)
    # a row that names itself belongs to no other
    rows = [(sku, sku, name, category) for sku, _, name, category in rows]
    result = read(tmp_path, table(header, rows))
    assert not any("which other row" in told for told in result.reading.evidence)
