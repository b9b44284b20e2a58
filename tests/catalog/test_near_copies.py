import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.near_copies import (
    MAX_SHARING_DESCRIPTION,
    MAX_SHARING_TITLE,
    MIN_DESCRIPTION,
    joined_groups,
    near_copies,
)
from shelfwise.core.catalog import Catalog

LONG = "a description of more than twenty characters, number {}"


def catalog(*products):
    return Catalog.from_records(
        {"id": str(i), "title": title, "description": text}
        for i, (title, text) in enumerate(products)
    )


def groups_of(*products):
    return near_copies(catalog(*products)).tolist()


def test_same_words_make_near_copies_whatever_the_case_and_punctuation():
    assert groups_of(("Red  Mug!", None), ("red mug", None), ("Blue mug", None)) == [0, 0, 1]
    assert groups_of(
        (None, "Hand-made, in Tokyo; 300 ml."),
        (None, "hand made in TOKYO 300 ml"),
        (None, "hand made in Kyoto 300 ml"),
    ) == [
        0,
        0,
        1,
    ]
    assert groups_of(("ÉTÉ 2020", None), ("été, 2020", None)) == [0, 0]


def test_near_copies_are_transitive_across_fields():
    one, two = LONG.format(1), LONG.format(2)
    assert groups_of(("mug", one), ("cup", one), ("cup", two), ("pot", LONG.format(3))) == [
        0,
        0,
        0,
        1,
    ]


def test_a_title_equal_to_another_products_description_binds_nothing():
    assert groups_of((LONG, None), (None, LONG)) == [0, 1]


def test_missing_and_trivial_texts_bind_nothing():
    short = "x" * (MIN_DESCRIPTION - 1)
    assert groups_of(
        (None, None), (None, None), ("", ""), ("?!", "..."), ("?", short), (None, short)
    ) == list(range(6))
    assert groups_of((None, short + "x"), (None, short + "x")) == [0, 0]


def test_no_products_have_no_groups():
    assert groups_of() == []


def test_titles_shared_too_widely_bind_nothing():
    for sharing, groups in ((MAX_SHARING_TITLE, 1), (MAX_SHARING_TITLE + 1, MAX_SHARING_TITLE + 1)):
        assert (
            len(set(groups_of(*[("Gift card", LONG.format(i)) for i in range(sharing)]))) == groups
        )


def test_boilerplate_descriptions_bind_nothing():
    limit = MAX_SHARING_DESCRIPTION[0]
    for sharing, groups in ((limit, 1), (limit + 1, limit + 1)):
        assert len(set(groups_of(*[(f"product {i}", LONG) for i in range(sharing)]))) == groups


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("vwxyz")), max_size=10))
def test_groups_are_the_connected_components(pairs):
    products = [(title, LONG.format(text)) for title, text in pairs]
    linked = [{i} for i in range(len(products))]
    for i, j in itertools.combinations(range(len(products)), 2):
        if (products[i][0] == products[j][0] or products[i][1] == products[j][1]) and linked[
            i
        ] is not linked[j]:
            linked[i] |= linked[j]
            for member in list(linked[j]):
                linked[member] = linked[i]
    found = groups_of(*products)
    assert {frozenset(np.flatnonzero(np.array(found) == g).tolist()) for g in set(found)} == {
        frozenset(members) for members in linked
    }
    assert sorted(set(found)) == list(range(len(set(found))))


def test_groups_by_picture_join_those_by_text():
    products = catalog(("red mug", None), ("red mug", None), ("cup", None), ("pot", None))
    by_picture = np.array([0, 1, 1, 2])
    assert near_copies(products, "same_text", by_picture).tolist() == [0, 0, 0, 1]


def test_equal_ids_of_different_bonds_bind_nothing():
    bonds = [np.array([0, 1, -1, -1]), np.array([-1, 2, 0, 1])]
    assert joined_groups(bonds).tolist() == [0, 1, 2, 3]
