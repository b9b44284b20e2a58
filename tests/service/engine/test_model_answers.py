"""A product that comes over HTTP is the one that a catalogue file would hold."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.model_answers import NO_IMAGES, ModelAnswers
from shelfwise.service.requests.request_models import CategorizeRequest
from shelfwise.service.requests.request_reading import checked, worker_products
from shelfwise.service.settings import ServiceSettings


def header_of(side: int) -> bytes:
    """The beginning of a PNG file of so many pixels a side, without the pixels."""
    header = struct.pack(">4sIIBBBBB", b"IHDR", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))


@pytest.fixture(scope="module")
def text_answers(small: Path) -> ModelAnswers:
    return ModelAnswers.load(small)


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


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u200b", "\xa0"])
def test_what_is_no_id_in_a_file_is_none_over_http(separator: str, tmp_path: Path) -> None:
    products = [{"id": f"S{separator}1", "title": "Red mug"}, {"id": "S2", "title": "Blue mug"}]
    assert of_file(products, tmp_path).ids == ["S2"]
    with pytest.raises(Problem, match="expected a non-empty text or number on one line") as refused:
        over_http(products)
    assert (refused.value.status, refused.value.field, refused.value.index) == (422, "id", 0)


def test_ids_that_are_one_in_a_file_are_one_over_http() -> None:
    with pytest.raises(Problem, match="the same id"):
        over_http([{"id": '="0042"'}, {"id": "0042"}])


def test_words_for_nothing_are_no_id() -> None:
    unknown, other = over_http([{"id": "N/A", "title": "Red mug"}, {"id": "N/A"}]).ids
    assert "N/A" not in (unknown, other)


def answer(model: ModelAnswers, task: str, product: dict[str, Any]) -> dict[str, Any]:
    [found] = model.answer({"task": task, "products": [product], "options": {}})["answers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("task", ["categorize", "similar", "explain"])
def test_an_image_of_too_many_pixels_is_refused_by_a_model_without_images(
    text_answers: ModelAnswers, task: str
) -> None:
    product = {"title": "Red mug", "image": header_of(9_000)}
    problem = answer(text_answers, task, product)["problem"]
    assert (problem["status"], problem["field"]) == (422, "image")
    assert "9000 x 9000 pixels" in problem["detail"]


@pytest.mark.parametrize("task", ["categorize", "similar"])
@pytest.mark.parametrize("content", [header_of(90), b"no image"])
def test_a_model_without_images_tells_that_it_used_none(
    text_answers: ModelAnswers, task: str, content: bytes
) -> None:
    product = {"title": "Red mug", "image": content}
    assert NO_IMAGES in answer(text_answers, task, product)["warnings"]
    assert NO_IMAGES not in answer(text_answers, task, {"title": "Red mug"})["warnings"]


def test_a_product_that_others_name_rests_on_their_lists(
    text_answers: ModelAnswers, sample: Path
) -> None:
    catalog = read_catalog(sample, CatalogSettings()).catalog
    lists = dict(next(filter(None, catalog.column("related"))))
    [known, *_] = next(iter(lists.values()))
    found = answer(text_answers, "categorize", {"id": known})
    assert found["used_modalities"] == ("related",)
    assert "related" not in found["missing_modalities"]
    assert not found["warnings"]
    nobody = answer(text_answers, "categorize", {"id": "of nobody"})
    assert not nobody["used_modalities"]
    assert "none of the fields" in nobody["warnings"][0]
