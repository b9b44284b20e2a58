import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.labels import LabelSet, default_min_count, flatten, stable_labels
from shelfwise.config import LabelSettings
from shelfwise.errors import LabelError

names = st.sampled_from(["a", "b", "c", "d", "e"])
catalogues = st.lists(
    st.none() | st.lists(st.lists(names, max_size=3), max_size=3), min_size=1, max_size=12
)
modes = st.sampled_from(["flat", "path", "leaf"])

BIRDS = [["Pets", "Birds", "Feeding"], ["Pets", "Feeding"]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("flat", {"Pets", "Birds", "Feeding"}),
        ("path", {"Pets", "Pets > Birds", "Pets > Birds > Feeding", "Pets > Feeding"}),
        ("leaf", {"Feeding"}),
    ],
)
def test_modes(mode, expected):
    assert flatten(BIRDS, mode) == expected


@pytest.mark.parametrize("paths", [None, [], [[]], [[" ", ""]]])
@pytest.mark.parametrize("mode", ["flat", "path", "leaf"])
def test_nothing_gives_no_label(paths, mode):
    assert flatten(paths, mode) == set()


def test_names_are_stripped_and_gaps_closed():
    assert flatten([[" Pets ", "", "Birds"]], "path") == {"Pets", "Pets > Birds"}


def test_a_name_twice_in_a_path_counts_one_product():
    categories = [[["Divided", "Divided", "Divided Collection"]], [["Divided"]]]
    with pytest.raises(LabelError, match="'Divided', has 2"):
        LabelSet.fit(categories, LabelSettings(min_count=3))
    assert LabelSet.fit(categories, LabelSettings(min_count=2)).names == ("Divided",)


def test_default_minimum_is_the_papers_scaled_with_a_floor():
    assert [default_min_count(n) for n in (119_073, 4_387, 3_000, 100, 0)] == [400, 15, 10, 2, 2]
    rare = [[["common"]]] * 8 + [[["common", "rare"]]]
    assert LabelSet.fit(rare, LabelSettings()).names == ("common",)


def test_errors_name_the_fix():
    with pytest.raises(
        LabelError,
        match=re.escape(
            "no label has 400 products; the most frequent, 'X', has 12; "
            "lower --min-count, labels.min_count in settings"
        ),
    ):
        LabelSet.fit([[["X"]]] * 12 + [[["Y"]]], LabelSettings(min_count=400))
    for nothing in ([], [None, []]):
        with pytest.raises(LabelError, match=r"has a category.*check which column"):
            LabelSet.fit(nothing, LabelSettings())


@settings(max_examples=50, deadline=None)
@given(catalogues, modes, st.integers(1, 4))
def test_encode_agrees_with_counting(categories, mode, fewest):
    counts = Counter(name for paths in categories for name in flatten(paths, mode))
    wanted = sorted(name for name, count in counts.items() if count >= fewest)
    if not wanted:
        return
    labels = LabelSet.fit(categories, LabelSettings(mode=mode, min_count=fewest))
    targets = labels.encode(categories)
    assert list(labels.names) == wanted
    assert targets.dtype == np.float32
    assert set(np.unique(targets)) <= {0.0, 1.0}
    assert targets.sum(axis=0).tolist() == [counts[name] for name in wanted]
    assert labels.decode(targets > 0) == [
        sorted(flatten(paths, mode) & set(wanted)) for paths in categories
    ]


def test_unknown_names_and_no_products_encode_to_zeros():
    labels = LabelSet(("a", "b"))
    assert labels.encode([[["z"]], None]).tolist() == [[0, 0], [0, 0]]
    assert labels.encode([]).shape == (0, 2)
    assert labels.decode(np.zeros((0, 2), dtype=bool)) == []


@settings(max_examples=50, deadline=None)
@given(catalogues, modes)
def test_one_round_of_dropping_is_stable(categories, mode):
    settings = LabelSettings(mode=mode, min_count=2)
    try:
        labels, kept = stable_labels(categories, settings)
    except LabelError:
        return
    left = [categories[row] for row in kept]
    again, still = stable_labels(left, settings)
    assert again == labels
    assert still.tolist() == list(range(len(left)))
    dropped = [categories[row] for row in set(range(len(categories))) - set(kept.tolist())]
    assert not any(flatten(paths, mode) & set(labels.names) for paths in dropped)
