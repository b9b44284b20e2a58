"""A flat list is one path; where it looks like labels beside each other, the user is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.reading.written_products import read

TOLD = "a list of names is one path, though 'Gifts' stands below 2 names"


def is_told(folder: Path, values: list[Any]) -> bool:
    records = [{"id": number, "categories": value} for number, value in enumerate(values)]
    result = read(folder, "\n".join(map(json.dumps, records)), "products.jsonl")
    return any(TOLD in sentence for sentence in result.reading.evidence)


def objects(names: list[str]) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


LABELS = [["Mugs", "Gifts"], ["Lamps", "Gifts"], ["Mugs"], ["Lamps", "Gifts"]]


@pytest.mark.parametrize("values", [LABELS, list(map(objects, LABELS)), list(map(str, LABELS))])
def test_labels_in_flat_lists_are_told(tmp_path: Path, values: list[Any]) -> None:
    assert is_told(tmp_path, values)


@pytest.mark.parametrize(
    "values",
    [
        [["Home", "Mugs"], ["Home", "Lamps"], ["Home", "Mugs", "Gifts"], ["Pets", "Gifts"]],
        [[["Mugs"], ["Gifts"]], [["Lamps"], ["Gifts"]], [["Mugs"], ["Gifts"]]],
        [["A > Mugs", "A > Gifts"], ["A > Lamps", "A > Gifts"], ["A > Mugs", "A > Gifts"]],
        [["Mugs", "Gifts"], ["Lamps", "Gifts"]],
    ],
)
def test_paths_and_few_lists_are_not(tmp_path: Path, values: list[Any]) -> None:
    assert not is_told(tmp_path, values)


@pytest.mark.parametrize(
    "values", [[[38, 40], [40, 41.5]], ["[38, 40]", "[40, 41]"], [["38", "40"]]]
)
def test_that_a_list_of_numbers_is_one_path_is_told(tmp_path: Path, values: list[Any]) -> None:
    records = [{"id": number, "labels": value} for number, value in enumerate(values)]
    result = read(tmp_path, "\n".join(map(json.dumps, records)), "products.jsonl")
    assert (
        "labels: a list of numbers is one path, so '40' stands below '38'; if they are labels beside each "
        "other, write a list of lists: [[38], [40]]"
    ) in result.reading.evidence
