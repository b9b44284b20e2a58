"""Products of a program are read as those of a file, or refused in words."""

from __future__ import annotations

import datetime
import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from PIL import Image

from shelfwise.catalog.reading.product_sources import read_products, read_unlabelled_products
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError
from shelfwise.vision.image_io import read_image

SETTINGS = CatalogSettings()


def read(products: Any) -> Catalog:
    return read_records(products, ids_repeat=True).catalog


ODD: list[dict[str, Any]] = [
    {"title": "<script>var lamp='mug'</script>green doll"},
    {"title": "ＷＨ－１０００"},
    {"Title": "in capitals"},
    {"name": "by a synonym"},
    {"title": 12345},
    {"title": ["two", "paragraphs"], "description": ["a", "b"]},
    {"title": "a", "price": "$1,299.00"},
    {"title": "a", "price": "from 3.99"},
    {"title": "a", "categories": "Home > Mugs | Gifts"},
    {"title": "a", "categories": ["Mugs", "Gifts"]},
    {"title": "a", "categories": [["Home", "Mugs"], ["Gifts"]]},
    {"title": "a", "categories": "['Mugs', 'Gifts']"},
    {"title": "a", "categories": [{"id": 1, "name": "Mugs"}]},
    {"title": "a", "categories": 1280},
    {"title": "a", "categories": [1280, 40]},
    {"title": "a", "related": {"also_bought": ["1", "2"]}},
    {"title": "a", "related": ["1", "2"]},
    {"title": "a", "image": "images\\1.png"},
    {"title": "a", "image": "https://shop.example/1.png"},
    {"title": "nan", "brand": "N/A", "price": "-"},
    {"title": "a", "colour": "red", "stock": 7, "sizes": ["S", "M"]},
]


@pytest.mark.parametrize("product", ODD, ids=lambda product: json.dumps(product)[:40])
def test_an_odd_record_gives_what_a_file_gives(product: dict[str, Any], tmp_path: Path) -> None:
    product = {"id": "1", **product}
    file = tmp_path / "products.jsonl"
    file.write_text(json.dumps(product) + "\n", "utf-8")
    wanted = read_products(file, SETTINGS).catalog
    assert read([product]).fingerprint() == wanted.fingerprint()
    assert read(pd.DataFrame([product])).fingerprint() == wanted.fingerprint()


def test_records_with_other_names_beside_each_other() -> None:
    found = read([{"name": "a"}, {"title": "b"}, {"product_name": "c"}])
    assert found.column("title") == ["a", "b", "c"]


def test_names_in_a_set_are_labels_and_no_path() -> None:
    found = read([{"categories": {"Mugs", "Gifts"}}, {"categories": {"Home > Mugs", "Gifts"}}])
    assert found.column("categories") == [[["Gifts"], ["Mugs"]], [["Gifts"], ["Home", "Mugs"]]]


def test_ids_of_categories() -> None:
    """As in a column of numbers that pandas reads, where one is missing too."""
    frame = pd.DataFrame({"title": ["a", "b", "c"], "prdtypecode": [1280, None, 40]})
    assert read(frame).column("categories") == [[["1280"]], None, [["40"]]]


def test_dates_and_decimals() -> None:
    day = datetime.date(2020, 1, 31)
    given = {"price": Decimal("12.50"), "day": day, "at": np.datetime64("2020-01-31T12:00", "ns")}
    found = read([given, {"price": Decimal("NaN"), "at": np.datetime64("NaT")}])
    assert found.column("price") == [12.5, None]
    assert found.column("day") == ["2020-01-31", None]
    assert found.column("at") == ["2020-01-31T12:00:00", None]


@pytest.mark.parametrize("lost", [None, float("nan"), np.nan, pd.NA, pd.NaT, "", "nan"])
def test_products_without_an_id_are_numbered(lost: Any) -> None:
    found = read([{"id": lost, "title": "a"}, {"id": 7.0, "title": "b"}, {"id": "x"}])
    assert found.ids == ["0", "7", "x"]


def test_a_number_that_is_taken_is_given_to_no_other() -> None:
    assert read([{"title": "a"}, {"id": 0}]).ids == ["row 0", "0"]


def test_ids_that_pandas_made_floats() -> None:
    assert read([{"id": "1.0"}, {"id": "2.0"}]).ids == ["1", "2"]
    assert read(pd.DataFrame({"id": [1, np.nan], "title": ["a", "b"]})).ids == ["1", "row 1"]


def test_the_index_of_a_frame_is_the_id_where_nothing_else_is() -> None:
    titles = {"title": ["a", "b", "c"]}
    assert read(pd.DataFrame(titles)).ids == ["0", "1", "2"]
    assert read(pd.DataFrame(titles)[1:]).ids == ["1", "2"]
    assert read(pd.DataFrame(titles, index=["x", "y", "z"])).ids == ["x", "y", "z"]
    named = pd.DataFrame({**titles, "sku": [5, 6, 7]}, index=[9, 8, 7])
    assert read(named).ids == ["5", "6", "7"]
    assert "" not in read(named).columns


def test_ids_may_come_twice_where_every_record_counts(caplog: pytest.LogCaptureFixture) -> None:
    records = [{"id": "1", "title": "a"}, {"id": "1", "title": "b"}, {"id": "2", "title": "c"}]
    assert read(records).ids == ["1", "1", "2"]
    assert read(records).column("title") == ["a", "b", "c"]
    with caplog.at_level(logging.WARNING):
        once = read_products(records, SETTINGS).catalog
    assert once.column("title") == ["a", "c"]
    assert "1 of 3 records cannot be used; the first, number 1" in caplog.text


def test_a_record_that_cannot_be_used_is_told(caplog: pytest.LogCaptureFixture) -> None:
    records = [{"id": "a"}, {"id": "a", "title": {"size": 3}}, {"id": "a", "title": "Mug"}]
    with caplog.at_level(logging.WARNING):
        reading = read_unlabelled_products(records, SETTINGS)
    assert reading.catalog.ids == ["a", "a"]
    [refused] = reading.quarantine
    assert (refused.id, refused.accepted_before) == ("a", 1)
    assert "1 of 3 records cannot be used; the first, number 1: product 'a': the" in caplog.text
    # labels that stand beside the products would be of others
    with pytest.raises(CatalogError, match="y has an entry a record"):
        read_products(records, SETTINGS, every=True)


def test_variant_rows_are_left_out_as_of_a_file(tmp_path: Path) -> None:
    """Shopify's: a product's further sizes have its handle and nothing that says what it is."""
    rows = [
        {"Handle": "mug", "Title": "Mug", "Product Category": "Home > Mugs", "Size": "S"},
        {"Handle": "mug", "Title": None, "Product Category": None, "Size": "L"},
        {"Handle": "lamp", "Title": "Lamp", "Product Category": "Home > Lamps", "Size": None},
    ]
    frame = pd.DataFrame(rows)
    file = tmp_path / "products.csv"
    frame.to_csv(file, index=False)
    wanted = read_products(file, SETTINGS).catalog
    assert wanted.ids == ["mug", "lamp"]
    assert read_products(frame, SETTINGS).catalog.fingerprint() == wanted.fingerprint()


@pytest.fixture(scope="module")
def picture() -> Any:
    numbers = np.random.default_rng(0).integers(0, 255, (20, 30, 3))
    return Image.fromarray(numbers.astype(np.uint8))


def pixels(image: Any) -> Any:
    return np.asarray(Image.open(io.BytesIO(image) if isinstance(image, bytes) else image))


def test_images_of_a_program(picture: Any, tmp_path: Path) -> None:
    file = tmp_path / "1.png"
    picture.save(file)
    content = file.read_bytes()
    given = [
        picture,
        content,
        bytearray(content),
        memoryview(content),
        file,
        str(file),
        {"bytes": content, "path": None},
        {"bytes": None, "path": str(file)},
        [picture, None],
        Path("1.png"),
        "1.png",
    ]
    # under a name that shops use, too
    for name in ("image", "Images"):
        products = [{name: image, "title": "a"} for image in given]
        sources = read_records(products, root=tmp_path, ids_repeat=True).catalog.image_sources()
        for source in sources:
            np.testing.assert_array_equal(pixels(source), np.asarray(picture))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK", "YCbCr", "F"])
def test_pictures_of_any_mode(mode: str, picture: Any) -> None:
    if mode == "I;16":
        given = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30))
    else:
        given = picture.convert(mode)
    (source,) = read([{"image": given}]).image_sources()
    assert Image.open(io.BytesIO(read_image(source))).size == (30, 20)


def test_a_picture_is_turned_as_its_camera_says(picture: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    (source,) = read([{"image": Image.open(tmp_path / "turned.png")}]).image_sources()
    assert pixels(source).shape == (30, 20, 3)
    assert "exif" not in Image.open(io.BytesIO(read_image(source))).info


def test_a_generator_is_read_once() -> None:
    def products() -> Iterator[dict[str, Any]]:
        yield from ({"title": str(number)} for number in range(3))

    assert len(read_unlabelled_products(products(), SETTINGS).catalog) == 3


@pytest.mark.parametrize(
    "columns",
    [
        {"id": ["1", "2"], "title": ["mug", "cup"], "categories": [["Mugs"], ["Cups", "Gifts"]]},
        {
            "id": np.array(["1", "2"]),
            "title": ("mug", "cup"),
            "categories": [["Mugs"], ["Cups", "Gifts"]],
        },
    ],
)
def test_lists_of_one_length_are_columns(columns: dict[str, Any]) -> None:
    catalog = read(columns)
    assert catalog.ids == ["1", "2"]
    assert catalog.column("title") == ["mug", "cup"]
    assert catalog.column("categories") == [[["Mugs"]], [["Cups", "Gifts"]]]


@pytest.mark.parametrize(
    ("products", "message"),
    [
        ([], "there is no product"),
        (pd.DataFrame({"title": []}), "there is no product"),
        ("mug", "there is no catalogue 'mug'; check the path"),
        ("mug " * 2000, "there is no catalogue"),
        ("a\0b", "there is no catalogue"),
        (b"mug", "the products are bytes"),
        (["mug"], "product 0 is of the type str, and no dictionary"),
        (pd.Series(["mug"]), "product 0 is of the type str"),
        (pl.Series(["mug"]), "product 0 is of the type str"),
        ({"title": "mug"}, "one mapping with the keys 'title'; for one product give a list"),
        ({"title": ["mug", "cup"], "price": [1]}, "for columns give lists of one length"),
        ({"title": pd.Series(["mug"])}, r"or pandas.DataFrame\(products\)"),
        ({"title": "mug", "categories": ["Mugs", "Gifts"]}, "for one product give a list"),
        ({"a1": ["Blue mug", "Mugs"], "a2": ["Lamp", "Lamps"]}, "for columns give lists"),
        ([("a1", "Blue mug")], r"name the values: pandas.DataFrame\(products, columns="),
        (np.zeros((3, 4)), r"a ndarray of the shape \(3, 4\), whose columns have no names"),
        (scipy.sparse.eye(3), "a sparse matrix"),
        (7, "of the type int"),
        (pd.DataFrame([["a", "b"]], columns=["title", "title"]), "several columns of one name"),
        ([{"title": {"size": 3}}], "1 of 1 .* number 0: product '0': the title"),
        ([{"title": memoryview(b"mug")}], "the title is b'mug'; expected a text"),
        ([{"id": ["1", "2"], "title": "a"}], r"the id is \['1', '2'\]"),
        ([{"id": True}], "the id is True"),
        ([{"id": "4.00638E+12"}], "Excel has cut this one short"),
        ([{"id": float("inf")}], "an id with all its digits"),
        ([{"title": "a\ud800"}], "half of a surrogate pair"),
        ([{"image": np.zeros((4, 4, 3))}], r"an array of the shape \(4, 4, 3\)"),
    ],
)
def test_other_things_are_refused_in_words(products: Any, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        read_unlabelled_products(products, SETTINGS)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CatalogError, match="nested too deeply"):
        read_unlabelled_products([{"title": endless}], SETTINGS)


def test_categories_that_do_not_count_are_not_asked_about() -> None:
    texts = ["Boots, Sandals", "Boots, Gifts", "Bags, Cases"] + ["Lamps"] * 6 + ["Arts, Crafts"] * 2
    products = [{"title": "a", "tags": text} for text in texts]
    with pytest.raises(CatalogError, match="can be read in two ways"):
        read_products(products, SETTINGS)
    assert len(read_unlabelled_products(products, SETTINGS).catalog) == len(texts)
