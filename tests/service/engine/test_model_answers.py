"""A product that comes over HTTP is the one that a catalogue file would hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.service.engine.model_answers import ModelAnswers
from shelfwise.service.requests.request_models import CategorizeRequest
from shelfwise.service.requests.request_reading import checked, worker_products
from shelfwise.service.settings import ServiceSettings


def over_http(products: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> Catalog:
    """The products as a worker reads them."""
    request = checked(CategorizeRequest, {"products": products})
    sent = worker_products(request.products, {}, columns, ServiceSettings())
    catalog, places = ModelAnswers(None, "")._catalog(sent)  # type: ignore[arg-type]
    assert places == list(range(len(products)))
    return catalog


def of_file(products: list[dict[str, Any]], folder: Path) -> Catalog:
    file = folder / "products.jsonl"
    file.write_text("".join(json.dumps(product) + "\n" for product in products))
    return read_catalog(file, CatalogSettings()).catalog


@pytest.mark.parametrize(
    "values",
    [[5, 12_345_678], [0, 1.5], [5, "A1"], [10**30], [2**53 + 1], [True, False], [True, "x"]],
)
def test_further_columns_are_those_of_a_file(values: list[Any], tmp_path: Path) -> None:
    """The number 5 was 5.0, which is no size that any training product had."""
    texts = [{"id": f"p{place}", "title": "Red mug"} for place in range(len(values))]
    inside = [{**one, "size": value} for one, value in zip(texts, values, strict=True)]
    beside = [{**one, "columns": {"size": value}} for one, value in zip(texts, values, strict=True)]
    read = of_file(inside, tmp_path).column("size")
    assert over_http(beside, ("size",)).column("size") == read


def test_blanks_around_an_id_are_no_part_of_it(tmp_path: Path) -> None:
    """The graph of co-purchases did not know such a product."""
    products = [{"id": " S1 ", "title": "Red mug"}, {"id": "S2", "title": "Blue mug"}]
    assert over_http(products).ids == of_file(products, tmp_path).ids == ["S1", "S2"]
    # blanks alone are no id, and the product goes without
    [unknown] = over_http([{"id": "  ", "title": "Red mug"}]).ids
    assert unknown.strip()
