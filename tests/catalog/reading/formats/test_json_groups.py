"""Products in lists inside other JSON objects: pages of answers, groups, and tables of a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, Written, paths_read, read

Record = dict[str, Any]


def record(product: Written) -> Record:
    return {
        "id": product.id,
        "title": product.title,
        "price": product.price,
        "categories": product.paths,
    }


RECORDS = list(map(record, PRODUCTS))
PAGES = [RECORDS[begin : begin + 15] for begin in (0, 15, 30)]


def all_right(result: ReadResult) -> None:
    assert result.catalog.ids == [product.id for product in PRODUCTS]
    assert result.catalog.column("title") == [product.title for product in PRODUCTS]
    assert paths_read(result) == [set(product.paths) for product in PRODUCTS]
    assert not result.quarantine


def pages(key: str) -> list[Record]:
    return [{"page": number, "total": 40, key: page} for number, page in enumerate(PAGES)]


WRITTEN = {
    "one page a line": "\n".join(map(json.dumps, pages("results"))),
    "pages over many lines": "\n".join(json.dumps(page, indent=2) for page in pages("products")),
    "pages of GraphQL": "\n".join(
        json.dumps({"data": {"products": {"edges": [{"node": one} for one in page]}}})
        for page in PAGES
    ),
    "pages below a key": "\n".join(
        json.dumps({"status": "ok", "data": {"results": page}}) for page in PAGES
    ),
    "pages in an array": json.dumps(pages("items")),
    "arrays one after the other": "\n".join(map(json.dumps, PAGES)),
    "a comma behind each line": ",\n".join(map(json.dumps, RECORDS)) + ",\n",
    "a comma between lines": ",\n".join(map(json.dumps, RECORDS)),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_pages_put_together(tmp_path: Path, written: str) -> None:
    all_right(read(tmp_path, WRITTEN[written], "products.json"))


LEAVES = sorted({product.leaves[0] for product in PRODUCTS})


def in_groups(name: str, key: str) -> list[Record]:
    """The products in groups that are named by their first category."""
    groups = []
    for number, leaf in enumerate(LEAVES):
        inside = [record(one) for one in PRODUCTS if one.leaves[0] == leaf]
        members = [{k: v for k, v in one.items() if k != "categories"} for one in inside]
        groups.append({"id": number, name: leaf, key: members})
    return groups


@pytest.mark.parametrize(("name", "key"), [("name", "products"), ("category", "items")])
@pytest.mark.parametrize("kind", ["array", "lines", "under a key"])
def test_a_group_names_the_category_of_its_products(
    tmp_path: Path, name: str, key: str, kind: str
) -> None:
    groups = in_groups(name, key)
    text = {
        "array": json.dumps(groups),
        "lines": "\n".join(map(json.dumps, groups)),
        "under a key": json.dumps({"groups": groups}),
    }[kind]
    result = read(tmp_path, text, "products.json")
    found = dict(zip(result.catalog.ids, paths_read(result), strict=True))
    assert found == {product.id: {(product.leaves[0],)} for product in PRODUCTS}
    assert any("one that has a name is the category" in one for one in result.reading.evidence)


def test_groups_inside_groups_are_a_path(tmp_path: Path) -> None:
    tree = [
        {
            "name": "Home",
            "products": [{"id": 0, "title": "Rug"}],
            "children": [
                {"name": "Mugs", "products": [{"id": 1, "title": "Blue mug"}]},
                {"name": "Lamps", "products": [{"id": 2, "title": "Lamp", "category": "Own"}]},
            ],
        }
    ]
    result = read(tmp_path, json.dumps(tree), "products.json")
    assert result.catalog.ids == ["0", "1", "2"]
    assert paths_read(result) == [{("Home",)}, {("Home", "Mugs")}, {("Own",)}]


@pytest.mark.parametrize("key", ["offers", "entries", "documents", "data"])
@pytest.mark.parametrize("in_lines", [True, False])
def test_what_a_product_has_is_no_product(tmp_path: Path, key: str, in_lines: bool) -> None:
    inside = [{"id": "x", "title": "Cheap shop"}, {"id": "y", "title": "Dear shop"}]
    records = [{"id": p.id, "title": p.title, key: inside} for p in PRODUCTS]
    text = "\n".join(map(json.dumps, records)) if in_lines else json.dumps(records)
    result = read(tmp_path, text, "products.json")
    assert result.catalog.ids == [product.id for product in PRODUCTS]


def test_the_products_that_go_with_a_product_are_none_of_the_file(tmp_path: Path) -> None:
    records = [{**one, "products": [{"id": "x", "title": "goes with it"}]} for one in RECORDS]
    all_right(read(tmp_path, json.dumps(records), "products.json"))
    all_right(read(tmp_path, "\n".join(map(json.dumps, records)), "products.json"))


def test_objects_under_their_ids_below_a_key(tmp_path: Path) -> None:
    rows = {product.id: record(product) for product in PRODUCTS}
    for row in rows.values():
        del row["id"]
    users = {"u1": {"name": "Ann"}, "u2": {"name": "Bob"}}
    result = read(tmp_path, json.dumps({"users": users, "products": rows}), "products.json")
    all_right(result)
    assert "json: what is under 'products' is read, and not 'users'" in result.reading.evidence


def test_objects_under_their_ids_below_several_keys_are_refused(tmp_path: Path) -> None:
    rows = {leaf: {"1": {"title": "a"}, "2": {"title": "b"}} for leaf in ("Mugs", "Lamps")}
    with pytest.raises(CatalogError, match="several lists"):
        read(tmp_path, json.dumps(rows), "products.json")


def test_marks_in_place_of_a_list(tmp_path: Path) -> None:
    marks = {"Mugs": True, "Toys": False, "Gifts": True}
    result = read(tmp_path, json.dumps([{"id": 1, "title": "Mug", "categories": marks}]), "a.json")
    assert paths_read(result) == [{("Mugs",), ("Gifts",)}]


def test_the_table_of_products_of_a_database(tmp_path: Path) -> None:
    users = [{"id": "1", "name": "Ann", "email": "ann@example.org"}]
    written = [
        {"type": "header", "version": "5.2.1", "comment": "Export to JSON plugin for phpMyAdmin"},
        {"type": "database", "name": "shop"},
        {"type": "table", "name": "users", "database": "shop", "data": users},
        {"type": "table", "name": "products", "database": "shop", "data": RECORDS},
    ]
    result = read(tmp_path, json.dumps(written), "products.json")
    all_right(result)
    assert "json: the table 'products' is read, and not 'users'" in result.reading.evidence


def test_lists_beside_those_of_the_products_are_told(tmp_path: Path) -> None:
    values = [{"salsify:id": "cat-1", "salsify:name": "Mugs"}]
    parts = [{"header": {"version": 2}}, {"attribute_values": values}, {"products": RECORDS}]
    result = read(tmp_path, json.dumps(parts), "products.json")
    assert len(result.catalog) == len(RECORDS)
    assert "'attribute_values' not read" in result.reading.evidence[0]
