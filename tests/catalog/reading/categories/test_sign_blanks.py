"""Which of several signs separates, where names hold others or the same one without blanks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.reading.written_products import paths_read, read, table

TREE = [
    ("R&D", "A/B tests", "Kits"),
    ("R&D", "A/B tests", "Books"),
    ("Home", "Rugs", "Red"),
    ("Home", "Pots", "Blue"),
    ("Home", "Pots", "Green"),
]


def catalogue(values: list[str]) -> str:
    return table(("id", "title", "category"), [(n, f"A {n}", one) for n, one in enumerate(values)])


@pytest.mark.parametrize("sign", [" / ", "\\", "::"])
def test_names_may_hold_a_slash(tmp_path: Path, sign: str) -> None:
    found = paths_read(read(tmp_path, catalogue([sign.join(path) for path in TREE * 2])))
    assert found == [{path} for path in TREE * 2]


@pytest.mark.parametrize("sign", ["; ", "|", ";#"])
def test_a_sign_that_stands_twice_separates_where_its_names_stand_alone(
    tmp_path: Path, sign: str
) -> None:
    names = [("Mugs",), ("Mugs", "Gifts"), ("Lamps",), ("Rugs",), ("Lamps", "Gifts")]
    found = paths_read(read(tmp_path, catalogue([sign.join(one) for one in names])))
    assert found == [{(name,) for name in one} for one in names]


def test_a_pipe_beside_arrows_separates_however_seldom_it_stands(tmp_path: Path) -> None:
    values = ["Home > Rugs", "Home > Pots|Sale", "Pets > Leads", "Home > Pots|Sale", "Pets > Toys"]
    found = paths_read(read(tmp_path, catalogue(values)))
    assert found[1] == {("Home", "Pots"), ("Sale",)}


@pytest.mark.parametrize("sign", [", ", ",", ";"])
def test_a_sign_at_the_end_of_values_separates(tmp_path: Path, sign: str) -> None:
    names = [("Mugs",), ("Lamps",), ("Rugs", "Gifts"), ("Pots",)]
    values = [sign.join(one) + sign for one in names]
    found = paths_read(read(tmp_path, catalogue(values)))
    assert found == [{(name,) for name in one} for one in names]


@pytest.mark.parametrize("name", ["products.csv", "products.jsonl"])
def test_nothing_is_no_path_where_a_slash_separates(tmp_path: Path, name: str) -> None:
    values = ["Home / Rugs,Sale", "Home / Pots", "Pets / Leads, long", "Pets / Bowls,Sale", "N/A"]
    text = catalogue(values * 4)
    if name.endswith("l"):
        lines = (f'{{"id": {n}, "category": "{one}"}}' for n, one in enumerate(values * 4))
        text = "\n".join(lines)
    assert read(tmp_path, text, name).catalog.column("categories")[4] is None
