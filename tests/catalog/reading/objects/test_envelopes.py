"""Records inside other objects, as the answers of programs have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.objects.envelopes import unwrapped
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, Written, paths_read, read

Wrap = Callable[[str, dict[str, Any]], dict[str, Any]]


def typed(value: Any) -> dict[str, Any]:
    """A value as DynamoDB exports it."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, dict):
        return {"M": {name: typed(item) for name, item in value.items()}}
    return {"L": list(map(typed, value))}


def in_languages(value: Any) -> dict[str, Any]:
    """A value as commercetools and Contentful have it."""
    return {"en-US": value, "de-DE": f"auf Deutsch: {value}" if isinstance(value, str) else value}


def akeneo(name: str, values: dict[str, Any]) -> dict[str, Any]:
    title = [
        {"locale": language, "scope": None, "data": text}
        for language, text in in_languages(values["title"]).items()
    ]
    price = [{"amount": str(values["price"]), "currency": "EUR"}]
    inside = {"name": title, "price": [{"locale": None, "scope": None, "data": price}]}
    return {"identifier": name, "categories": values["categories"], "values": inside}


def commercetools(name: str, values: dict[str, Any]) -> dict[str, Any]:
    current = {
        "name": in_languages(values["title"]),
        "categories": values["categories"],
        "masterVariant": {"prices": [{"value": {"centAmount": 450, "currencyCode": "EUR"}}]},
    }
    return {"id": name, "version": 1, "masterData": {"current": current, "published": True}}


def magento(name: str, values: dict[str, Any]) -> dict[str, Any]:
    others = [
        {"attribute_code": field, "value": values[field]} for field in values if field != "title"
    ]
    return {"sku": name, "name": values["title"], "custom_attributes": others}


def contentful(name: str, values: dict[str, Any]) -> dict[str, Any]:
    fields = {field: in_languages(value) for field, value in values.items()}
    return {"sys": {"id": name, "type": "Entry"}, "fields": fields}


WRAPS: dict[str, Wrap] = {
    "dynamodb": lambda name, values: {"Item": {"id": typed(name), **typed(values)["M"]}},
    "akeneo": akeneo,
    "commercetools": commercetools,
    "contentful": contentful,
    "magento": magento,
    "elasticsearch": lambda name, values: {"_index": "p", "_id": name, "_source": values},
    "json:api": lambda name, values: {"type": "products", "id": name, "attributes": values},
    "debezium": lambda name, values: {"payload": {"before": None, "after": {"id": name, **values}}},
    "kafka": lambda name, values: {"offset": 7, "value": {"id": name, **values}},
    "hugging face": lambda name, values: {"row_idx": 7, "row": {"id": name, **values}},
    "airtable": lambda name, values: {"id": name, "createdTime": "2024", "fields": values},
    "event": lambda name, values: {"event": "new", "product": {"id": name, **values}},
}


def content(product: Written) -> dict[str, Any]:
    return {"title": product.title, "price": product.price, "categories": product.paths}


def all_right(result: ReadResult) -> None:
    assert result.catalog.ids == [product.id for product in PRODUCTS]
    assert result.catalog.column("title") == [product.title for product in PRODUCTS]
    assert paths_read(result) == [set(product.paths) for product in PRODUCTS]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("in_lines", [True, False])
def test_records_in_envelopes(tmp_path: Path, wrap: str, in_lines: bool) -> None:
    records = [WRAPS[wrap](product.id, content(product)) for product in PRODUCTS]
    lines = map(json.dumps, records)
    text = (
        "\n".join(lines)
        if in_lines
        else json.dumps({"rows": records, "features": [{"name": "id"}]})
    )
    all_right(read(tmp_path, text, "products.json"))


@pytest.mark.parametrize("wrap", [name for name in WRAPS if name != "hugging face"])
def test_the_same_from_python(wrap: str) -> None:
    records = [WRAPS[wrap](product.id, content(product)) for product in PRODUCTS]
    all_right(read_records(records))


@pytest.mark.parametrize("wrap", ["event", "contentful", "commercetools"])
def test_the_same_from_parquet(tmp_path: Path, wrap: str) -> None:
    records = [WRAPS[wrap](product.id, content(product)) for product in PRODUCTS]
    path = tmp_path / "products.parquet"
    pq.write_table(pa.Table.from_pylist(records), path)
    all_right(read_catalog(path))


def test_what_stands_beside_the_answer_is_no_product(tmp_path: Path) -> None:
    records = [WRAPS["json:api"](product.id, content(product)) for product in PRODUCTS]
    others = [WRAPS["json:api"](f"c{number}", {"title": "Mugs"}) for number in range(90)]
    answer = {"data": records, "included": others}
    all_right(read(tmp_path, json.dumps(answer), "products.json"))


def test_categories_that_stand_beside_the_answer(tmp_path: Path) -> None:
    names = {name: str(number) for number, name in enumerate(["Home", "Mugs", "Gifts"])}
    included = [
        {"type": "category", "id": names[name], "attributes": {"name": name}} for name in names
    ]
    included[1]["relationships"] = {"parent": {"data": {"type": "category", "id": names["Home"]}}}
    wanted = [{"type": "category", "id": names[name]} for name in ("Mugs", "Gifts")]
    wanted.append({"type": "category", "id": "77"})
    records = [
        {
            "type": "products",
            "id": product.id,
            "attributes": {"title": product.title},
            "relationships": {"categories": {"data": wanted}, "brand": {"data": None}},
        }
        for product in PRODUCTS
    ]
    result = read(tmp_path, json.dumps({"data": records, "included": included}), "products.json")
    # the last one is not there, and keeps its number
    assert paths_read(result)[0] == {("Home", "Mugs"), ("Gifts",), ("77",)}
    assert result.catalog.column("title") == [product.title for product in PRODUCTS]


def test_which_language_is_taken_is_told_and_can_be_set(tmp_path: Path) -> None:
    records = [commercetools(product.id, content(product)) for product in PRODUCTS]
    text = json.dumps({"results": records})
    told = read(tmp_path, text, "products.json").reading.evidence
    (sentence,) = [one for one in told if "languages" in one]
    assert 'columns = { title = "name-de-DE" }' in sentence
    settings = CatalogSettings(columns={"title": "name-de-DE"})
    german = read_catalog(tmp_path / "products.json", settings)
    assert german.catalog.column("title")[0] == f"auf Deutsch: {PRODUCTS[0].title}"


def test_an_object_of_a_product_is_no_record() -> None:
    record = {"id": 1, "brand": {"id": 7, "name": "Kestrel"}, "data": {"size": 3}}
    assert unwrapped(record) is record
    titled = {"title": "Mug", "product": {"id": 8, "title": "Kettle"}}
    assert unwrapped(titled) is titled


def test_products_in_several_lists_are_refused(tmp_path: Path) -> None:
    lists = {"Mugs": [{"id": 1, "title": "A"}], "Lamps": [{"id": 2, "title": "B"}]}
    with pytest.raises(CatalogError, match=r"several lists: Mugs\.item, Lamps\.item"):
        read(tmp_path, json.dumps(lists), "products.json")


def test_objects_of_mongodb(tmp_path: Path) -> None:
    records = [
        {"_id": {"$oid": f"65a{number}"}, "title": "Mug", "price": {"$numberDecimal": "4.50"}}
        for number in range(3)
    ]
    result = read(tmp_path, "\n".join(map(json.dumps, records)), "products.json")
    assert result.catalog.ids == ["65a0", "65a1", "65a2"]
    assert result.catalog.column("price") == [4.5, 4.5, 4.5]


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ({"ID": 1, "Name": "Mugs"}, [["Mugs"]]),
        ({"name": "Mugs", "parent": {"name": "Home", "parent": None}}, [["Home", "Mugs"]]),
        ({"5": "Mugs"}, [["Mugs"]]),
        ({"data": [{"id": 1, "attributes": {"name": "Mugs"}}]}, [["Mugs"]]),
        ({"category": ["Home > Mugs", "Gifts"]}, [["Home", "Mugs"], ["Gifts"]]),
    ],
)
def test_categories_as_objects(tmp_path: Path, value: Any, paths: list[list[str]]) -> None:
    records = [{"id": number, "title": "A", "categories": value} for number in range(3)]
    result = read(tmp_path, json.dumps(records), "products.json")
    assert result.catalog.column("categories") == [paths] * 3


def test_choices_beside_an_envelope_are_told(tmp_path: Path) -> None:
    """Label Studio's tasks had no categories, without a word."""
    rows = [
        {
            "id": p.id,
            "data": {"title": p.title},
            "annotations": [{"result": [{"value": {"choices": [p.leaves[0]]}}]}],
        }
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "x.json")
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert "'annotations' has a key 'choices' inside" in " ".join(result.reading.evidence)
