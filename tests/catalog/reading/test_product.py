"""What a field may hold, what becomes None, and why the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.product import Product, why
from shelfwise.catalog.reading.value_parsing import Rules


def product(rules: Rules | None = None, **values: Any) -> Product:
    return Product.model_validate({"id": "p", **values}, context=rules or Rules())


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a ", "a"),
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        ("007", "007"),
        ("<b>", "<b>"),
        ("\N{LEFT-TO-RIGHT MARK} B01 \N{ZERO WIDTH SPACE}", "B01"),
    ],
)
def test_ids(value: Any, kept: str) -> None:
    assert product(id=value).id == kept


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", float("nan"), [], {}, True, "a\nb", "a\0", "\ud800", "\N{LEFT-TO-RIGHT MARK}"],
)
def test_no_ids(value: Any) -> None:
    with pytest.raises(ValidationError):
        product(id=value)


@pytest.mark.parametrize(
    "name", ["title", "description", "image", "categories", "price", "brand", "related"]
)
@pytest.mark.parametrize(
    "value", [None, "", " \n", float("nan"), [], "nan", "NaN", "None", "null", "N/A", " - "]
)
def test_empty_values_become_none(name: str, value: Any) -> None:
    assert getattr(product(**{name: value}), name) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("images/1.jpg", "images/1.jpg"),
        ("./images//1.jpg", "images/1.jpg"),
        ("images\\1.jpg", "images/1.jpg"),
        (["https://x/y.jpg", "a.jpg"], "a.jpg"),
        ("..a/b..jpg", "..a/b..jpg"),
    ],
)
def test_pictures_below_the_folder(value: Any, kept: str) -> None:
    assert product(image=value).image == kept


@pytest.mark.parametrize(
    "value",
    [
        "/etc/passwd",
        "../a.jpg",
        "a/../../b",
        "a\\..\\b",
        "C:\\a.jpg",
        "file:///a",
        "a\0b",
        ".",
        5,
        {"a": 1},
    ],
)
def test_an_image_elsewhere_costs_the_image_not_the_product(value: Any) -> None:
    rules = Rules()
    assert product(rules, image=value).image is None
    assert rules.notes.total() == 1


@pytest.mark.parametrize(
    "value",
    ["http://x/y.jpg", "HTTPS://x/y", "//cdn/x.jpg", "data:,text", ["https://x/y"]],
)
def test_urls_are_no_local_picture(value: Any) -> None:
    rules = Rules()
    assert product(rules, image=value).image is None
    assert rules.notes.total() == 1


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ([["A", " B "], [], [""], ["C", None, " "]], [["A", "B"], ["C"]]),
        (["A", "B"], [["A", "B"]]),
        (["A > B", "C"], [["A", "B"], ["C"]]),
        ("A > B | A > C", [["A", "B"], ["A", "C"]]),
        ("A>B", [["A>B"]]),
        ('["A > B > C"]', [["A", "B", "C"]]),
        ('[["A", "B"]]', [["A", "B"]]),
        ("[sale] Mugs", [["[sale] Mugs"]]),
        ("['Mugs', 'Gifts']", [["Mugs", "Gifts"]]),
        ("[['A', 'B'], ['C']]", [["A", "B"], ["C"]]),
        ("['A' 'B C'\n 'D']", [["A", "B C", "D"]]),
        ([{"id": 1, "name": "A"}, {"id": 2, "name": "B"}], [["A", "B"]]),
        ([[{"name": "A"}], [{"name": "B"}]], [["A"], ["B"]]),
        (["Arts &amp; Crafts", "</span></span>"], [["Arts & Crafts"]]),
        (1280, [["1280"]]),
        (1280.0, [["1280"]]),
        ([1280, 40], [["1280", "40"]]),
        (float("nan"), None),
        ([[]], None),
        (" | ", None),
    ],
)
def test_category_paths(value: Any, paths: Any) -> None:
    assert product(categories=value).categories == paths


@pytest.mark.parametrize("value", [True, {"a": 1}, ["A", ["B"]], [[["A"]]], [[True]]])
def test_other_categories_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="a list of paths"):
        product(categories=value)


def test_separators_are_settings_and_may_be_empty() -> None:
    assert product(Rules(CategorySigns("/", ";")), categories="A/B;C").categories == [
        ["A", "B"],
        ["C"],
    ]
    assert product(Rules(CategorySigns()), categories="A > B|C").categories == [["A > B|C"]]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0.0), (12, 12.0), ("12.34", 12.34), ("$12.34", 12.34),
        ("$1,234.50", 1234.5), ("1.234,50 €", 1234.5), ("12,5", 12.5), ("1,234", 1234.0),
        ("Rs. 899", 899.0), ("Rs.899", 899.0), ("$.99", 0.99), (".99", 0.99),
        ("$5.00 - $10.00", 5.0), ("USD 3", 3.0), ("1e3", 1000.0),
        ("1,234,567", 1234567.0), ("1.234.567,8", 1234567.8),
    ],
)  # fmt: skip
def test_prices(value: Any, number: float) -> None:
    rules = Rules()
    assert product(rules, price=value).price == number
    assert not rules.notes


@pytest.mark.parametrize(
    "value",
    [-1, "-5", "free", ".a-box-inner{color:#fff}", "inf", float("inf"), "\n<script", "1e999"],
)
def test_what_is_no_price_is_noted(value: Any) -> None:
    rules = Rules()
    assert product(rules, price=value).price is None
    assert rules.notes.total() == 1


def test_related() -> None:
    assert product(related={"also_bought": ["a", 2, None, " "], "x": [], "y": None}).related == {
        "also_bought": ["a", "2"]
    }
    assert product(related=["a", "b"]).related == {"related": ["a", "b"]}
    assert product(related='{"also_bought": ["a"]}').related == {"also_bought": ["a"]}
    assert product(related=[("also_bought", ["a"])]).related == {"also_bought": ["a"]}
    assert product(related="B01, B02").related == {"related": ["B01", "B02"]}
    for value in (5, {"a": "b"}, {"a": [["b"]]}, [["a", "b"]]):
        with pytest.raises(ValidationError, match="an object of lists of ids"):
            product(related=value)


def test_the_reason_names_product_field_found_and_expected() -> None:
    values = {"id": "B01", "price": True, "title": {"en": "Mug"}}
    with pytest.raises(ValidationError) as caught:
        Product.model_validate(values)
    fault = why(caught.value, values)
    assert fault.kind == "unusable title"
    assert fault.reason == (
        "product 'B01': the title is {'en': 'Mug'}; expected a text, or a list of texts; "
        'texts by language are read with format = "json" under [catalog]; '
        "the price is True; expected a number, or a text such as '$12.34'"
    )


def test_a_long_value_is_cut_in_the_reason() -> None:
    values = {"id": "B01", "title": {"en": "x" * 100_000}}
    with pytest.raises(ValidationError) as caught:
        Product.model_validate(values)
    assert len(why(caught.value, values).reason) < 250
