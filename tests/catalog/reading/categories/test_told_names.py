"""Names that look as if they were written or cut in another way are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shelfwise.errors import TwoReadingsError
from tests.catalog.reading.written_products import read

PATHS = (
    "Home?Mugs",
    "Home?Lamps",
    "Home?Towels",
    "Garden?Tools?Spades",
    "Garden?Tools?Rakes",
    "Toys",
)


def table(values: list[str]) -> str:
    rows = [{"id": n, "title": f"Thing {n}", "category": value} for n, value in enumerate(values)]
    return "\n".join(map(json.dumps, rows))


def told(folder: Path, values: list[str]) -> str:
    return "\n".join(read(folder, table(values), "products.jsonl").reading.evidence)


@pytest.mark.parametrize("sign", ["--", " \u2022 ", " \u27e9 ", ".", " \u21d2 ", " \u2014 ", " : "])
def test_signs_in_most_names_are_asked_about(tmp_path: Path, sign: str) -> None:
    with pytest.raises(TwoReadingsError, match="can be read in two ways"):
        told(tmp_path, [path.replace("?", sign) for path in PATHS])


@pytest.mark.parametrize("sign", ["-", "\u2019s ", "\u00ae ", " & ", "_"])
def test_signs_within_words_are_not(tmp_path: Path, sign: str) -> None:
    told(tmp_path, [path.replace("?", sign) for path in PATHS])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["Home%20%26%20Garden", "Toys"], "'Home%20%26%20Garden' is written as addresses are"),
        (["https://shop.example/mugs", "https://shop.example/lamps"], "looks like an address"),
        (
            ["WrappedArray(Mugs, Gifts)", "WrappedArray(Mugs)", "WrappedArray(Lamps, Gifts)"] * 3,
            "half a pair",
        ),
        (["Mugs", "mugs", "Gifts"], "'Mugs' and 'mugs' are two categories"),
        (["Mugs (3)", "Mugs (4)", "Gifts"], "'Mugs (3)' ends in a number"),
        (["Home (1) > Mugs (2)", "Home (1) > Lamps (3)"], "ends in a number"),
        (["Home|4>Mugs|7", "Home|4>Lamps|9"], "'Home|4' ends in a number"),
        (["Mugs 95%", "Lamps 80%", "Gifts"], "'Mugs 95%' ends in a number"),
        (["Mugs < Kitchen < Home", "Lamps < Home"], "from its last level up to its first"),
        (["100:Mugs", "105:Lamps"], "part of the name, '100:Mugs'"),
        (
            ["Home > Thing 0", "Home > Thing 1"],
            "the last name of 2 of 2 paths is the product's own title",
        ),
    ],
)
def test_what_may_be_meant_otherwise_is_told(
    tmp_path: Path, values: list[str], sentence: str
) -> None:
    assert sentence in told(tmp_path, values)


@pytest.mark.parametrize(
    "values",
    [
        ["100% wool", "Sets (3 pcs)", "Mugs"],
        ["3-seater sofas", "2 seater", "Sofas (1)", "Mugs"],
        ["Home > Mugs", "Home > Thing 0", "Pets > Mugs"] * 9,
    ],
)
def test_usual_names_are_not(tmp_path: Path, values: list[str]) -> None:
    sentences = told(tmp_path, values)
    assert not any(word in sentences for word in ("address", "half", "own title", "number"))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("frozenset({'Mugs', 'Gifts'})", [["Gifts"], ["Mugs"]]),
        ("{'Mugs', 'Gifts'}", [["Gifts"], ["Mugs"]]),
        ('c("Mugs", "Gifts")', [["Mugs", "Gifts"]]),
        ("list(['Mugs', 'Gifts'])", [["Mugs", "Gifts"]]),
        ("Shirts(Men)", [["Shirts(Men)"]]),
    ],
)
def test_lists_behind_their_type_are_lists(
    tmp_path: Path, text: str, paths: list[list[str]]
) -> None:
    for name, content in (
        ("products.jsonl", table([text])),
        ("products.csv", f"id;title;category\n1;Thing;{text}\n"),
    ):
        assert read(tmp_path, content, name).catalog.column("categories") == [paths]


def test_categories_that_are_codes_are_told(tmp_path: Path) -> None:
    assert "is a code, as all categories are" in told(tmp_path, ["c4", "c12", "c4"])
    assert "is a code" not in told(tmp_path, ["c4", "Mugs", "c4"])
