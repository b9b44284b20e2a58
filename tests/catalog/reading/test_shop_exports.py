"""Exports and feeds in the shapes of shops: their columns are found under the names that they use."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.reading.reading_summary import ReadFacts, summarize_reading
from shelfwise.config import CatalogSettings, Config
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import (
    PRODUCTS,
    Written,
    names_read,
    paths_read,
    read,
    table,
)

Row = Callable[[Written], Sequence[object]]

SHOPS: dict[str, tuple[str, Row]] = {
    "prestashop": (
        "Product ID;Active (0/1);Name *;Description;Categories (x,y,z...);Price tax excluded;Manufacturer",
        lambda p: (p.id, 1, p.title, p.description, ",".join(p.leaves), p.price, p.brand),
    ),
    "bigcommerce": (
        "Item;ID;Name;SKU;Description;Categories;Price;Brand Name",
        lambda p: (
            "Product",
            p.id,
            p.title,
            "s",
            p.description,
            ";".join(p.leaves),
            p.price,
            p.brand,
        ),
    ),
    "akeneo": (
        "sku;enabled;name-en_US;name-fr_FR;description-en_US-ecommerce;categories;price-USD;brand",
        lambda p: (p.id, 1, p.title, "F", p.description, ",".join(p.leaves), p.price, p.brand),
    ),
    "wix": (
        "handleId;fieldType;name;description;collection;sku;price;brand",
        lambda p: (
            p.id,
            "Product",
            p.title,
            p.description,
            ";".join(p.leaves),
            "s",
            p.price,
            p.brand,
        ),
    ),
    "squarespace": (
        "Product ID [Non Editable];Title;Description;SKU;Price;Categories;Brand",
        lambda p: (p.id, p.title, p.description, "s", p.price, ", ".join(p.leaves), p.brand),
    ),
    "shopify": (
        "Handle;Title;Body (HTML);Vendor;Tags;Variant SKU;Variant Price",
        lambda p: (p.id, p.title, p.description, p.brand, ", ".join(p.leaves), "s", p.price),
    ),
    "woocommerce": (
        "ID;Type;SKU;Name;Description;Regular price;Categories;Brands",
        lambda p: (
            p.id,
            "simple",
            "s",
            p.title,
            p.description,
            p.price,
            ", ".join(p.leaves),
            p.brand,
        ),
    ),
    "label columns": (
        "id;title;description;price;brand;label1;label2;label3",
        lambda p: (p.id, p.title, p.description, p.price, p.brand, *(*p.leaves, "", "")[:3]),
    ),
    "german": (
        "Artikelnummer;Artikelname;Beschreibung;Kategorie;Preis;Hersteller",
        lambda p: (p.id, p.title, p.description, "|".join(p.leaves), comma(p.price), p.brand),
    ),
    "french": (
        "Référence;Désignation;Description;Catégorie;Prix TTC;Marque",
        lambda p: (p.id, p.title, p.description, "|".join(p.leaves), comma(p.price), p.brand),
    ),
    "spanish": (
        "Código;Nombre;Descripción;Categoría;Precio;Marca",
        lambda p: (p.id, p.title, p.description, "|".join(p.leaves), comma(p.price), p.brand),
    ),
    "russian": (
        "Артикул;Название;Описание;Категория;Цена;Бренд",
        lambda p: (p.id, p.title, p.description, "|".join(p.leaves), comma(p.price), p.brand),
    ),
}


def comma(price: float) -> str:
    return str(price).replace(".", ",")


@pytest.mark.parametrize("shop", SHOPS)
def test_the_columns_of_a_shop_are_found(tmp_path: Path, shop: str) -> None:
    header, row = SHOPS[shop]
    found = read(tmp_path, table(header.split(";"), map(row, PRODUCTS), separator=";"))
    catalog = found.catalog
    assert catalog.ids == [product.id for product in PRODUCTS]
    assert catalog.column("title") == [product.title for product in PRODUCTS]
    assert catalog.column("description") == [product.description for product in PRODUCTS]
    assert catalog.column("price") == [product.price for product in PRODUCTS]
    assert catalog.column("brand") == [product.brand for product in PRODUCTS]
    assert names_read(found) == [set(product.leaves) for product in PRODUCTS]


LEVELS = (
    "level_1,level_2,level_3",
    "L1,L2,L3",
    "Category 1,Category 2,Category 3",
    "category_l1,category_l2,category_l3",
    "US_Category_1,US_Category_2,US_Category_3",
    "main_category,sub_category,sub_sub_category",
    "masterCategory,subCategory,articleType",
)


@pytest.mark.parametrize("names", LEVELS)
@pytest.mark.parametrize("missing", ["", "NaN"])
def test_levels_in_columns_of_their_own(tmp_path: Path, names: str, missing: str) -> None:
    rows = [
        (product.id, product.title, *(*product.paths[0], missing, missing)[:3])
        for product in PRODUCTS
    ]
    found = read(tmp_path, table(("id", "title", *names.split(",")), rows))
    assert paths_read(found) == [{product.paths[0]} for product in PRODUCTS]


@pytest.mark.parametrize(
    ("on", "off"), [("1", "0"), ("1.0", "0.0"), ("True", "False"), ("x", ""), ("Y", "N")]
)
def test_a_column_for_each_label(tmp_path: Path, on: str, off: str) -> None:
    labels = sorted({name for product in PRODUCTS for name in product.leaves})
    rows = [
        (product.id, product.title, *(on if name in product.leaves else off for name in labels))
        for product in PRODUCTS
    ]
    found = read(tmp_path, table(("id", "title", *labels), rows))
    assert names_read(found) == [set(product.leaves) for product in PRODUCTS]


def test_excel_formulas_that_keep_zeros(tmp_path: Path) -> None:
    found = read(tmp_path, 'id,title\n"=""00042""",Mug\n"=""00043""",Kettle\n')
    assert found.catalog.ids == ["00042", "00043"]


@pytest.mark.parametrize("pack", ["_source", "node"])
def test_answers_of_programs(tmp_path: Path, pack: str) -> None:
    records = [
        {
            "id": product.id,
            "name": product.title,
            "brand": {"name": product.brand},
            "price": {"amount": product.price, "currency": "EUR"},
            "categories": [{"id": 7, "name": name} for name in product.leaves],
        }
        for product in PRODUCTS
    ]
    answer = {"data": {"edges": [{pack: record} for record in records]}}
    found = read(tmp_path, json.dumps(answer), "answer.json")
    assert found.catalog.column("brand") == [product.brand for product in PRODUCTS]
    assert found.catalog.column("price") == [product.price for product in PRODUCTS]
    assert names_read(found) == [set(product.leaves) for product in PRODUCTS]


def test_numbers_are_labels_as_they_are_in_a_table(tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(i), "title": "Mug", "prdtypecode": 1280}) for i in range(3)]
    assert names_read(read(tmp_path, "\n".join(lines), "x.jsonl")) == [{"1280"}] * 3


def test_quotes_are_letters_where_tabs_divide_and_nothing_closes_them(tmp_path: Path) -> None:
    titles = ['"plum" tea', 'Old "honey"', '"Crisps plum', 'Biscuit 5" honey', "Tea"]
    rows = "".join(f"{i}\t{title}\tTeas\n" for i, title in enumerate(titles))
    found = read(tmp_path, f"code\tproduct_name\tcategories\n{rows}", "dump.tsv")
    assert found.catalog.column("title") == titles


def test_one_category_in_an_element_of_its_own(tmp_path: Path) -> None:
    inside = [("Mugs",), ("Mugs", "Gifts")]
    items = "".join(
        f"<product><id>{i}</id><name>Mug</name><categories>"
        + "".join(f"<category>{name}</category>" for name in names)
        + "</categories></product>"
        for i, names in enumerate(inside)
    )
    found = read(tmp_path, f"<?xml version='1.0'?><products>{items}</products>", "feed.xml")
    assert names_read(found) == list(map(set, inside))


@pytest.mark.parametrize(("tags", "told"), [("gift,blue", True), ("", False)])
def test_a_second_column_of_categories_is_told_where_it_has_values(
    tmp_path: Path, tags: str, told: bool
) -> None:
    rows = "".join(f'{i},Mug,Kitchen > Mugs,"{tags}"\n' for i in range(3))
    found = read(tmp_path, f"id,title,product_type,Tags\n{rows}", "x.csv")
    line = 'columns = { categories = "Tags" }'
    assert any(line in sentence for sentence in found.reading.rivals) == told
    assert paths_read(found) == [{("Kitchen", "Mugs")}] * 3


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ("identifier,title,category", "id"),
        ("id,title,family", "categories"),
        ("id,title,item_type_keyword", "categories"),
        ("id,title,categ_id", "categories"),
    ],
)
def test_columns_that_few_shops_have(tmp_path: Path, columns: str, field: str) -> None:
    names = columns.split(",")
    rows = [(p.id, p.title, p.leaves[0]) for p in PRODUCTS]
    found = read(tmp_path, table(names, rows))
    # by their names alone, and not by what they hold
    assert found.reading.columns[field] == names[0 if field == "id" else 2]
    assert not any("is taken" in one for one in found.reading.evidence)
    assert found.catalog.ids == [p.id for p in PRODUCTS]
    assert names_read(found) == [{p.leaves[0]} for p in PRODUCTS]


def test_the_type_of_an_item_may_be_its_category(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.leaves[0]) for p in PRODUCTS]
    found = read(tmp_path, table(("item_sku", "item_name", "item_type"), rows))
    assert found.reading.columns["categories"] == "item_type"
    assert names_read(found) == [{p.leaves[0]} for p in PRODUCTS]


def test_the_price_of_customers_of_shopware(tmp_path: Path) -> None:
    rows = [(p.id, p.title, comma(2 * p.price), comma(p.price), "1,00") for p in PRODUCTS]
    names = ("ordernumber", "name", "pseudoprice_EK", "price_EK", "baseprice")
    found = read(tmp_path, table(names, rows, separator=";"))
    assert found.catalog.column("price") == [p.price for p in PRODUCTS]


@pytest.mark.parametrize("name", ["label_text", "class name"])
def test_a_column_with_the_names_of_numbers_is_told(tmp_path: Path, name: str) -> None:
    leaves = sorted({p.leaves[0] for p in PRODUCTS})
    rows = [(p.id, p.title, leaves.index(p.leaves[0]), p.leaves[0]) for p in PRODUCTS]
    found = read(tmp_path, table(("id", "text", "label", name), rows))
    assert any(f'columns = {{ categories = "{name}" }}' in one for one in found.reading.rivals)
    # a column that says something else of each is none
    rows = [(p.id, p.title, n % 5, p.brand) for n, p in enumerate(PRODUCTS)]
    found = read(tmp_path, table(("id", "text", "label", name), rows))
    assert not found.reading.rivals


def test_a_genre_is_a_category_where_nothing_else_is(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.leaves[0], p.brand) for p in PRODUCTS]
    found = read(tmp_path, table(("id", "title", "Genre", "brand"), rows))
    assert names_read(found) == [{p.leaves[0]} for p in PRODUCTS]
    found = read(tmp_path, table(("id", "title", "Catégorie", "Genre"), rows))
    assert found.reading.columns["categories"] == "Catégorie"
    assert any("Genre could be it too" in one for one in found.reading.rivals)


def test_the_price_of_a_product_goes_before_an_actual_one(tmp_path: Path) -> None:
    rows = [(p.id, p.title, 99 if n % 2 else "", p.price) for n, p in enumerate(PRODUCTS)]
    found = read(tmp_path, table(("id", "title", "Actual_price", "Product Price"), rows))
    assert found.catalog.column("price") == [p.price for p in PRODUCTS]


@pytest.mark.parametrize("name", ["Body (HTML)", "Corpo (HTML)", "Cuerpo (HTML)", "Corps (HTML)"])
def test_descriptions_of_shopify_in_other_languages(tmp_path: Path, name: str) -> None:
    rows = [(p.id, p.title, f"<p>About {p.title}</p>") for p in PRODUCTS]
    found = read(tmp_path, table(("Handle", "Title", name), rows))
    assert found.catalog.column("description")[0] == f"About {PRODUCTS[0].title}"


def test_a_type_beside_the_category_is_told_by_inspect(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.leaves[0], f"type {n % 3}") for n, p in enumerate(PRODUCTS)]
    found = read(tmp_path, table(("Handle", "Title", "Product Category", "Type"), rows))
    summary = summarize_reading(ReadFacts.of(found), Config.load("quick"))
    assert [one["column"] for one in summary["rivals"]] == ["Type"]
    assert "could be categories too; Product Category is taken" in summary["rivals"][0]["why"]
    assert not summary["further"]


def test_a_named_price_without_any_price_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(table(("id", "Category", "price"), [(p.id, p.leaves[0], 5) for p in PRODUCTS]))
    settings = CatalogSettings(columns={"price": "Category"})
    with pytest.raises(CatalogError, match="name 'Category' as the price, and none of its values"):
        read_catalog(path, settings, strict=True)
