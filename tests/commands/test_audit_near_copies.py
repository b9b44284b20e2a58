"""Near-copies with different categories are told, as groups, on the page of the audit and in its list."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelfwise.commands.audit import audit_catalog
from shelfwise.commands.audit_near_copies import disagreeing_copies
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.export.loading import open_model

TEXT = (
    "a large warm blanket of soft wool for cold evenings on the sofa with good friends, washed by hand and "
    "dried in the shade, woven by a small family firm near the sea since many years, in {}"
)


def product(name: str, text: str, *categories: str) -> dict[str, Any]:
    paths = [[category] for category in categories]
    return {"id": name, "title": f"Blanket {name}", "description": text, "categories": paths}


def copies_of(*records: dict[str, Any]) -> list[dict[str, Any]]:
    catalog = Catalog.from_records(list(records), Path())
    return disagreeing_copies(catalog, "flat", Context()).groups


def blankets(**categories: tuple[str, ...]) -> list[dict[str, Any]]:
    return [product(name, TEXT.format(name), *some) for name, some in categories.items()]


def test_the_one_that_differs_from_most_is_marked() -> None:
    (group,) = copies_of(
        *blankets(red=("Home", "Bedding"), blue=("Home", "Bedding"), green=("Home", "Rugs"))
    )
    assert group["labels"] == ["Home"]
    told = {one["id"]: (one["other_labels"], one["differs_from_most"]) for one in group["products"]}
    assert told == {
        "red": (["Bedding"], False),
        "blue": (["Bedding"], False),
        "green": (["Rugs"], True),
    }


def test_of_two_that_differ_neither_is_marked() -> None:
    (group,) = copies_of(*blankets(red=("Home",), blue=("Rugs",)))
    assert group["labels"] == []
    assert [one["differs_from_most"] for one in group["products"]] == [False, False]


def test_copies_that_agree_and_products_that_are_only_somewhat_alike_are_not_told() -> None:
    assert copies_of(*blankets(red=("Home",), blue=("Home",))) == []
    other = TEXT.replace("for cold evenings on the sofa", "to take along on long journeys by train")
    other = other.replace("by a small family firm near the sea", "in a large mill below the hills")
    records = [*blankets(red=("Home",)), product("blue", other.format("blue"), "Rugs")]
    assert copies_of(*records) == []


def picture(seed: int) -> bytes:
    patches = np.random.default_rng(seed).integers(0, 200, (20, 20, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(patches).resize((120, 120)).save(file, "PNG")
    return file.getvalue()


def with_pictures(*titles: str) -> Catalog:
    """Products of a category each, all with one picture."""
    records = []
    for row, title in enumerate(titles):
        records.append(
            {"id": str(row), "title": title, "image": picture(0), "categories": [[f"shelf {row}"]]}
        )
    return Catalog.from_records(records, Path())


def test_one_picture_and_words_of_the_title_make_near_copies() -> None:
    catalog = with_pictures("folding desk lamp", "desk lamp, folding, black", "garden chair")
    found = disagreeing_copies(catalog, "flat", Context())
    (group,) = found.groups
    assert group["copies_by"] == ["pictures"]
    assert [one["id"] for one in group["products"]] == ["0", "1"]
    assert found.notes == []


def test_one_picture_and_less_than_half_of_the_words_are_not_shown_to_people() -> None:
    catalog = with_pictures("large brim hat, red", "brim hat, green")
    assert disagreeing_copies(catalog, "flat", Context()).groups == []


def test_groups_by_texts_say_so() -> None:
    (group,) = copies_of(*blankets(red=("Home",), blue=("Rugs",)))
    assert group["copies_by"] == ["texts"]


@pytest.mark.parametrize(("library", "by"), [("rensa", "texts"), ("imagehash", "pictures")])
def test_without_one_library_the_other_half_is_done_and_a_note_says_so(
    library: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    found = disagreeing_copies(with_pictures("desk lamp", "desk lamp"), "flat", Context())
    (note,) = found.notes
    assert f"not looked for by their {by}" in note
    assert "shelfwise[copies]" in note
    assert len(found.groups) == (1 if by == "texts" else 0)


def test_large_groups_come_first() -> None:
    text = "ten small round cups of thin glass to drink strong tea from after a long meal at home"
    pair = [product("one", text, "Cups"), product("two", text, "Glass")]
    first, second = copies_of(*pair, *blankets(red=("A",), blue=("A",), green=("B",)))
    assert (len(first["products"]), len(second["products"])) == (3, 2)


@pytest.fixture
def audited(title_model: Path, sample: Path, tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """Audits a catalogue in which a copy of a product has lost all but one of its categories."""
    lines = sample.read_bytes().splitlines()
    records = []
    for line in lines:
        # the sample holds lines that are no record
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    records = [one for one in records if one.get("id") and isinstance(one["categories"], list)]
    long = next(one for one in records if len(one.get("description") or "") > 150)
    copies = [
        {**long, "id": "copy-1"},
        {**long, "id": "copy-2", "categories": long["categories"][0][:1]},
    ]
    file = tmp_path / "with_copies.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in [*records, *copies]), "utf-8")

    def run() -> dict[str, Any]:
        return audit_catalog(open_model(title_model), file, tmp_path / "audit")

    return run


def test_page_and_list_show_them(audited: Callable[[], dict[str, Any]]) -> None:
    found = audited()
    groups = [json.loads(line) for line in Path(found["near_copies"]).read_text().splitlines()]
    assert len(groups) == found["disagreeing_copies"]
    (group,) = [one for one in groups if "copy-2" in {each["id"] for each in one["products"]}]
    marked = [one["id"] for one in group["products"] if one["differs_from_most"]]
    assert marked == ["copy-2"]
    page = Path(found["page"]).read_text("utf-8")
    assert "Near-copies with different labels" in page
    assert "copy-2" in page
    assert "differs from most" in page


def test_without_the_library_a_note_says_so(
    audited: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    found = audited()
    assert found["disagreeing_copies"] == 0
    (note,) = [one for one in found["notes"] if "by their texts" in one]
    assert "shelfwise[copies]" in note
