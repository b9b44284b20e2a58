"""A column of whole paths beside one of their last names is told, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.reading.written_products import read

ENDS = ["Mugs", "Lamps", "Mugs", "Gifts"]


def rivals(folder: Path, paths: list[Any]) -> str:
    rows = [
        {"id": n, "title": f"Thing {n}", "category": end, "where": path}
        for n, (end, path) in enumerate(zip(ENDS, paths, strict=True))
    ]
    text = "\n".join(map(json.dumps, rows))
    return "\n".join(read(folder, text, "products.jsonl").reading.rivals)


@pytest.mark.parametrize(
    "paths", [[["Home", end] for end in ENDS], [f"Home > {end}" for end in ENDS]]
)
def test_whole_paths_beside_last_names_are_told(tmp_path: Path, paths: list[Any]) -> None:
    told = rivals(tmp_path, paths)
    assert "holds the last names of the paths in where" in told
    assert 'categories = "where"' in told


@pytest.mark.parametrize(
    "paths",
    [
        [f"Red {end}" for end in ENDS],
        [f"https://shop.example/{end}" for end in ENDS],
        [["Home", end] for end in reversed(ENDS)],
    ],
)
def test_other_columns_are_not(tmp_path: Path, paths: list[Any]) -> None:
    assert rivals(tmp_path, paths) == ""
