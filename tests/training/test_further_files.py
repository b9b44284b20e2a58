"""What a training reads beside its catalogue: further products, corrections, and products left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shelfwise.config import Config
from shelfwise.core.image_sources import ImageFile
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError
from shelfwise.training.dataset import PreparedData, prepare_data
from shelfwise.training.further_files import FurtherFiles


def write_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A catalogue of 40 products, and a second one of 5 in another folder; p0 is in both."""
    names = ("Mugs", "Bowls")
    first = []
    for number in range(40):
        record = {"id": f"p{number}", "title": f"{names[number % 2]} number {number}"}
        first.append({**record, "categories": [["Kitchen", names[number % 2]]], "image": "a.png"})
    second: list[dict[str, Any]] = [{"id": "p0", "title": "Another", "categories": [["Garden"]]}]
    for number in range(4):
        second.append(
            {"id": f"new{number}", "title": f"Rake {number}", "image": "b.png", "size": "L"}
        )
    return {
        "catalog": write_lines(tmp_path / "one" / "catalog.jsonl", first),
        "further": write_lines(tmp_path / "two" / "further.jsonl", second),
        "corrections": write_lines(
            tmp_path / "corrections.jsonl",
            [{"id": f"new{number}", "labels": ["Garden"]} for number in range(3)],
        ),
    }


def prepared(files: Mapping[str, Path], **leave_out: Path) -> PreparedData:
    changes = {"labels": {"min_count": 2}}
    config = Config.load("quick", changes=changes)
    beside = FurtherFiles(files.get("corrections"), files.get("further"), **leave_out)
    return prepare_data(files["catalog"], config, None, Context(), beside)


def all_products(data: PreparedData) -> dict[str, ImageFile]:
    found = {}
    for catalog in (data.training_set.catalog, data.test):
        found |= dict(zip(catalog.ids, catalog.image_sources(), strict=True))
    return found  # type: ignore[return-value]


def test_decided_products_of_a_further_catalogue_are_learnt_with_their_own_images(
    files: dict[str, Path],
) -> None:
    data = prepared(files)
    products = all_products(data)
    # new3 has no category: nobody has decided about it
    assert products.keys() == {f"p{number}" for number in range(40)} | {"new0", "new1", "new2"}
    assert products["p5"] == ImageFile(files["catalog"].parent, "a.png")
    assert products["new1"] == ImageFile(files["further"].parent, "b.png")
    assert "Garden" in data.labels.names
    assert "image:root" not in data.training_set.catalog.columns
    assert data.readings.keys() == {"catalog", "further"}


def test_of_two_products_with_one_id_the_first_catalogues_counts(files: dict[str, Path]) -> None:
    data = prepared(files)
    catalog = data.readings["catalog"].catalog
    title = dict(zip(catalog.ids, catalog.column("title"), strict=True))["p0"]
    assert title == "Mugs number 0"


def test_left_out_products_are_nowhere_and_what_was_decided_about_them_is_refused(
    files: dict[str, Path], tmp_path: Path
) -> None:
    unwanted = [{"id": "p3"}, {"id": "p4"}, {"id": "new3"}]
    leave_out = write_lines(tmp_path / "left-out.jsonl", unwanted)
    data = prepared(files, leave_out=leave_out)
    assert not {"p3", "p4", "new3"} & set(data.readings["catalog"].catalog.ids)
    assert len(all_products(data)) == 41
    write_lines(leave_out, [{"id": "new0"}])
    with pytest.raises(CatalogError, match="new0"):
        prepared(files, leave_out=leave_out)


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["q1"], "not in the catalogue, such as 'q1'"),
        ([f"p{n}" for n in range(40)], "every product"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(
    files: dict[str, Path], tmp_path: Path, ids: list[str], sentence: str
) -> None:
    leave_out = write_lines(tmp_path / "left-out.jsonl", [{"id": one} for one in ids])
    with pytest.raises(CatalogError, match=sentence):
        prepared({"catalog": files["catalog"]}, leave_out=leave_out)
