"""URLs in catalogues, and the files of fetched images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.images.image_urls import file_name, record_path, urls_in
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError
from shelfwise.fetching.catalog_urls import image_urls

A = "https://cdn.shop.com/a.jpg"
B = "https://cdn.shop.com/w_100,h_100/b.jpg?x=1;2"


@pytest.mark.parametrize("between", [",", ", ", "|", ";", "\n", " "])
def test_several_urls_in_a_cell(between: str) -> None:
    assert urls_in([A + between + B]) == [A, B]


def test_a_url_inside_a_url_and_one_without_a_scheme() -> None:
    nested = "https://img.com/fetch/https://a.com/1.jpg"
    assert urls_in([nested, "//a.com/2.jpg", "data:image/png;base64,AA"]) == [
        nested,
        "https://a.com/2.jpg",
    ]


def test_a_fetched_image_is_the_products_image(tmp_path: Path) -> None:
    catalog = tmp_path / "products.csv"
    catalog.write_text(f'id,title,image\n1,a,{A}\n2,b,"{B}"\n3,c,x.png\n', "utf-8")
    assert read_catalog(catalog).catalog.column("image") == [None, None, "x.png"]
    place = tmp_path / "pictures" / file_name(B)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    record_path(catalog).write_text(json.dumps({"folder": "pictures"}), "utf-8")
    reading = read_catalog(catalog)
    assert reading.catalog.column("image") == [None, f"pictures/{file_name(B)}", "x.png"]
    [(note, count)] = [item for item in reading.notes.items() if "not fetched" in item[0]]
    assert "shelfwise fetch" in note
    assert count == 1


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"folder": 3}', '{"folder": "../x"}'])
def test_a_bad_record_is_refused(tmp_path: Path, text: str) -> None:
    catalog = tmp_path / "products.csv"
    catalog.write_text("id,title\n1,a\n", "utf-8")
    record_path(catalog).write_text(text, "utf-8")
    with pytest.raises(CatalogError, match=r"products\.csv\.images\.json"):
        read_catalog(catalog)


@pytest.mark.parametrize(
    "image",
    [
        {"@type": "ImageObject", "url": A},
        [{"id": 1, "src": A}, {"id": 2, "src": B}],
        [{"thumb": "https://cdn.shop.com/t.jpg", "large": A, "hi_res": None}],
    ],
)
def test_an_image_that_is_an_object_is_named_by_its_address(tmp_path: Path, image: Any) -> None:
    catalog = tmp_path / "products.jsonl"
    catalog.write_text(json.dumps({"id": "1", "title": "a", "images": image}), "utf-8")
    assert list(image_urls(catalog, CatalogSettings(), Context())) == [A]
