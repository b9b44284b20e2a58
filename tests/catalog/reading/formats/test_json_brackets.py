"""Objects of JSON with commas between them, as arrays are that lost their brackets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.catalog.reading.written_products import PRODUCTS, paths_read, read

RECORDS = [
    {"sku": p.id, "title": p.title, "description": p.description, "categories": p.paths}
    for p in PRODUCTS
]
LINES = [json.dumps(record) for record in RECORDS]
PRETTY = [json.dumps(record, indent=2) for record in RECORDS]


@pytest.mark.parametrize(
    "text",
    [
        ",\n".join(LINES),
        ",\r\n".join(LINES) + ",\r\n",
        "\n,".join(LINES),
        "\n,\n".join(LINES),
        ",".join(LINES),
        ", ".join(LINES) + ",",
        ",\n".join(PRETTY),
        "\ufeff" + ",\n\n".join(PRETTY) + " ,\n\n",
    ],
)
@pytest.mark.parametrize("name", ["products.json", "products.txt"])
def test_commas_between_objects(tmp_path: Path, text: str, name: str) -> None:
    result = read(tmp_path, text, name)
    assert result.catalog.ids == [product.id for product in PRODUCTS]
    assert paths_read(result) == [set(product.paths) for product in PRODUCTS]
    assert result.quarantine == []


def test_a_first_object_of_more_lines_than_are_looked_at(tmp_path: Path) -> None:
    long = {**RECORDS[0], "sizes": list(range(200))}
    text = ",\n".join([json.dumps(long, indent=2), *PRETTY[1:]])
    assert len(read(tmp_path, text, "products.json").catalog) == len(PRODUCTS)


def test_pages_with_commas_between_them(tmp_path: Path) -> None:
    pages = [{"page": n, "results": RECORDS[n * 10 : n * 10 + 10]} for n in range(4)]
    text = ",\n".join(json.dumps(page, indent=1) for page in pages)
    assert len(read(tmp_path, text, "answer.json").catalog) == len(PRODUCTS)


def test_what_stands_before_damage_is_read(tmp_path: Path) -> None:
    result = read(tmp_path, ",\n".join(PRETTY) + ",\n{broken", "products.json")
    assert len(result.catalog) == len(PRODUCTS)
    assert [refused.kind for refused in result.quarantine] == ["damaged JSON"]


def test_what_stands_before_the_end_of_a_cut_archive_is_read(tmp_path: Path) -> None:
    count = 4000
    records = ({"sku": n, "title": f"Mug {n * n}"} for n in range(count))
    text = ",\n".join(json.dumps(record, indent=1) for record in records)
    result = read(tmp_path, gzip.compress(text.encode())[:-2000], "products.json.gz")
    assert 0 < len(result.catalog) < count
    assert result.quarantine[-1].kind == "damaged gzip"


def test_a_broken_line_among_lines_with_commas_costs_itself_only(tmp_path: Path) -> None:
    text = ",\n".join([*LINES[:20], "{broken}", *LINES[20:]])
    result = read(tmp_path, text, "products.json")
    assert len(result.catalog) == len(PRODUCTS)
    assert len(result.quarantine) == 1


@pytest.mark.parametrize("text", [LINES[0], LINES[0] + ",", PRETTY[0] + ",\n"])
def test_one_object_is_one_product(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, "products.json").catalog.ids == [PRODUCTS[0].id]


def test_one_line_with_a_title_in_several_languages(tmp_path: Path) -> None:
    line = json.dumps({"id": "7", "title": {"en": "Mug", "de": "Becher"}})
    alone = read(tmp_path, line, "products.jsonl").catalog.column("title")
    assert alone == read(tmp_path, f"[{line}]", "products.json").catalog.column("title") == ["Mug"]
