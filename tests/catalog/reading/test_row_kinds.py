"""Rows that are part of another row's product are no products."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from tests.catalog.reading.written_products import PRODUCTS, read, table

Part = tuple[str, str, str]
"""The column that says what a row is, what it holds for a product, and what for a part of one."""

PARTS: tuple[Part, ...] = (
    ("Type", "simple", "variation"),
    ("Type", "variable", "variation, virtual"),
    ("Typ", "simple", "variation"),
    ("Item Type", "Product", "  SKU"),
    ("Item Type", "Product", "  Rule"),
    ("Item", "Product", "Variant"),
    ("Item", "Product", "Image"),
    ("fieldType", "Product", "Variant"),
    ("Relationship", "", "Variation"),
)


def only_products(result: ReadResult) -> None:
    assert result.catalog.ids == [product.id for product in PRODUCTS]
    assert {record.kind for record in result.quarantine} == {"variant row"}
    assert len(result.quarantine) == len(PRODUCTS)


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_products_in_tables(tmp_path: Path, part: Part) -> None:
    column, whole, piece = part
    rows = []
    for product in PRODUCTS:
        rows.append((product.id, whole, product.title))
        rows.append((f"{product.id}-L", piece, f"{product.title}, large"))
    only_products(read(tmp_path, table(("id", column, "name"), rows)))


def test_parts_of_products_in_the_bulk_answers_of_shopify(tmp_path: Path) -> None:
    lines = []
    for product in PRODUCTS:
        lines.append({"id": product.id, "title": product.title})
        lines.append({"id": f"{product.id}-L", "title": "L", "__parentId": product.id})
    only_products(read(tmp_path, "\n".join(map(json.dumps, lines)), "products.jsonl"))


def test_a_product_may_be_called_like_a_part(tmp_path: Path) -> None:
    header = ("id", "type", "item", "parentId")
    result = read(tmp_path, table(header, [(1, "image", "a variant", 7), (2, "video", "sku 3", 7)]))
    assert result.catalog.ids == ["1", "2"]


def test_a_program_that_asks_about_a_part_gets_an_answer() -> None:
    records = [{"id": 1, "title": "Mug, large", "type": "variation"}, {"id": 2, "title": "Mug"}]
    assert read_records(records, ids_repeat=True).catalog.ids == ["1", "2"]
    assert read_records(records).catalog.ids == ["2"]


def test_what_stands_beside_products_in_json_ld_is_refused(tmp_path: Path) -> None:
    shop = {"@type": "Organization", "@id": "https://shop.example/#shop", "name": "Shop"}
    products = [
        {
            "@type": "Product",
            "@id": f"https://shop.example/{n}",
            "sku": f"M-{n}",
            "name": f"Mug {n}",
        }
        for n in range(20)
    ]
    (tmp_path / "products.json").write_text(json.dumps({"@graph": [shop, *products]}))
    result = read_catalog(tmp_path / "products.json")
    assert result.catalog.ids == [f"M-{n}" for n in range(20)]
    assert [refused.kind for refused in result.quarantine] == ["variant row"]
