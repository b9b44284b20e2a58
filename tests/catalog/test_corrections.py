"""Corrections: the catalogue then has exactly the labels that people decided on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.corrections import apply_corrections, relabelled
from shelfwise.catalog.corrections_file import Correction, read_corrections
from shelfwise.catalog.labels import Mode, flatten
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError

names = st.sampled_from(["Pets", "Birds", "Food", "Toys", "Balls"])
paths = st.lists(st.lists(names, min_size=1, max_size=4), max_size=4)
wanted = st.sets(names, max_size=5)


def shelf() -> Catalog:
    categories = {
        "1": [["Pets", "Birds"]],
        "2": [["Pets"], ["Toys", "Balls"]],
        "3": None,
        "4": [["Toys", "Balls"]],
    }
    return Catalog.from_records(
        [{"id": name, "title": "t", "categories": c} for name, c in categories.items()]
    )


def written(folder: Path, *lines: dict[str, Any], name: str = "corrections.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n", "utf-8")
    return path


@given(paths, wanted)
@settings(max_examples=80, deadline=None)
def test_flat_products_have_exactly_the_labels_wanted(
    given_paths: list[list[str]], labels: set[str]
) -> None:
    assert flatten(relabelled(given_paths, labels, "flat"), "flat") == labels


@given(paths, wanted)
@settings(max_examples=80, deadline=None)
def test_leaf_products_have_exactly_the_labels_wanted(
    given_paths: list[list[str]], labels: set[str]
) -> None:
    homes = {"Balls": ("Toys", "Balls")}
    changed = relabelled(given_paths, labels, "leaf", homes)
    assert flatten(changed, "leaf") == labels
    assert all(
        path in given_paths
        or path in ([label] if label != "Balls" else ["Toys", "Balls"] for label in labels)
        for path in changed
    )


@given(paths, paths)
@settings(max_examples=80, deadline=None)
def test_path_products_have_exactly_the_labels_wanted_and_what_lies_above(
    given_paths: list[list[str]], target: list[list[str]]
) -> None:
    labels = flatten(target, "path")
    assert flatten(relabelled(given_paths, labels, "path"), "path") == labels


@given(paths)
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("mode", ["flat", "path", "leaf"])
def test_what_is_right_already_is_left_as_it_is(mode: Mode, given_paths: list[list[str]]) -> None:
    unique = [list(path) for path in dict.fromkeys(map(tuple, given_paths))]
    assert relabelled(given_paths, flatten(given_paths, mode), mode) == unique


def test_decisions_of_every_kind(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "id": "1",
            "decision": "accept",
            "add": ["Food"],
            "remove": ["Birds"],
            "suggested": ["Food", "Pets"],
            "evidence": {"x": 1},
        },
        {"id": "2", "decision": "keep", "add": ["Food"], "remove": []},
        {"id": "3", "labels": ["Toyz"], "decision": None},
        {"id": "4", "decision": None, "add": ["Pets"], "remove": []},
    )
    changed, report = apply_corrections(shelf(), read_corrections(path))
    assert [sorted(flatten(c, "flat")) for c in changed.column("categories")] == [
        ["Food", "Pets"],
        ["Balls", "Pets", "Toys"],
        ["Toyz"],
        ["Balls", "Toys"],
    ]
    assert report.to_dict() == {
        "changed": 2,
        "confirmed": 1,
        "undecided": 1,
        "added": {"Food": 1, "Toyz": 1},
        "removed": {"Birds": 1},
        "new": {"Food": None, "Toyz": "Toys"},
    }
    again, repeated = apply_corrections(changed, read_corrections(path))
    assert again is changed
    assert (repeated.changed, repeated.confirmed) == (0, 3)
    assert changed.ids == shelf().ids
    assert changed.column("title") == shelf().column("title")


def test_labels_left_empty_take_all_labels_away(tmp_path: Path) -> None:
    changed, _ = apply_corrections(
        shelf(), read_corrections(written(tmp_path, {"id": "1", "labels": []}))
    )
    assert changed.column("categories")[0] is None


def test_removing_a_path_removes_what_lies_below_it_and_adding_one_adds_what_lies_above() -> None:
    accept = Correction(id="2", decision="accept", add=("Pets > Birds > Food",), remove=("Toys",))
    changed, report = apply_corrections(shelf(), [accept], "path")
    assert flatten(changed.column("categories")[1], "path") == {
        "Pets",
        "Pets > Birds",
        "Pets > Birds > Food",
    }
    assert set(report.removed) == {"Toys", "Toys > Balls"}


def test_a_leaf_comes_with_the_path_that_others_have() -> None:
    changed, _ = apply_corrections(shelf(), [Correction(id="1", labels=("Balls",))], "leaf")
    assert changed.column("categories")[0] == [["Toys", "Balls"]]


def test_a_table_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(
            file, ["id", "title", "add", "remove", "decision", "labels"], delimiter=";"
        )
        table.writeheader()
        table.writerow(
            {
                "id": "1",
                "title": "a, b",
                "add": "Food | Toys",
                "remove": "Birds",
                "decision": " Accept ",
            }
        )
        table.writerow({"id": "2", "labels": '["Pets", "A|B"]'})
        table.writerow({"id": "4", "title": "two\nlines"})
    changed, report = apply_corrections(shelf(), read_corrections(path))
    assert [sorted(flatten(c, "flat")) for c in changed.column("categories")][:2] == [
        ["Food", "Pets", "Toys"],
        ["A|B", "Pets"],
    ]
    assert report.undecided == 1


def test_corrections_of_another_catalogue_are_refused() -> None:
    with pytest.raises(CatalogError, match=r"'7', '8'; are these its corrections"):
        apply_corrections(
            shelf(), [Correction(id="8", labels=("A",)), Correction(id="7", decision="keep")]
        )
