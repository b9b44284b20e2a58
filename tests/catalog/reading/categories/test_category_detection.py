"""What separates levels and paths, found in the column itself; and asked where the column does not tell."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading.categories.category_detection import detect_signs
from shelfwise.catalog.reading.categories.category_signs import CategorySigns, split_at

PATHS = [
    [["Home", "Kitchen", "Mugs"]],
    [["Home", "Kitchen", "Mugs"], ["Gifts"]],
    [["Home", "Bedding", "Pillows"]],
    [["Clothing", "Tops", "Hoodies"], ["Gifts"]],
    [["Clothing", "Tops", "T-shirts"]],
    [["Pets", "Birds", "Feeders"], ["Gifts"]],
    [["Home", "Kitchen", "Kettles"]],
    [["Pets", "Dogs", "Leads"]],
] * 5
"""The categories of 40 products; Gifts comes and goes."""


def written(separator: str, delimiter: str) -> list[str]:
    return [delimiter.join(separator.join(path) for path in paths) for paths in PATHS]


@pytest.mark.parametrize(
    "separator",
    [
        " > ",
        ">",
        " >> ",
        ">>",
        " >>> ",
        "/",
        " / ",
        " › ",
        " » ",
        " -> ",
        " --> ",
        " ➔ ",
        "\\",
        "::",
    ],
)
@pytest.mark.parametrize("delimiter", [" | ", "|", ";", "; ", ";#", ",", ", ", "\n"])
def test_every_pair_of_signs_is_found(separator: str, delimiter: str) -> None:
    found = detect_signs(written(separator, delimiter))
    assert found.other is None
    assert [found.signs.paths(text) for text in written(separator, delimiter)] == PATHS


@pytest.mark.parametrize("delimiter", ["|", ";", ", ", ","])
def test_flat_labels(delimiter: str) -> None:
    labels = [[path[-1] for path in paths] for paths in PATHS]
    found = detect_signs([delimiter.join(names) for names in labels])
    assert [found.signs.paths(delimiter.join(names)) for names in labels] == [
        [[n] for n in names] for names in labels
    ]


def test_lists_that_never_come_apart() -> None:
    texts = ["Snacks, Sweet snacks, Biscuits"] * 6 + ["Beverages, Teas, Green teas"] * 6
    assert detect_signs(texts).signs.paths(texts[0]) == [["Snacks"], ["Sweet snacks"], ["Biscuits"]]


def test_one_name_with_a_comma_that_most_products_have_is_no_list() -> None:
    texts = ["Lids, rims and handles"] * 12 + ["Mugs", "Kettles", "Lamps", "Mugs"]
    found = detect_signs(texts)
    assert found.signs == CategorySigns()
    assert "',' is part of names" in " ".join(found.evidence)


def test_a_comma_in_a_name_stays() -> None:
    texts = [
        "Home > Mugs",
        "Home > Kettles",
        "Clothing > Shoes, Boots & Sandals > Sandals",
        "Home > Lamps",
    ] * 5
    found = detect_signs(texts)
    assert found.signs == CategorySigns(" > ")
    assert "',' is part of names" in " ".join(found.evidence)


def test_a_comma_in_names_beside_one_between_paths() -> None:
    texts = [
        "Home > Mugs,Gifts",
        "Clothing > Shoes, Boots > Sandals",
        "Home > Mugs",
        "Pets > Leads,Gifts",
    ] * 5
    assert detect_signs(texts).signs.paths(texts[1] + ",Gifts") == [
        ["Clothing", "Shoes, Boots", "Sandals"],
        ["Gifts"],
    ]


def test_an_escaped_comma_is_part_of_a_name() -> None:
    texts = [
        "Home > Mugs, Gifts",
        r"Clothing > Shoes\, Boots & Sandals > Sandals",
        "Home > Mugs",
    ] * 5
    found = detect_signs(texts)
    assert found.signs.escaped
    assert found.signs.paths(texts[1]) == [["Clothing", "Shoes, Boots & Sandals", "Sandals"]]


def test_a_slash_in_names_stays() -> None:
    texts = ["TV/Audio > Speakers", "TV/Audio > Amplifiers", "Home > Lamps"] * 5
    assert detect_signs(texts).signs == CategorySigns(" > ")
    assert detect_signs(["TV/Audio", "Lamps", "TV/Audio", "Lamps"] * 5).signs == CategorySigns()


def test_plain_names_have_no_signs() -> None:
    assert detect_signs(["Mugs", "Kettles", "20688"]).signs == CategorySigns()
    assert detect_signs([]).signs == CategorySigns()


def test_two_readings_are_told() -> None:
    # half of the commas come and go, half never do
    texts = ["Home > Mugs, Gifts", "Home > Mugs", "Home > Shoes, Boots", "Home > Salt, Pepper"] * 3
    found = detect_signs(texts)
    assert found.other is not None
    assert {found.signs.delimiter, found.other.delimiter} == {",", ""}


NAMES = st.text("abcdefghij &'-", min_size=1, max_size=8).map(str.strip).filter(bool)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_written_is_read_or_asked(data: st.DataObject) -> None:
    """Random taxonomies, written with random signs: read as they were, or the other reading is shown."""
    names = data.draw(st.lists(NAMES, min_size=8, max_size=20, unique=True))
    separator = data.draw(st.sampled_from([" > ", "/", ">>", " › "]))
    delimiter = data.draw(st.sampled_from(["|", ";", ","]))
    rng = random.Random(data.draw(st.integers(0, 1000)))
    roots, middles, leaves = names[:2], names[2:5], names[5:]
    tree = {leaf: [rng.choice(roots), rng.choice(middles), leaf] for leaf in leaves}
    products = [[tree[leaf] for leaf in rng.sample(leaves, rng.randint(1, 2))] for _ in range(60)]
    texts = [delimiter.join(separator.join(path) for path in paths) for paths in products]
    found = detect_signs(texts)
    readings = [found.signs] if found.other is None else [found.signs, found.other]
    assert products in [[signs.paths(text) for text in texts] for signs in readings]


def test_split_at() -> None:
    assert split_at("a,b, c", ",", bare=True) == ["a", "b, c"]
    assert split_at("a|b", "") == ["a|b"]


def test_a_slash_in_a_small_tree_separates() -> None:
    tree = ["Home/Kitchen/Mugs", "Home/Kitchen/Kettles", "Garden/Tools/Spades", "Toys/Wood/Trains"]
    assert detect_signs(tree * 2).other is None
    assert detect_signs(tree * 2).signs.separator == "/"


def test_a_comma_that_stands_too_seldom_to_tell_is_told_with_what_to_write() -> None:
    few = ["Home > Rugs", "Home > Pots, Sale", "Pets > Leads"]
    assert 'category_delimiter = ","' in " ".join(detect_signs(few).evidence)
    bound = ["Home > Shoes, Boots", "Home > Rugs"] * 5
    assert "write under" not in " ".join(detect_signs(bound).evidence)


def test_dots_of_numbers_in_front_separate_nothing() -> None:
    numbered = ["1 Home > 1.1 Rooms > 1.1.1 Mugs", "1 Home > 1.2 Beds", "2 Pets > 2.1 Dogs"]
    assert detect_signs(numbered * 9).other is None
    # these are counted anew in each list
    names = ("Mugs", "Gifts", "Toys", "Lamps")
    lists = [f"1. {one}\n2. {other}" for one in names for other in names if one != other]
    assert detect_signs(lists * 9).other is not None
