"""The same products in every shape of file and every container of Python are the same catalogue."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise import Categorizer
from shelfwise.catalog.reading.product_sources import read_products
from shelfwise.config import CatalogSettings

Product = dict[str, Any]
COUNT = 3000
KINDS = {"Mugs": "Kitchen", "Bowls": "Kitchen", "Lamps": "Living", "Shirts": "Fashion"}


def made_up() -> list[Product]:
    """Products with ids that begin with zeros, mark-up, accents, missing values and several paths."""
    chance = random.Random(3)
    products = []
    for number in range(COUNT):
        kind = chance.choice(list(KINDS))
        paths = [["Home & Garden", KINDS[kind], kind]]
        if chance.random() < 0.3:
            paths.append(["Gifts"])
        product = {
            "id": f"{number:05d}",
            "title": f"{chance.choice(['Blue', 'Grün', 'Red &amp; white'])} {kind.lower()} {number}",
            "description": chance.choice(
                [None, "<p>Dishwasher safe,\nso they say</p>", 'The "best"']
            ),
            "image": chance.choice([None, f"images/{number}.jpg"]),
            "categories": paths,
            "price": chance.choice([None, chance.randrange(100, 9999) / 100]),
            "brand": chance.choice([None, "Ferro", "Møller"]),
        }
        products.append(product)
    return products


PRODUCTS = made_up()
FIELDS = list(PRODUCTS[0])


def fingerprint(products: Any) -> str:
    """Of the catalogue as it is read with nothing told."""
    settings = CatalogSettings()
    reading = read_products(products, settings)
    assert not reading.quarantine
    assert len(reading.catalog) == COUNT
    return reading.catalog.fingerprint()


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fingerprint of JSON lines, whose values are as they should be."""
    file = tmp_path_factory.mktemp("wanted") / "products.jsonl"
    file.write_text("".join(json.dumps(product) + "\n" for product in PRODUCTS), "utf-8")
    catalog = read_products(file, CatalogSettings()).catalog
    assert catalog.column("title")[0].endswith(" 0")
    assert catalog.column("categories") == [product["categories"] for product in PRODUCTS]
    assert catalog.column("price") == [product["price"] for product in PRODUCTS]
    return catalog.fingerprint()


def flat(write_paths: Callable[[list[list[str]]], str], decimal: str = ".") -> list[dict[str, str]]:
    """The products as texts, paths written by `write_paths`."""
    rows = []
    for product in PRODUCTS:
        row = {name: "" if value is None else str(value) for name, value in product.items()}
        row["price"] = row["price"].replace(".", decimal)
        row["categories"] = write_paths(product["categories"])
        rows.append(row)
    return rows


def with_arrows(paths: list[list[str]]) -> str:
    return "|".join(" > ".join(path) for path in paths)


def with_slashes(paths: list[list[str]]) -> str:
    return ";".join("/".join(path) for path in paths)


def delimited(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def csv_with_arrows(folder: Path) -> Path:
    file = folder / "products.csv"
    file.write_text(delimited(flat(with_arrows)), "utf-8", newline="")
    return file


def csv_of_excel(folder: Path) -> Path:
    """Semicolons, decimal commas and a byte order mark."""
    file = folder / "products.csv"
    text = delimited(flat(with_arrows, decimal=","), ";")
    file.write_text(text, "utf-8-sig", newline="")
    return file


def csv_in_windows_1252(folder: Path) -> Path:
    file = folder / "products.csv"
    file.write_text(delimited(flat(with_slashes)), "cp1252", newline="")
    return file


def csv_with_json_lists(folder: Path) -> Path:
    file = folder / "products.csv"
    file.write_text(delimited(flat(json.dumps)), "utf-8", newline="")
    return file


def csv_of_pandas(folder: Path) -> Path:
    """Lists as Python writes them, NaN as text."""
    file = folder / "products.csv"
    pd.DataFrame(PRODUCTS).to_csv(file, index=False, na_rep="nan")
    return file


def tabs(folder: Path) -> Path:
    file = folder / "products.tsv"
    file.write_text(delimited(flat(with_arrows), "\t"), "utf-8", newline="")
    return file


def tabs_in_utf_16(folder: Path) -> Path:
    file = folder / "products.txt"
    file.write_text(delimited(flat(with_arrows), "\t"), "utf-16", newline="")
    return file


def zipped_csv(folder: Path) -> Path:
    file = folder / "products.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("products.csv", delimited(flat(with_arrows)))
    return file


def gzipped_json_lines(folder: Path) -> Path:
    file = folder / "products.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as text:
        text.writelines(json.dumps(product) + "\n" for product in PRODUCTS)
    return file


def json_array(folder: Path) -> Path:
    file = folder / "products.json"
    file.write_text(json.dumps(PRODUCTS, indent=2, ensure_ascii=False), "utf-8")
    return file


def json_under_a_key(folder: Path) -> Path:
    file = folder / "products.json"
    file.write_text(json.dumps({"shop": "x", "products": PRODUCTS}), "utf-8")
    return file


def json_columns(folder: Path) -> Path:
    file = folder / "products.json"
    pd.DataFrame(PRODUCTS).to_json(file)
    return file


def workbook(folder: Path) -> Path:
    file = folder / "products.xlsx"
    book = openpyxl.Workbook()
    book.active.append(FIELDS)
    for product in PRODUCTS:
        row = {**product, "categories": with_arrows(product["categories"])}
        book.active.append(list(row.values()))
    book.save(file)
    return file


def xml(folder: Path) -> Path:
    root = ElementTree.Element("products")
    for row in flat(with_arrows):
        element = ElementTree.SubElement(root, "product")
        for name, value in row.items():
            ElementTree.SubElement(element, name).text = value
    file = folder / "products.xml"
    ElementTree.ElementTree(root).write(file, "utf-8", xml_declaration=True)
    return file


def parquet(folder: Path) -> Path:
    file = folder / "products.parquet"
    pq.write_table(pa.Table.from_pylist(PRODUCTS), file)
    return file


FILES = [
    csv_with_arrows,
    csv_of_excel,
    csv_in_windows_1252,
    csv_with_json_lists,
    csv_of_pandas,
    tabs,
    tabs_in_utf_16,
    zipped_csv,
    gzipped_json_lines,
    json_array,
    json_under_a_key,
    json_columns,
    workbook,
    xml,
    parquet,
]


def generator() -> Iterator[Product]:
    return (dict(product) for product in PRODUCTS)


def object_array() -> Any:
    return np.array(PRODUCTS, dtype=object)


def of_numpy_values() -> list[Product]:
    """Scalars, arrays and paths of numpy and pathlib; missing values of three libraries."""
    products = []
    for number, product in enumerate(PRODUCTS):
        lost = [float("nan"), np.float64("nan"), pd.NA, pd.NaT, None][number % 5]
        given = {name: lost if value is None else value for name, value in product.items()}
        given["title"] = np.str_(product["title"])
        given["categories"] = tuple(np.array(path) for path in product["categories"])
        if product["price"] is not None:
            given["price"] = np.float64(product["price"])
        if product["image"] is not None:
            given["image"] = Path(product["image"])
        products.append(given)
    return products


def other_names() -> list[Product]:
    """Columns that shops call otherwise, in other cases, and the price with its currency."""
    names = {"id": "SKU", "title": "Product Name", "categories": "Category", "brand": "vendor"}
    products = []
    for product in PRODUCTS:
        given = {names.get(name, name.upper()): value for name, value in product.items()}
        given["PRICE"] = product["price"] and f"€ {product['price']:.2f}"
        products.append(given)
    return products


def pandas_frame() -> Any:
    frame = pd.DataFrame(PRODUCTS)
    frame["brand"] = frame["brand"].astype("category")
    assert isinstance(frame["price"].isna().sum(), np.integer)
    return frame


def pandas_frame_with_ids_as_index() -> Any:
    return pd.DataFrame(PRODUCTS).set_index("id")


def pandas_frame_with_an_unnamed_index() -> Any:
    frame = pandas_frame_with_ids_as_index()
    frame.index.name = None
    return frame


def pandas_frame_of_texts() -> Any:
    return pd.DataFrame(flat(with_arrows))


def pandas_frame_of_arrow_types() -> Any:
    frame = pd.DataFrame(PRODUCTS)
    return frame.convert_dtypes(dtype_backend="pyarrow")


def polars_frame() -> Any:
    return pl.DataFrame(PRODUCTS).with_columns(pl.col("brand").cast(pl.Categorical))


def polars_lazy_frame() -> Any:
    return pl.LazyFrame(PRODUCTS)


def arrow_table() -> Any:
    return pa.Table.from_pylist(PRODUCTS)


def arrow_stream() -> Any:
    return arrow_table().to_reader(max_chunksize=70)


def data_set() -> Any:
    return pytest.importorskip("datasets").Dataset.from_list(PRODUCTS)


CONTAINERS = [
    made_up,
    generator,
    object_array,
    of_numpy_values,
    other_names,
    pandas_frame,
    pandas_frame_with_ids_as_index,
    pandas_frame_with_an_unnamed_index,
    pandas_frame_of_texts,
    pandas_frame_of_arrow_types,
    polars_frame,
    polars_lazy_frame,
    arrow_table,
    arrow_stream,
    data_set,
]


@pytest.mark.parametrize("write", FILES, ids=lambda write: write.__name__)
def test_every_shape_of_file(write: Callable[[Path], Path], tmp_path: Path, wanted: str) -> None:
    assert fingerprint(write(tmp_path)) == wanted


@pytest.mark.parametrize("make", CONTAINERS, ids=lambda make: make.__name__)
def test_every_container_of_python(make: Callable[[], Any], wanted: str) -> None:
    assert fingerprint(make()) == wanted


TWELVE = [write for write in FILES if write not in (tabs, json_under_a_key, csv_of_pandas)]
SIX = [made_up, generator, of_numpy_values, pandas_frame, polars_frame, arrow_table]

CHEAPEST = {
    "labels": {"min_count": 8},
    "stacking": {"folds": 2},
    "members": {
        # as many rounds as show that they are the same
        name: {"settings": {"training": {"epochs": 2}}}
        for name in ("graph", "tabular")
    },
    # the policy network takes half of the time
    "systems": {"blend": {"settings": {"parts": [{"policy": "logistic"}]}}},
}
"""Laid over the preset quick."""


def model_of(source: Any, folder: Path) -> tuple[dict[str, bytes], Any]:
    """The files of a model that learned from `source`, and what it answers."""
    fitted = Categorizer("quick", CHEAPEST, seed=0).fit(source)
    fitted.save(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    new = [{"title": "Blue mugs"}, {"title": "lamps"}, {"description": "shirts", "price": 4}]
    return files, fitted.predict_proba(new)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_equal_models(tmp_path: Path) -> None:
    """Of the same products in twelve shapes of files and six containers: equal to the last bit."""
    assert (len(TWELVE), len(SIX)) == (12, 6)
    wanted: dict[str, bytes] = {}
    first = None
    for number, make in enumerate([*TWELVE, *SIX]):
        folder = tmp_path / str(number)
        folder.mkdir()
        source = make(folder) if make in TWELVE else make()
        files, scores = model_of(source, folder / "model")
        # what tells how categories are written differs: one file has arrows and another slashes
        weights = {name: data for name, data in files.items() if name.endswith(".safetensors")}
        wanted = wanted or weights
        assert weights == wanted, make.__name__
        first = scores if first is None else first
        np.testing.assert_array_equal(scores, first, make.__name__)
    assert len(wanted) >= 4
    assert first is not None
    assert first.std() > 0.1
