"""Exports of accounting and product databases, and of programs that copy shops' pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.reading.written_products import PRODUCTS, paths_read, read, table

FIRST_PATHS = [{product.paths[0]} for product in PRODUCTS]
FIRST_LEAVES = [{(product.leaves[0],)} for product in PRODUCTS]


def records(**further: Any) -> list[dict[str, Any]]:
    return [
        {"id": p.id, "name": p.title, "description": p.description, **further} for p in PRODUCTS
    ]


def test_an_item_category_counts_before_a_type_of_items(tmp_path: Path) -> None:
    rows = records(type="Inventory")
    for number, (row, product) in enumerate(zip(rows, PRODUCTS, strict=True)):
        row["type"] = "Inventory" if number % 4 else "Service"
        row["itemCategoryId"] = f"id-{product.leaves[0]}"
        row["itemCategoryCode"] = product.leaves[0]
    assert paths_read(read(tmp_path, json.dumps({"value": rows}), "items.json")) == FIRST_LEAVES


def test_a_type_that_all_products_have_is_no_category(tmp_path: Path) -> None:
    rows = [(f"B1-{n}", p.title, "itItems") for n, p in enumerate(PRODUCTS[:5])]
    result = read(tmp_path, table(("Item Code", "Item Title", "UserTypeID"), rows))
    assert "categories" not in result.reading.columns


@pytest.mark.parametrize("name", ["breadCrumbs", "Default category path"])
@pytest.mark.parametrize("sign", ["|", ";", "\n"])
def test_what_stands_in_a_breadcrumb_lies_below_each_other(
    tmp_path: Path, sign: str, name: str
) -> None:
    rows = [(p.id, p.title, sign.join(("Start", *p.paths[0]))) for p in PRODUCTS]
    result = read(tmp_path, table(("sku", "name", name), rows))
    assert paths_read(result) == [{("Start", *p.paths[0])} for p in PRODUCTS]
    assert any("levels" in sentence for sentence in result.reading.evidence)


def test_the_kind_of_thing_before_a_path_is_no_level(tmp_path: Path) -> None:
    rows = [(p.id, p.title, "object:/" + "/".join(p.paths[0])) for p in PRODUCTS]
    assert paths_read(read(tmp_path, table(("sku", "name", "category"), rows))) == FIRST_PATHS


def test_a_pair_of_id_and_name_is_one_category(tmp_path: Path) -> None:
    rows = records()
    for number, (row, product) in enumerate(zip(rows, PRODUCTS, strict=True)):
        row["categ_id"] = [number, " / ".join(product.paths[0])]
    result = read(tmp_path, json.dumps({"result": rows}), "rpc.json")
    assert not result.quarantine
    assert paths_read(result) == FIRST_PATHS


def test_a_title_of_codes_gives_way_to_one_of_words(tmp_path: Path) -> None:
    rows = [(n, f"HW-{n}", p.title, p.leaves[0]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("Internal ID", "Name", "Display Name", "Category"), rows))
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert any("holds codes" in sentence for sentence in result.reading.evidence)


def test_the_name_of_an_item_is_no_id(tmp_path: Path) -> None:
    rows = [(f"ER-{n}", p.title, p.leaves[0]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("name", "item_name", "category"), rows))
    assert result.catalog.ids == [f"line {n + 2}" for n in range(len(PRODUCTS))]


def test_the_order_of_web_scraper_is_an_id(tmp_path: Path) -> None:
    rows = [(f"1700-{n}", p.title, p.leaves[0]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("web-scraper-order", "name", "category"), rows))
    assert result.catalog.ids == [row[0] for row in rows]


@pytest.mark.parametrize("code", ["Prod Code", "Product Group"])
def test_the_name_of_a_group_is_a_category_and_no_description(tmp_path: Path, code: str) -> None:
    header = ("Part Number", "Description", code, "Product Group Description", "Unit Price")
    rows = [(p.id, p.title, f"PG-{len(p.leaves[0])}", p.leaves[0], p.price) for p in PRODUCTS]
    result = read(tmp_path, table(header, rows))
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert paths_read(result) == FIRST_LEAVES
    assert any("no column is a title" in sentence for sentence in result.reading.evidence)


def test_a_name_for_each_code_of_a_class_is_told(tmp_path: Path) -> None:
    rows = [(p.id, p.title, f"C-{len(p.leaves[0])}", p.leaves[0]) for p in PRODUCTS]
    rows = [(*row[:2], row[3][:2] + "-1", row[3]) for row in rows]
    result = read(tmp_path, table(("sku", "name", "class", "what it is"), rows))
    assert any("what it is has a name for each" in sentence for sentence in result.reading.rivals)


def test_departments_and_classes_of_shops_are_levels(tmp_path: Path) -> None:
    header = ("sku", "name", "division_desc", "dept_desc", "class_desc")
    rows = [(p.id, p.title, "All", p.paths[0][0], p.paths[0][-1]) for p in PRODUCTS]
    result = read(tmp_path, table(header, rows))
    assert paths_read(result) == [{("All", p.paths[0][0], p.paths[0][-1])} for p in PRODUCTS]


def test_false_is_no_description(tmp_path: Path) -> None:
    rows = records()
    for row in rows[::2]:
        row["description"] = row["image"] = False
    result = read(tmp_path, json.dumps(rows), "rpc.json")
    assert not result.quarantine
    assert result.catalog.column("description")[:2] == [None, PRODUCTS[1].description]
    assert result.catalog.column("image")[0] is None


def test_false_in_a_table_is_no_description(tmp_path: Path) -> None:
    rows = [(p.id, p.title, ["False", p.description][n % 2]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("id", "name", "description"), rows))
    assert result.catalog.column("description")[:2] == [None, PRODUCTS[1].description]
