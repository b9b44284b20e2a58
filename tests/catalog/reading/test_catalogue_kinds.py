"""The kinds of catalogues that people have, one small file each; docs/formats.md lists all of them.

Further ones are tested with their subject: shops in other languages in ``test_shop_exports.py``, encodings in
``test_text_encoding.py``, JSON, XML and workbooks in ``formats/``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import ReadResult
from tests.catalog.reading.written_products import (
    PRODUCTS,
    SHOES,
    Written,
    names_read,
    paths_read,
    read,
    table,
)

URL = "https://img.example/{}.jpg"
ALL_PATHS = [set(product.paths) for product in PRODUCTS]
FIRST_PATHS = [{product.paths[0]} for product in PRODUCTS]
LEAVES = [set(product.leaves) for product in PRODUCTS]


def levels(path: tuple[str, ...], sign: str = " > ") -> str:
    return sign.join(path)


def lines(records: list[dict[str, object]]) -> str:
    return "\n".join(map(json.dumps, records))


def are_products(result: ReadResult, *fields: str) -> None:
    """The products are those that were written, in these fields."""
    for field in ("id", *fields):
        wanted = [getattr(product, field) for product in PRODUCTS]
        assert result.catalog.column(field) == wanted, field


def test_amazon_reviews_2023(tmp_path: Path) -> None:
    records: list[dict[str, object]] = [
        {
            "main_category": "AMAZON HOME",
            "title": product.title,
            "description": [product.description] if number else [],
            "price": f"from {product.price}" if number % 2 else "—",
            "images": [{"thumb": URL.format("t"), "large": URL.format(number), "hi_res": None}],
            "store": product.brand,
            "categories": list(product.paths[0]),
            "parent_asin": product.id,
            "bought_together": None,
        }
        for number, product in enumerate(PRODUCTS)
    ]
    result = read(tmp_path, lines(records), "meta.jsonl")
    are_products(result, "title", "brand")
    assert paths_read(result) == FIRST_PATHS
    assert result.catalog.column("price")[:2] == [None, PRODUCTS[1].price]
    assert result.catalog.column("description")[0] is None
    assert sum("was not fetched" in note for note in result.notes) == 1


@pytest.mark.parametrize("name", ["products.json", "products.jsonl"])
def test_best_buy(tmp_path: Path, name: str) -> None:
    records: list[dict[str, object]] = [
        {
            "sku": number,
            "name": product.title,
            "price": product.price,
            "category": [{"id": f"c{name}", "name": name} for name in product.paths[0]],
            "manufacturer": product.brand,
            "image": URL.format(number),
        }
        for number, product in enumerate(PRODUCTS)
    ]
    text = json.dumps(records) if name.endswith("json") else lines(records)
    result = read(tmp_path, text, name)
    assert result.catalog.ids[:2] == ["0", "1"]
    assert paths_read(result) == FIRST_PATHS
    assert result.catalog.column("brand") == [product.brand for product in PRODUCTS]


def test_ebay_file_exchange(tmp_path: Path) -> None:
    header = (
        "*Action(SiteID=UK|Version=1193)",
        "CustomLabel",
        "*Category",
        "*Title",
        "*StartPrice",
    )
    rows = [("Add", p.id, 20688 + len(p.leaves), p.title, p.price) for p in PRODUCTS]
    result = read(tmp_path, table(header, rows))
    are_products(result, "title", "price")
    # categories are numbers
    assert names_read(result)[0] == {"20691"}


def test_flipkart(tmp_path: Path) -> None:
    header = ("uniq_id", "product_name", "product_category_tree", "retail_price", "image", "brand")
    rows = [
        (p.id, p.title, str([levels(p.paths[0], " >> ")]), p.price, str([URL.format(1)]), p.brand)
        for p in PRODUCTS
    ]
    result = read(tmp_path, table(header, rows))
    are_products(result, "title", "price", "brand")
    assert paths_read(result) == FIRST_PATHS


def test_google_merchant_between_tabs(tmp_path: Path) -> None:
    header = ("id", "title", "description", "image_link", "price", "brand", "product_type")
    rows = [
        (p.id, p.title, p.description, URL.format(1), f"{p.price:.2f} EUR", p.brand, "")
        for p in PRODUCTS
    ]
    paths = [",".join(map(levels, product.paths)) for product in PRODUCTS]
    full = [(*row[:-1], path) for row, path in zip(rows, paths, strict=True)]
    result = read(tmp_path, table(header, full, "\t"), "feed.txt")
    are_products(result, "title", "description", "price", "brand")
    assert paths_read(result) == ALL_PATHS


def test_magento_2(tmp_path: Path) -> None:
    header = ("sku", "store_view_code", "categories", "name", "price", "base_image", "related_skus")
    # names of Magento hold no comma, as commas divide its paths
    paths = [[levels(path, "/").replace(", ", " ") for path in p.paths] for p in PRODUCTS]
    rows = [
        (
            p.id,
            "",
            ",".join(f"Default/{path}" for path in own),
            p.title,
            p.price,
            "/m/b/1.jpg",
            "a,b",
        )
        for p, own in zip(PRODUCTS, paths, strict=True)
    ]
    translated = [(p.id, "de", "", f"{p.title} (de)", "", "", "") for p in PRODUCTS[:5]]
    result = read(tmp_path, table(header, [*rows, *translated]))
    are_products(result, "title", "price")
    assert {record.kind for record in result.quarantine} == {"duplicate id"}
    assert len(result.quarantine) == 5
    assert ("Default", "Clothing", SHOES.replace(", ", " "), "Sandals") in paths_read(result)[2]
    assert result.catalog.column("image")[0] == "m/b/1.jpg"
    assert result.catalog.column("related")[0] == [("related", ["a", "b"])]


def test_open_food_facts(tmp_path: Path) -> None:
    header = ("code", "product_name", "generic_name", "brands", "categories", "categories_tags")
    rows = [
        (p.id, f'{p.title} 5"', p.description, p.brand, ", ".join(p.leaves), "en:x")
        for p in PRODUCTS
    ]
    text = "\n".join("\t".join(row) for row in [header, *rows])
    # a row with a tab too many
    result = read(tmp_path, f"{text}\nX\tMug\td\tb\tMugs\ten:x\t\n", "dump.csv")
    are_products(result, "description", "brand")
    assert result.catalog.column("title")[0] == f'{PRODUCTS[0].title} 5"'
    assert names_read(result) == LEAVES
    assert [record.kind for record in result.quarantine] == ["wrong number of columns"]


def test_rakuten(tmp_path: Path) -> None:
    header = ("", "designation", "description", "productid", "imageid", "prdtypecode")
    rows = [(i, p.title, p.description, p.id, 9, 1280 + i % 3) for i, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(header, rows))
    are_products(result, "title", "description")
    assert names_read(result)[:2] == [{"1280"}, {"1281"}]
    # the products and their labels in two files
    products = read(tmp_path, table(header[:-1], [row[:-1] for row in rows]), "X.csv")
    are_products(products, "title")
    labels = read(
        tmp_path, table(("", "prdtypecode"), [(row[0], row[-1]) for row in rows]), "Y.csv"
    )
    assert labels.catalog.ids[:2] == ["0", "1"]
    assert names_read(labels) == names_read(result)


def _shopify(first: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    header = (first, "Title", "Body (HTML)", "Vendor", "Product category", "SKU", "Variant Price")
    rows: list[tuple[object, ...]] = []
    for p in PRODUCTS:
        body = f"<p>{p.description}</p>\n<br>\n"
        rows.append((p.id, p.title, body, p.brand, levels(p.paths[0]), f"{p.id}-S", p.price))
        rows.append((p.id, "", "", "", "", f"{p.id}-M", p.price + 1))
    return header, rows


@pytest.mark.parametrize("first", ["Handle", "URL handle"])
def test_shopify_with_rows_of_variants(tmp_path: Path, first: str) -> None:
    result = read(tmp_path, table(*_shopify(first)))
    are_products(result, "title", "description", "price", "brand")
    assert paths_read(result) == FIRST_PATHS
    assert [record.kind for record in result.quarantine] == ["variant row"] * len(PRODUCTS)


def _woocommerce(product: Written) -> str:
    escaped = [levels(path).replace(",", r"\,") for path in product.paths]
    return ", ".join(escaped)


def test_woocommerce_with_variations(tmp_path: Path) -> None:
    header = ("ID", "Type", "SKU", "Name", "Description", "Regular price", "Categories", "Parent")
    rows: list[tuple[object, ...]] = []
    for p in PRODUCTS:
        rows.append((p.id, "variable", "s", p.title, p.description, p.price, _woocommerce(p), ""))
        rows.append((f"{p.id}-v", "variation", "s", f"{p.title} - S", "", 5, "", f"id:{p.id}"))
    result = read(tmp_path, table(header, rows))
    are_products(result, "title", "description", "price")
    assert paths_read(result) == ALL_PATHS
    assert [record.kind for record in result.quarantine] == ["variant row"] * len(PRODUCTS)


def test_parent_and_child_are_listed(tmp_path: Path) -> None:
    paths = [", ".join((p.paths[0][0], levels(p.paths[0]))) for p in PRODUCTS]
    rows = [(p.id, p.title, path) for p, path in zip(PRODUCTS, paths, strict=True)]
    # without a comma in the names
    plain = [(*row[:2], row[2].replace(SHOES, "Shoes")) for row in rows]
    result = read(tmp_path, table(("ID", "Name", "Categories"), plain))
    assert paths_read(result)[0] == {("Home & Kitchen",), ("Home & Kitchen", "Kitchen", "Mugs")}


@pytest.mark.parametrize(
    "missing",
    [
        "NaN",
        "None",
        "null",
        "nan",
        "N/A",
        "-",
        "",
        " - ",
        "\\N",
        "NA",
        "(null)",
        "#NV",
        "----",
        "?",
    ],
)
def test_missing_values_as_text(tmp_path: Path, missing: str) -> None:
    rows = [
        (p.id, missing, missing, missing, missing)
        if number % 2
        else (p.id, p.title, "Gifts", 5, "K")
        for number, p in enumerate(PRODUCTS)
    ]
    result = read(tmp_path, table(("id", "title", "categories", "price", "brand"), rows))
    are_products(result)
    for field in ("title", "categories", "price", "brand"):
        assert [value is None for value in result.catalog.column(field)[:4]] == [False, True] * 2


def test_ids_of_excel_and_pandas(tmp_path: Path) -> None:
    def ids(texts: list[str]) -> ReadResult:
        return read(tmp_path, table(("id", "title"), [(text, "Mug") for text in texts]))

    assert ids(["00000001", "00000002"]).catalog.ids == ["00000001", "00000002"]
    assert ids(["1.0", "2.0"]).catalog.ids == ["1", "2"]
    assert ids(["1.00", "2.00"]).catalog.ids == ["1", "2"]
    assert ids(["1,0", "2,0"]).catalog.ids == ["1", "2"]
    assert ids(["1.0", "A2"]).catalog.ids == ["1.0", "A2"]
    for short in ("4.00638E+12", "4,00638E+12", "4.00638e+12"):
        cut = ids([short, "4006380000002", short])
        assert cut.catalog.ids == ["4006380000002"]
        assert all("Excel has cut this one short" in record.reason for record in cut.quarantine)


def test_an_unnamed_index_is_the_id(tmp_path: Path) -> None:
    rows = [(number, p.title, levels(p.paths[0])) for number, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("", "title", "categories"), rows))
    assert result.catalog.ids == [str(number) for number in range(len(PRODUCTS))]


def test_lists_of_pandas_and_numpy_as_text(tmp_path: Path) -> None:
    nested = [(p.id, p.title, str([list(path) for path in p.paths])) for p in PRODUCTS]
    assert paths_read(read(tmp_path, table(("id", "title", "categories"), nested))) == ALL_PATHS
    arrays = [(p.id, p.title, f"[{' '.join(map(repr, p.paths[0]))}]") for p in PRODUCTS]
    assert paths_read(read(tmp_path, table(("id", "title", "categories"), arrays))) == FIRST_PATHS


def test_few_accents_of_windows(tmp_path: Path) -> None:
    rows = [(p.id, f"{p.title} café" if n == 20 else p.title) for n, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(("id", "title"), rows).encode("cp1252"))
    assert result.catalog.column("title")[20] == f"{PRODUCTS[20].title} café"
    assert len(result.catalog) == len(PRODUCTS)
    assert any("Windows-1252" in sentence for sentence in result.reading.evidence)
