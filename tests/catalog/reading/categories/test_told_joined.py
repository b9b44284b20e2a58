"""Names that may be several, or parts of one, are told where neither is sure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.reading.written_products import read, table

KINDS = ("Mugs", "Lamps", "Rugs", "Pans", "Pots", "Caps")
LISTS = [(kind, "Gifts") if n % 2 else (kind,) for n, kind in enumerate(KINDS * 3)]


def told(folder: Path, values: list[str]) -> str:
    text = table(("id", "title", "category"), [(n, f"A {n}", one) for n, one in enumerate(values)])
    return "\n".join(read(folder, text).reading.evidence)


@pytest.mark.parametrize("sign", [" and ", " und ", " y ", " "])
def test_words_between_labels(tmp_path: Path, sign: str) -> None:
    values = [sign.join(names) for names in LISTS] + list(KINDS)
    assert "though 'Lamps' and 'Gifts' also stand without each other" in told(tmp_path, values)


def test_words_within_names(tmp_path: Path) -> None:
    names = ["Home & Garden", "Home & Kitchen", "Bread knives", "Frying pans", "Home", "Long pans"]
    assert "without each other" not in told(tmp_path, names * 3)


ROPES = ["Ropes, Slings", "Ropes, Slings, Gifts", *(", ".join(names) for names in LISTS)] * 2


def test_two_names_that_never_come_apart(tmp_path: Path) -> None:
    assert "if 'Ropes, Slings' is one name, write lists" in told(tmp_path, ROPES)
    # a comma of a name has a blank behind it
    tight = [text.replace(", ", ",") for text in ROPES]
    assert "is one name" not in told(tmp_path, tight)
    # lists of levels never come apart
    chains = ["Snacks, Sweet snacks, Biscuits", "Drinks, Teas, Green teas"] * 4
    assert "is one name" not in told(tmp_path, chains)


def test_the_end_of_a_path_and_a_name_that_never_come_apart(tmp_path: Path) -> None:
    paths = ["Sport > Ropes, Slings", *(f"Home > {', '.join(names)}" for names in LISTS)] * 2
    assert "if 'Ropes, Slings' is one name" in told(tmp_path, paths)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["1;#Mugs;#2;#Gifts", "1;#Mugs", "3;#Lamps;#2;#Gifts"], "'1' is a name, though others"),
        (["In: Home > Mugs", "In: Pets > Leads"], "begins with 'In: ', which is part of the first"),
    ],
)
def test_numbers_and_words_in_front_of_names(
    tmp_path: Path, values: list[str], sentence: str
) -> None:
    assert sentence in told(tmp_path, values)


@pytest.mark.parametrize("values", [["1280", "1560"], ["Home: Mugs", "Home: Lamps", "Pets: Leads"]])
def test_usual_values(tmp_path: Path, values: list[str]) -> None:
    sentences = told(tmp_path, values)
    assert "though others" not in sentences
    assert "in front" not in sentences


def test_signs_of_sharepoint_separate(tmp_path: Path) -> None:
    text = table(("id", "title", "category"), [(n, "A", ";#".join(x)) for n, x in enumerate(LISTS)])
    found = read(tmp_path, text).catalog.column("categories")
    assert found == [[[name] for name in names] for names in LISTS]


CHAINED = ["Web/Design/Fonts", "Web/Design/Icons", "Web/Testing/Forms", "Shop/Carts/Bags"] * 5


def test_a_slash_within_a_name_between_slashes(tmp_path: Path) -> None:
    found = told(tmp_path, [*CHAINED, "Web/Testing/A/B tests", "Web/Testing/A/B tests"])
    assert "if 'A/B tests' is one name, write paths with another sign" in found
    # a level with others beside it is one
    assert "is one name" not in told(tmp_path, [*CHAINED, "Web/Design/Fonts/Serif"])
    assert "is one name" not in told(tmp_path, CHAINED)


def test_a_word_of_programs_in_front_of_labels(tmp_path: Path) -> None:
    found = told(tmp_path, [f"__label__{kind}" for kind in KINDS * 2])
    assert "begins with '__label__', which is part of the first name" in found
