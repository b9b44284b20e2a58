"""Categories that stand in records by their ids, and whose names stand elsewhere in the same file."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.formats import _json_shape
from shelfwise.catalog.reading.formats import json as json_format
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, Written, paths_read, read

ABOVE = {below: above for p in PRODUCTS for path in p.paths for above, below in pairwise(path)}
"""Name -> the name above it."""

NAMES = list(dict.fromkeys(name for p in PRODUCTS for path in p.paths for name in path))
NUMBER = {name: number + 2 for number, name in enumerate(NAMES)}

LISTED = [
    {"id": NUMBER[name], "name": name, "parent_id": NUMBER.get(ABOVE.get(name, ""))}
    for name in NAMES
]
PATHS = [set(p.paths) for p in PRODUCTS]
LEAVES = [{(name,) for name in p.leaves} for p in PRODUCTS]

Record = dict[str, Any]


def record(product: Written, **fields: Any) -> Record:
    return {"id": product.id, "name": product.title, "price": product.price, **fields}


def products(write: Callable[[Written], Record]) -> list[Record]:
    return [record(p, **write(p)) for p in PRODUCTS]


def ids(product: Written) -> list[int]:
    return [NUMBER[name] for name in product.leaves]


def links(product: Written) -> list[Record]:
    return [{"sys": {"type": "Link", "linkType": "Entry", "id": f"c{one}"}} for one in ids(product)]


def all_right(result: ReadResult, paths: list[set[tuple[str, ...]]]) -> None:
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert paths_read(result) == paths


@pytest.mark.parametrize(
    "write",
    [
        lambda p: {"category_ids": ids(p)},
        lambda p: {"categoryIds": list(map(str, ids(p)))},
        lambda p: {"categories": ids(p)},
        lambda p: {"categories": [{"id": one} for one in ids(p)]},
        lambda p: {"categories": [{"_type": "reference", "_ref": str(one)} for one in ids(p)]},
    ],
)
@pytest.mark.parametrize("in_front", [False, True])
def test_a_list_of_categories_in_json(
    tmp_path: Path, write: Callable[[Written], Record], in_front: bool
) -> None:
    content = {"products": products(write), "categories": LISTED}
    ordered = dict(reversed(content.items())) if in_front else content
    result = read(tmp_path, json.dumps(ordered), "x.json")
    all_right(result, PATHS)
    told = "json: categories that records have by their ids are called as 'categories' names them"
    assert told in result.reading.evidence


def test_categories_under_their_ids(tmp_path: Path) -> None:
    listed = {str(NUMBER[name]): {"name": name} for name in NAMES}
    rows = {p.id: {"title": p.title, "category": ids(p)} for p in PRODUCTS}
    for content in (
        {"categories": listed, "products": rows},
        {"products": rows, "categories": {key: one["name"] for key, one in listed.items()}},
    ):
        all_right(read(tmp_path, json.dumps(content), "x.json"), LEAVES)


def test_names_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    rows = products(lambda p: {"label": NAMES.index(p.leaves[0])})
    result = read(tmp_path, json.dumps({"classes": NAMES, "products": rows}), "x.json")
    all_right(result, [{(p.leaves[0],)} for p in PRODUCTS])


def test_names_with_their_numbers(tmp_path: Path) -> None:
    rows = products(lambda p: {"label": NAMES.index(p.leaves[0])})
    numbers = {name: number for number, name in enumerate(NAMES)}
    result = read(tmp_path, json.dumps({"label2id": numbers, "data": rows}), "x.json")
    all_right(result, [{(p.leaves[0],)} for p in PRODUCTS])


def test_what_the_answers_of_contentful_name(tmp_path: Path) -> None:
    items = [
        {"sys": {"id": p.id}, "fields": {"name": p.title, "categories": links(p)}} for p in PRODUCTS
    ]
    entries = [{"sys": {"id": f"c{NUMBER[name]}"}, "fields": {"title": name}} for name in NAMES]
    content = {"total": 40, "items": items, "includes": {"Entry": entries}}
    all_right(read(tmp_path, json.dumps(content), "x.json"), LEAVES)


def test_a_list_far_behind_the_products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"products": products(lambda p: {"category_ids": ids(p)}), "categories": LISTED}
    monkeypatch.setattr(_json_shape, "SAMPLE_BYTES", 2000)
    monkeypatch.setattr(json_format, "SAMPLE_BYTES", 2000)
    all_right(read(tmp_path, json.dumps(content), "x.json"), PATHS)


def test_names_stay_and_unknown_ids_are_shown(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "name": "Mug", "categories": ["Mugs"]},
        {"id": "2", "name": "Pen", "categories": [NUMBER["Mugs"], 999]},
        {"id": "3", "name": "Bag", "categories": "Bags > Totes"},
        {"id": "4", "name": "Hat", "categories": None},
    ]
    result = read(tmp_path, json.dumps({"products": rows, "categories": LISTED}), "x.json")
    mugs = ("Home & Kitchen", "Kitchen", "Mugs")
    assert paths_read(result) == [{("Mugs",)}, {mugs, ("999",)}, {("Bags", "Totes")}, set()]


def test_a_column_that_the_settings_name_keeps_its_ids(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    rows = products(lambda p: {"category_ids": ids(p)[:1]})
    path.write_text(json.dumps({"products": rows, "categories": LISTED}))
    settings = CatalogSettings(columns={"categories": "category_ids"})
    found = read_catalog(path, settings).catalog.column("categories")
    assert found == [[[str(ids(p)[0])]] for p in PRODUCTS]


def test_a_list_of_categories_is_no_list_of_products(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(9)]
    marks = [{"id": i, "image_id": i, "category_id": 2} for i in range(9)]
    content = {"images": images, "annotations": marks, "categories": LISTED}
    with pytest.raises(CatalogError, match="lists categories under 'categories', and nothing"):
        read(tmp_path, json.dumps(content), "x.json")


def test_associations_of_prestashop(tmp_path: Path) -> None:
    rows = products(
        lambda p: {
            "id_category_default": str(ids(p)[0]),
            "associations": {"categories": [{"id": str(one)} for one in ids(p)]},
        }
    )
    numbers = [{(str(one),) for one in ids(p)} for p in PRODUCTS]
    result = read(tmp_path, json.dumps({"products": rows}), "x.json")
    all_right(result, numbers)
    assert any("id_category_default could be it too" in one for one in result.reading.rivals)

    def element(product: Written) -> str:
        inside = "".join(f"<category><id>{one}</id></category>" for one in ids(product))
        return (
            f"<product><id>{product.id}</id><name>{product.title}</name><associations>"
            f'<categories nodeType="category">{inside}</categories></associations></product>'
        )

    xml = f"<?xml version='1.0'?><shop>{''.join(map(element, PRODUCTS))}</shop>"
    all_right(read(tmp_path, xml, "x.xml"), numbers)


def test_a_category_that_is_joined_to_a_product(tmp_path: Path) -> None:
    # Directus
    rows = products(
        lambda p: {"categories": [[{"categories_id": {"id": 5, "name": one}}] for one in p.leaves]}
    )
    all_right(read(tmp_path, json.dumps({"data": rows}), "x.json"), LEAVES)


def test_lines_of_elasticsearch(tmp_path: Path) -> None:
    lines: list[Record] = []
    for p in PRODUCTS:
        source = {"name": p.title, "categories": [[one] for one in p.leaves]}
        action = "index" if len(lines) % 4 else "create"
        lines += [{action: {"_index": "products", "_id": p.id}}, source]
        lines.append({"delete": {"_index": "products", "_id": "x"}})
    all_right(read(tmp_path, "\n".join(map(json.dumps, lines)), "x.ndjson"), LEAVES)


def bmecat(element: str, identity: str, product_id: str) -> str:
    groups = "".join(
        f"<CATALOG_STRUCTURE><GROUP_ID>{one['id']}</GROUP_ID><GROUP_NAME>{one['name']}</GROUP_NAME>"
        f"<PARENT_ID>{one['parent_id'] or 1}</PARENT_ID></CATALOG_STRUCTURE>".replace("&", "&amp;")
        for one in LISTED
    )
    articles = "".join(
        f"<{element}><{identity}>{p.id}</{identity}><{element}_DETAILS><DESCRIPTION_SHORT>{p.title}"
        f"</DESCRIPTION_SHORT><DESCRIPTION_LONG>{p.description}</DESCRIPTION_LONG><ERP_GROUP_SUPPLIER>7</ERP_GROUP_SUPPLIER></{element}_DETAILS>"
        f"<{element}_PRICE_DETAILS><{element}_PRICE><PRICE_AMOUNT>{p.price}</PRICE_AMOUNT>"
        f"<PRICE_CURRENCY>EUR</PRICE_CURRENCY></{element}_PRICE></{element}_PRICE_DETAILS></{element}>"
        for p in PRODUCTS
    )
    maps = "".join(
        f"<{element}_TO_CATALOGGROUP_MAP><{product_id}>{p.id}</{product_id}><CATALOG_GROUP_ID>{one}"
        f"</CATALOG_GROUP_ID></{element}_TO_CATALOGGROUP_MAP>"
        for p in PRODUCTS
        for one in ids(p)
    )
    return (
        f"<?xml version='1.0'?><BMECAT><T_NEW_CATALOG><CATALOG_GROUP_SYSTEM>{groups}"
        f"</CATALOG_GROUP_SYSTEM>{articles}{maps}</T_NEW_CATALOG></BMECAT>"
    )


@pytest.mark.parametrize(
    "names", [("ARTICLE", "SUPPLIER_AID", "ART_ID"), ("PRODUCT", "SUPPLIER_PID", "PROD_ID")]
)
def test_bmecat(tmp_path: Path, names: tuple[str, str, str]) -> None:
    result = read(tmp_path, bmecat(*names), "x.xml")
    all_right(result, PATHS)
    assert result.catalog.column("description") == [p.description for p in PRODUCTS]
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]


def test_demandware(tmp_path: Path) -> None:
    def slug(name: str) -> str:
        return f"c{NUMBER[name]}"

    def listed(name: str) -> str:
        above = slug(ABOVE[name]) if name in ABOVE else "root"
        text = name.replace("&", "&amp;")
        return (
            f'<category category-id="{slug(name)}"><display-name xml:lang="x-default">{text}'
            f"</display-name><parent>{above}</parent></category>"
        )

    items = "".join(
        f'<product product-id="{p.id}"><display-name>{p.title}</display-name></product>'
        for p in PRODUCTS
    )
    assigned = "".join(
        f'<category-assignment category-id="{slug(one)}" product-id="{p.id}"/>'
        for p in PRODUCTS
        for one in p.leaves
    )
    xml = f"<catalog>{''.join(map(listed, NAMES))}{items}{assigned}</catalog>"
    result = read(tmp_path, xml, "x.xml")
    all_right(result, PATHS)
    # there is nothing left to be done
    assert not any("write them into these" in one for one in result.reading.evidence)


@pytest.mark.parametrize("tag", ["category_id", "group_id", "categoryId"])
@pytest.mark.parametrize("in_front", [False, True])
def test_a_number_in_each_element(tmp_path: Path, tag: str, in_front: bool) -> None:
    listed = "".join(
        f'<group id="{one["id"]}" parentId="{one["parent_id"] or ""}"><name>{one["name"]}</name>'
        "</group>".replace("&", "&amp;")
        for one in LISTED
    ).replace(" & ", " &amp; ")
    items = "".join(
        f"<item><id>{p.id}</id><name>{p.title}</name><{tag}>{ids(p)[0]}</{tag}></item>"
        for p in PRODUCTS
    )
    parts = [f"<groups>{listed}</groups>", f"<items>{items}</items>"]
    xml = f"<shop>{''.join(parts if in_front else reversed(parts))}</shop>"
    result = read(tmp_path, xml, "x.xml")
    all_right(result, [{p.paths[0]} for p in PRODUCTS])
    assert not result.reading.rivals


def of_sanity() -> str:
    def link(number: int | None) -> Record | None:
        return None if number is None else {"_type": "reference", "_ref": f"c{number}"}

    shelves = [
        {"_id": f"c{one['id']}", "title": one["name"], "parent": link(one["parent_id"])}
        for one in LISTED
    ]
    rows = [
        {"_id": p.id, "title": p.title, "categories": list(map(link, ids(p)))} for p in PRODUCTS
    ]
    return "\n".join(map(json.dumps, [*shelves, *rows]))


def of_contentful() -> str:
    shelves = [
        {"sys": {"id": f"c{NUMBER[name]}"}, "fields": {"title": {"en-US": name}}} for name in NAMES
    ]
    rows = [
        {
            "sys": {"id": p.id},
            "fields": {"title": {"en-US": p.title}, "categories": {"en-US": links(p)}},
        }
        for p in PRODUCTS
    ]
    return json.dumps({"contentTypes": [], "entries": [*shelves, *rows], "locales": []})


@pytest.mark.parametrize(("content", "paths"), [(of_sanity(), PATHS), (of_contentful(), LEAVES)])
def test_categories_among_the_products(
    tmp_path: Path, content: str, paths: list[set[tuple[str, ...]]]
) -> None:
    result = read(tmp_path, content, "x.json")
    all_right(result, paths)
    assert not result.quarantine
    told = (
        f"json: {len(NAMES)} records are no products, as others name them, or records of their kind"
    )
    assert any(told in one for one in result.reading.evidence)


def test_a_product_may_name_others_for_other_reasons(tmp_path: Path) -> None:
    rows = [
        {"_id": p.id, "title": p.title, "maker": {"_ref": "m1"}, "categories": p.leaves}
        for p in PRODUCTS
    ]
    result = read(tmp_path, "\n".join(map(json.dumps, rows)), "x.ndjson")
    assert result.format == "jsonl"
    assert result.catalog.ids == [p.id for p in PRODUCTS]


def test_a_group_of_variants_is_no_category(tmp_path: Path) -> None:
    listed = "".join(f'<category id="{i}">Shelf {i}</category>' for i in range(3))
    offers = "".join(
        f'<offer id="{i}" group_id="5{i}"><name>Mug {i}</name><categoryId>{i % 3}</categoryId></offer>'
        for i in range(9)
    )
    xml = f"<shop><categories>{listed}</categories><offers>{offers}</offers></shop>"
    result = read(tmp_path, xml, "x.xml")
    assert paths_read(result) == [{(f"Shelf {i % 3}",)} for i in range(9)]


def test_a_category_under_a_name_of_its_own(tmp_path: Path) -> None:
    """Demandware's ids were taken for names."""
    listed = "".join(
        f'<category category-id="c{i}"><display-name>Shelf {i}</display-name></category>'
        for i in range(3)
    )
    products = "".join(
        f'<product product-id="{i}"><display-name>Mug {i}</display-name>'
        f"<classification-category>c{i % 3}</classification-category></product>"
        for i in range(9)
    )
    result = read(tmp_path, f"<catalog>{listed}{products}</catalog>", "x.xml")
    assert paths_read(result) == [{(f"Shelf {i % 3}",)} for i in range(9)]
