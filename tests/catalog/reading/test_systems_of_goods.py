"""Exports of systems of goods and of pages in many languages, whose columns no list of names foresees."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shelfwise.catalog.reading.columns.level_columns import find_level_columns
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, Written, paths_read, read, table

FIRST_PATHS = [{product.paths[0]} for product in PRODUCTS]
FIRST_LEAVES = [{(product.leaves[0],)} for product in PRODUCTS]
TITLES = [product.title for product in PRODUCTS]


def flat(p: Written) -> Sequence[object]:
    """Id, title, category and price."""
    return p.id, p.title, p.leaves[0], p.price


@pytest.mark.parametrize(
    "header",
    [
        "Varenummer;Varenavn;Varegruppe;Salgspris;Kostpris",
        "Symbol;Nazwa;Grupa;Cena brutto;Cena zakupu",
        "Artikelcode;Naam;Artikelgroep;Verkoopprijs;Inkoopprijs",
        "物料编码;物料名称;物料分组;销售单价;采购单价",
        "رقم المنتج;اسم المنتج;تصنيف المنتج;سعر المنتج;سعر التكلفة",
        "Артикул*;Название товара;Тип*;Цена, руб.*;Закупочная цена",
        "productcode;productname;Main_taxon;productprice;productcost",
        "MATNR;MAKTX;MATKL;Price;Cost",
        "stockCode;label;category;price1;buyingPrice",
        "Код_товара;Название_позиции;Название_группы;Цена;Закупочная цена",
    ],
)
def test_names_of_columns_in_many_languages(tmp_path: Path, header: str) -> None:
    rows = [(*flat(p), 1) for p in PRODUCTS]
    result = read(tmp_path, table(header.split(";"), rows))
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == TITLES
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]
    assert paths_read(result) == FIRST_LEAVES


@pytest.mark.parametrize(
    "names",
    [
        ("IC_GROUP0", "IC_GROUP1", "IC_GROUP2"),
        ("품목그룹1명", "품목그룹2명"),
        ("Varegruppe", "Undervaregruppe"),
        ("Categoria merceologica", "Sottocategoria"),
    ],
)
def test_levels_of_groups(names: tuple[str, ...]) -> None:
    found = find_level_columns(["id", *names])
    assert found is not None
    assert found.names == names


@pytest.mark.parametrize("what", ["price level", "taxClass", "customer_category"])
def test_levels_of_something_else_are_no_categories(what: str) -> None:
    assert find_level_columns([f"{what}_1", f"{what}_2"]) is None


def test_names_of_a_code_count_before_codes(tmp_path: Path) -> None:
    rows = [(p.id, p.title, f"F{len(p.leaves[0]):02}", p.leaves[0], p.price) for p in PRODUCTS]
    header = ("Référence", "Désignation", "Code famille", "Intitulé famille", "Prix")
    result = read(tmp_path, table(header, rows))
    assert paths_read(result) == FIRST_LEAVES
    assert any("Code famille could be it too" in sentence for sentence in result.reading.rivals)


def test_a_model_of_codes_is_no_title(tmp_path: Path) -> None:
    rows = [(p.id, f"M-{n}", p.leaves[0]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("sku", "model", "category"), rows))
    assert "title" not in result.reading.columns


def test_what_stands_on_the_package_is_an_id_where_nothing_else_is(tmp_path: Path) -> None:
    rows = [(p.title, 4_000_000 + n, p.id, p.leaves[0]) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("name", "EAN", "Article Ref", "category"), rows))
    assert result.catalog.ids == [p.id for p in PRODUCTS]


def test_a_sign_at_the_end_of_all_values_is_part_of_no_name(tmp_path: Path) -> None:
    rows = [(p.id, p.title, " >> ".join(p.paths[0]) + ";") for p in PRODUCTS]
    result = read(tmp_path, table(("sku", "name", "categories"), rows))
    assert paths_read(result) == FIRST_PATHS


def test_addresses_of_programs_are_told(tmp_path: Path) -> None:
    records = [
        {
            "@id": f"/api/v2/products/{p.id}",
            "code": p.id,
            "name": p.title,
            "mainTaxon": f"/api/v2/taxons/{p.leaves[0]}",
        }
        for p in PRODUCTS
    ]
    for record in records:
        record["mainTaxon"] = record["mainTaxon"].replace(" ", "-")
    result = read(tmp_path, json.dumps({"hydra:member": records}), "x.json")
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    told = " ".join(result.reading.evidence)
    assert "id: code is taken, as @id holds addresses" in told
    assert "is where a program answers for a category" in told


def test_an_id_counts_before_that_of_json_ld(tmp_path: Path) -> None:
    records = [{"@id": f"/p/{n}", "id": p.id, "title": p.title} for n, p in enumerate(PRODUCTS)]
    assert read(tmp_path, json.dumps(records), "x.json").catalog.ids == [p.id for p in PRODUCTS]


def _json_lines(rows: list[dict[str, list[object]]]) -> str:
    return "\n".join(map(json.dumps, rows))


def _python_table(rows: list[dict[str, list[object]]]) -> str:
    return table(rows[0], ([str(value) for value in row.values()] for row in rows))


@pytest.mark.parametrize(("write", "name"), [(_json_lines, "x.jsonl"), (_python_table, "x.csv")])
def test_lists_of_one_are_what_is_in_them(
    tmp_path: Path, write: Callable[[list[dict[str, list[object]]]], str], name: str
) -> None:
    rows: list[dict[str, list[object]]] = [
        {"sku": [p.id], "title": [p.title], "category": [p.leaves[0]], "price": [f"${p.price}"]}
        for p in PRODUCTS
    ]
    result = read(tmp_path, write(rows), name)
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == TITLES
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]
    assert paths_read(result) == FIRST_LEAVES


def test_rows_without_a_title_are_told(tmp_path: Path) -> None:
    rows = [row for p in PRODUCTS for row in (flat(p), (f"{p.id}-1", "", "", p.price))]
    result = read(tmp_path, table(("sku", "name", "category", "price"), rows))
    assert any("40 of the first 80 rows have none" in one for one in result.reading.evidence)


def test_the_whole_path_beside_the_name_of_a_category_counts(tmp_path: Path) -> None:
    records = [
        {
            "id": p.id,
            "title": p.title,
            "category": {"id": n, "name": p.leaves[0], "fullName": " > ".join(p.paths[0])},
        }
        for n, p in enumerate(PRODUCTS)
    ]
    assert paths_read(read(tmp_path, json.dumps(records), "x.json")) == FIRST_PATHS


def _by_parents(p: Written) -> list[dict[str, object]]:
    """The levels of all paths, each once and from the last one up."""
    levels = {path[:end] for path in p.paths for end in range(1, len(path) + 1)}
    return [
        {"id": hash(level) % 10**9, "name": level[-1], "parent": hash(level[:-1]) % 10**9}
        for level in sorted(levels, key=len, reverse=True)
    ]


def _nested(p: Written) -> list[dict[str, object]]:
    """The first path as objects that hold those below them, the others as paths beside their names."""
    held: dict[str, dict[str, object]] = {}
    for name in reversed(p.paths[0]):
        held = {"5": {"id": 5, "title": name, "subs": held}}
    further = [{"title": path[-1], "path": list(path)} for path in p.paths[1:]]
    return [*held.values(), *further]


@pytest.mark.parametrize("write", [_by_parents, _nested])
def test_objects_that_say_what_lies_below_them(
    tmp_path: Path, write: Callable[[Written], object]
) -> None:
    records = [{"id": p.id, "title": p.title, "categories": write(p)} for p in PRODUCTS]
    assert paths_read(read(tmp_path, json.dumps(records), "x.json")) == [
        set(p.paths) for p in PRODUCTS
    ]


def test_those_above_in_a_list_are_levels(tmp_path: Path) -> None:
    records = [
        {
            "id": p.id,
            "title": p.title,
            "category": {
                "name": p.leaves[0],
                "ancestors": [{"name": name} for name in p.paths[0][:-1]],
            },
        }
        for p in PRODUCTS
    ]
    assert paths_read(read(tmp_path, json.dumps(records), "x.json")) == FIRST_PATHS


def test_a_category_inside_a_category_is_refused(tmp_path: Path) -> None:
    category = {"name": "Mugs", "category": {"name": "Home"}}
    records = [{"id": p.id, "title": p.title, "category": category} for p in PRODUCTS]
    with pytest.raises(CatalogError, match="unusable categories"):
        read(tmp_path, json.dumps(records), "x.json")


def test_numbers_in_lists_of_names_are_told(tmp_path: Path) -> None:
    records = [
        {
            "id": p.id,
            "title": p.title,
            "categories": [[str(n), name] for n, name in enumerate(p.leaves)],
        }
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(records), "x.json")
    assert any("if the numbers are ids" in sentence for sentence in result.reading.evidence)


@pytest.mark.parametrize("keys", [("lang", "value"), ("locale", "text")])
def test_a_list_of_one_text_in_several_languages(tmp_path: Path, keys: tuple[str, str]) -> None:
    def in_languages(text: str) -> list[dict[str, str]]:
        return [
            dict(zip(keys, ("en_US", text), strict=True)),
            dict(zip(keys, ("de", "x"), strict=True)),
        ]

    records = [
        {"id": p.id, "name": in_languages(p.title), "category": in_languages(p.leaves[0])}
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(records), "x.json")
    assert result.catalog.column("title") == TITLES
    assert paths_read(result) == FIRST_LEAVES
    assert any("of several languages" in sentence for sentence in result.reading.evidence)


def test_names_of_levels_count_before_their_codes() -> None:
    found = find_level_columns(["UPC", "Dept #", "Dept Name", "Class #", "Class Name"])
    assert found is not None
    assert found.names == ("Dept Name", "Class Name")


@pytest.mark.parametrize("name", ["parent_sku", "Item Group ID", "variantGroupCode"])
def test_rows_that_share_a_product_around_them_are_told(tmp_path: Path, name: str) -> None:
    rows = [(f"{p.id}-{v}", f"{p.title} {v}", p.leaves[0], p.id) for p in PRODUCTS for v in "SM"]
    result = read(tmp_path, table(("sku", "name", "category", name), rows))
    assert any(f"several rows have one {name}" in one for one in result.reading.evidence)


def test_goods_without_a_title_are_told(tmp_path: Path) -> None:
    rows = [(p.id, p.leaves[0], p.price) for p in PRODUCTS]
    result = read(tmp_path, table(("sku", "category", "price"), rows))
    assert any("title: no column is called like one" in one for one in result.reading.evidence)


def test_a_price_inside_what_is_called_pricing(tmp_path: Path) -> None:
    records = [
        {"id": p.id, "title": p.title, "priceInfo": {"price": p.price, "currencyCode": "USD"}}
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(records), "x.json")
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]


ABOVE: dict[str, Callable[[Written], dict[str, object]]] = {
    "a connection": lambda p: {
        "ancestors": {"edges": [{"node": {"name": name}} for name in p.paths[0][:-1]]}
    },
    "nodes": lambda p: {"ancestors": {"nodes": [{"name": name} for name in p.paths[0][:-1]]}},
}


@pytest.mark.parametrize("write", ABOVE.values(), ids=ABOVE)
def test_those_above_as_graphql_answers(
    tmp_path: Path, write: Callable[[Written], dict[str, object]]
) -> None:
    records = [
        {"id": p.id, "title": p.title, "category": {"name": p.leaves[0], **write(p)}}
        for p in PRODUCTS
    ]
    assert paths_read(read(tmp_path, json.dumps(records), "x.json")) == FIRST_PATHS


def test_a_category_that_holds_its_parent_and_the_id_of_it(tmp_path: Path) -> None:
    category = {
        "id": 7,
        "name": "Mugs",
        "parent_category_id": 3,
        "parent_category": {"id": 3, "name": "Kitchen"},
    }
    records = [{"id": p.id, "title": p.title, "categories": [category]} for p in PRODUCTS]
    result = read(tmp_path, json.dumps(records), "x.json")
    assert paths_read(result) == [{("Kitchen", "Mugs")}] * len(PRODUCTS)
