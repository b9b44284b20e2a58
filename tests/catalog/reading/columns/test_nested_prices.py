"""The price inside objects: schema.org's offers, the variants and prices of shops' interfaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.columns.nested_prices import SEVERAL_CURRENCIES, SEVERAL_PRICES
from shelfwise.catalog.reading.reader import ReadResult
from tests.catalog.reading.written_products import read, table


def lines(column: str, value: Any) -> str:
    """Three products with `value` in the column."""
    return "\n".join(json.dumps({"sku": f"S{i}", "name": "Mug", column: value}) for i in range(3))


def offer(price: Any, currency: str = "EUR") -> dict[str, Any]:
    return {"@type": "Offer", "price": price, "priceCurrency": currency}


ONE_PRICE: dict[str, tuple[str, Any]] = {
    "offer": ("offers", offer("4.50")),
    "number": ("offers", offer(4.5)),
    "list of one": ("offers", [offer("4.50")]),
    "specification": ("offers", {"priceSpecification": {"price": 4.5, "priceCurrency": "EUR"}}),
    "Shopify's variants": ("variants", [{"id": 7, "price": "4.50", "compare_at_price": "9.00"}]),
    "GraphQL": ("variants", {"edges": [{"node": {"price": {"amount": "4.5"}}}]}),
    "equal prices": ("variants", [{"price": "4.50"}, {"price": "4.5"}]),
    "WooCommerce's cents": (
        "prices",
        {"price": "450", "regular_price": "900", "currency_minor_unit": 2, "currency_code": "EUR"},
    ),
    "Etsy's divisor": ("price", {"amount": 450, "divisor": 100, "currency_code": "EUR"}),
    "cents": ("offers", {"price": {"centAmount": 450, "fractionDigits": 2}}),
}


@pytest.mark.parametrize("shape", ONE_PRICE)
def test_the_price_inside_objects_is_found_and_told(tmp_path: Path, shape: str) -> None:
    column, value = ONE_PRICE[shape]
    result = read(tmp_path, lines(column, value), "a.jsonl")
    assert result.catalog.column("price") == [4.5] * 3
    assert not result.notes
    assert result.reading.columns["price"] == column
    told = f"price: it is inside the objects of {column}; of several the lowest is taken"
    assert (told in result.reading.evidence) == (column != "price")


SEVERAL: dict[str, tuple[str, Any]] = {
    "offers": ("offers", [offer("9.00"), offer(4.5)]),
    "range": ("offers", {"@type": "AggregateOffer", "lowPrice": "4.50", "highPrice": "9"}),
    "variants": ("variants", [{"price": "9.00"}, {"price": "4.50"}, {"title": "sold out"}]),
    "Shopify's range": (
        "priceRange",
        {"minVariantPrice": {"amount": "4.5"}, "maxVariantPrice": {"amount": "9.0"}},
    ),
}


@pytest.mark.parametrize("shape", SEVERAL)
def test_of_several_prices_the_lowest_is_taken_and_told(tmp_path: Path, shape: str) -> None:
    column, value = SEVERAL[shape]
    result = read(tmp_path, lines(column, value), "a.jsonl")
    assert result.catalog.column("price") == [4.5] * 3
    assert result.notes == {SEVERAL_PRICES: 3}


def without_price(result: ReadResult) -> bool:
    return result.catalog.column("price") == [None] * 3


def test_prices_in_several_currencies_are_left_out_and_told(tmp_path: Path) -> None:
    value = [offer(4.5), offer(4, "USD")]
    result = read(tmp_path, lines("offers", value), "a.jsonl")
    assert without_price(result)
    assert result.notes == {SEVERAL_CURRENCIES: 3}


@pytest.mark.parametrize(
    ("column", "value"),
    [("offers", 12), ("offers", "3 offers"), ("variants", ["S", "M"]), ("variants", [{"id": 7}])],
)
def test_what_only_has_the_name_is_no_price(tmp_path: Path, column: str, value: Any) -> None:
    result = read(tmp_path, lines(column, value), "a.jsonl")
    assert without_price(result)
    assert "price" not in result.reading.columns
    assert not result.notes


def test_a_product_without_variants_goes_on_without_a_price(tmp_path: Path) -> None:
    records = [
        {"id": 1, "title": "Mug", "variants": [{"price": "4.50"}]},
        {"id": 2, "title": "Pen"},
    ]
    records += [{"id": 3, "title": "Cup", "variants": []}]
    result = read(tmp_path, "\n".join(map(json.dumps, records)), "a.jsonl")
    assert result.catalog.column("price") == [4.5, None, None]
    assert not result.quarantine


def test_a_price_of_its_own_comes_first(tmp_path: Path) -> None:
    records = [{"id": i, "title": "Mug", "price": 5, "offers": offer(4)} for i in range(3)]
    result = read(tmp_path, "\n".join(map(json.dumps, records)), "a.jsonl")
    assert result.catalog.column("price") == [5.0] * 3


def test_an_empty_price_of_its_own_does_not(tmp_path: Path) -> None:
    records = [{"id": i, "title": "Mug", "price": None, "offers": offer(4)} for i in range(3)]
    result = read(tmp_path, "\n".join(map(json.dumps, records)), "a.jsonl")
    assert result.catalog.column("price") == [4.0] * 3


def test_objects_that_a_table_holds_as_text(tmp_path: Path) -> None:
    rows = [(i, "Mug", json.dumps(offer("4.50"))) for i in range(3)]
    result = read(tmp_path, table(("id", "title", "offers"), rows))
    assert result.catalog.column("price") == [4.5] * 3


def test_a_list_of_schema_org(tmp_path: Path) -> None:
    items = [
        {
            "@type": "ListItem",
            "position": i,
            "item": {"sku": f"S{i}", "name": "Mug", "offers": offer(4)},
        }
        for i in range(3)
    ]
    page = {"@context": "https://schema.org", "@type": "ItemList", "itemListElement": items}
    result = read(tmp_path, json.dumps(page), "a.json")
    assert result.catalog.ids == ["S0", "S1", "S2"]
    assert result.catalog.column("price") == [4.0] * 3
