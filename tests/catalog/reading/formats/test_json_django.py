"""Dumps of Django with several models: products have the names of categories and brands for their keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.errors import CatalogError
from tests.catalog.reading import written_products


def one(model: str, key: Any, **fields: Any) -> dict[str, Any]:
    return {"model": model, "pk": key, "fields": fields}


CATEGORIES = [
    one("shop.category", 1, name="Home", parent=None),
    one("shop.category", 2, name="Mugs", parent=1),
    one("shop.category", 3, name="Gifts", parent=None),
]
USERS = [one("auth.user", 1, username="ann")]


def product(key: int, **fields: Any) -> dict[str, Any]:
    return one("shop.product", key, name=f"Mug {key}", price="4.50", **fields)


def read(folder: Path, *objects: dict[str, Any], name: str = "shop.json") -> ReadResult:
    text = "\n".join(map(json.dumps, objects)) if name.endswith("l") else json.dumps(objects)
    return written_products.read(folder, text, name)


@pytest.mark.parametrize("name", ["shop.json", "shop.jsonl"])
@pytest.mark.parametrize("field", ["categories", "category_ids"])
def test_keys_of_categories_become_their_paths(tmp_path: Path, field: str, name: str) -> None:
    """Such a dump was refused."""
    products = [product(7, **{field: [2, 3]}), product(8, **{field: []})]
    found = read(tmp_path, *USERS, *CATEGORIES, *products, name=name)
    assert found.catalog.ids == ["7", "8"]
    assert found.catalog.column("categories") == [[["Home", "Mugs"], ["Gifts"]], None]
    assert "the objects of shop.product are the products, and not auth.user" in str(
        found.reading.evidence
    )


def test_one_key_and_a_brand(tmp_path: Path) -> None:
    brands = [one("shop.brand", 1, name="Kestrel"), one("shop.brand", 2, name="Marlow")]
    products = [product(7, category=2, brand=2), product(8, category=3, brand=1)]
    # products may stand first
    found = read(tmp_path, *products, *brands, *CATEGORIES).catalog
    assert found.column("categories") == [[["Home", "Mugs"]], [["Gifts"]]]
    assert found.column("brand") == ["Marlow", "Kestrel"]


def test_names_in_the_place_of_keys_stay(tmp_path: Path) -> None:
    found = read(tmp_path, *CATEGORIES, product(7, category=["Mugs"]), product(8, category=None))
    assert found.catalog.column("categories") == [[["Mugs"]], None]


def test_objects_between_products_and_categories(tmp_path: Path) -> None:
    """As of Oscar: categories have paths of numbers, and images are objects, too."""
    found = read(
        tmp_path,
        one("catalogue.category", 1, name="Home", path="0001", depth=1),
        one("catalogue.category", 2, name="Mugs", path="00010001", depth=2),
        one("catalogue.product", 7, title="Blue mug", description="A mug"),
        one("catalogue.product", 8, title="Red mug", description="A mug"),
        one("catalogue.productcategory", 1, product=7, category=2),
        one("catalogue.productcategory", 2, product=8, category=1),
        one("catalogue.productimage", 1, product=7, original="images/7.jpg"),
    ).catalog
    assert found.column("categories") == [[["Home", "Mugs"]], [["Home"]]]
    assert found.column("image") == ["images/7.jpg", None]


def test_two_models_of_products_are_refused(tmp_path: Path) -> None:
    others = [one("shop.bundle", 1, name="Two mugs", price="8", category=2)]
    with pytest.raises(CatalogError, match="it is unclear which of them are the products"):
        read(tmp_path, *CATEGORIES, product(7, category=2), *others)
