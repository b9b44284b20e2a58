"""Names one behind the other are the levels of a path, or labels beside each other: the names tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelfwise.catalog.reading.categories.beside_names import beside_names
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.errors import CatalogError, TwoReadingsError
from tests.catalog.reading.written_products import paths_read, read, table

KINDS = ("Mugs", "Lamps", "Rugs", "Pans", "Pots", "Caps", "Belts", "Balls")
PAIRS = [(kind, ("Gifts", "Sale", "")[n * 5 % 3]) for n, kind in enumerate(KINDS * 3)]
"""A kind, and a label that many kinds have."""

TREE = [("Home", "Mugs"), ("Home", "Lamps"), ("Pets", "Leads"), ("Pets", "Bowls")] * 4
CROSSED = [(who, what) for who in ("Women", "Men") for what in KINDS]


def in_columns(pairs: list[tuple[str, str]], *names: str) -> str:
    return table(("id", "title", *names), [(n, f"A {n}", *pair) for n, pair in enumerate(pairs)])


@pytest.mark.parametrize(
    "names",
    [("Category 1", "Category 2"), ("categories.0", "categories.1"), ("category", "category2")],
)
def test_a_main_and_a_second_category_are_labels(tmp_path: Path, names: tuple[str, str]) -> None:
    result = read(tmp_path, in_columns(PAIRS, *names))
    assert paths_read(result) == [{(name,) for name in pair if name} for pair in PAIRS]
    assert any("call them level1, level2" in told for told in result.reading.evidence)


@pytest.mark.parametrize("names", [("level1", "level2"), ("Category", "Sub Category")])
def test_columns_that_say_so_are_levels(tmp_path: Path, names: tuple[str, str]) -> None:
    found = paths_read(read(tmp_path, in_columns(PAIRS, *names)))
    assert found == [{tuple(name for name in pair if name)} for pair in PAIRS]


@pytest.mark.parametrize("pairs", [TREE, CROSSED])
def test_names_of_trees_and_of_crossed_levels_are_levels(
    tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    assert beside_names(pairs) is None
    found = paths_read(read(tmp_path, in_columns(pairs, "Category 1", "Category 2")))
    assert found == [{pair} for pair in pairs]
    written = [(" / ".join(pair), "") for pair in pairs]
    assert paths_read(read(tmp_path, in_columns(written, "category", "color"))) == found


def test_a_slash_between_labels_is_asked_about(tmp_path: Path) -> None:
    written = [(" / ".join(name for name in pair if name), "") for pair in PAIRS]
    with pytest.raises(TwoReadingsError, match=r"is Mugs > Gifts .* or Mugs and Gifts"):
        read(tmp_path, in_columns(written, "category", "color"))


def test_two_signs_between_levels_are_refused(tmp_path: Path) -> None:
    written = [((" > ", " › ")[n % 2].join(pair), "") for n, pair in enumerate(TREE)]
    with pytest.raises(CatalogError, match="'>' between the levels of some paths and '›'"):
        read(tmp_path, in_columns(written, "category", "color"))


AUDIO = [("Home", "TV?Audio", "Sets"), ("Home", "TV?Audio", "Radios"), ("Home", "Rugs", "Red")]


def test_a_slash_with_blanks_separates_where_names_have_one_without(tmp_path: Path) -> None:
    paths = [tuple(name.replace("?", "/") for name in path) for path in AUDIO] * 4
    written = [(" / ".join(path), "") for path in paths]
    result = read(tmp_path, in_columns(written, "category", "color"))
    assert paths_read(result) == [{path} for path in paths]
    # the other way round it cannot be told apart, but a user is told
    written = [("/".join(path).replace("?", " / "), "") for path in AUDIO * 4]
    told = read(tmp_path, in_columns(written, "category", "color")).reading.evidence
    assert any("with its blanks may be part of names" in sentence for sentence in told)


@pytest.mark.parametrize("written", [True, False])
def test_paths_from_the_last_level_up_are_told(tmp_path: Path, written: bool) -> None:
    upwards = [pair[::-1] for pair in (*TREE[:4], ("Home", "Rugs"), ("Pets", "Toys"))]
    text = in_columns(upwards, "level1", "level2")
    if written:
        text = in_columns([(" > ".join(pair), "") for pair in upwards], "category", "color")
    told = read(tmp_path, text).reading.evidence
    assert any("write paths from the first level down" in sentence for sentence in told)


CATEGORIES = [("Mugs", "Kitchen", "Home"), ("Pots", "Kitchen", "Home"), ("Rugs", "Floors", "Home")]
FURTHER = [("Boots", "Shoes", "Clothes"), ("Polos", "Shirts", "Clothes"), ("Leads", "Dogs", "Pets")]


@pytest.mark.parametrize("step", [1, -1])
def test_lists_from_the_last_level_up_are_told(tmp_path: Path, step: int) -> None:
    rows = [list(row[::step]) for row in (CATEGORIES + FURTHER) * 3]
    records = [{"id": n, "title": f"A {n}", "categories": row} for n, row in enumerate(rows)]
    (tmp_path / "products.json").write_text(json.dumps(records))
    result = read_catalog(tmp_path / "products.json")
    assert paths_read(result) == [{tuple(row)} for row in rows]
    is_told = any("paths from the last level up" in told for told in result.reading.evidence)
    assert is_told == (step == 1)
