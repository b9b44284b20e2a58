"""Near-copies by similar texts: what was planted is found, and boilerplate chains nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from shelfwise.catalog.near_copies import near_copies
from shelfwise.catalog.similar_texts import (
    SIMILAR,
    SimilarPairs,
    bounded_groups,
    similar_groups,
    similar_pairs,
)
from shelfwise.core.catalog import Catalog
from shelfwise.errors import PluginError

WORDS = [f"word{number}" for number in range(3000)]


def column(texts: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def drawn(count: int, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=24)) for _ in range(count)]


def with_changes(text: str, changes: int, seed: int) -> str:
    chance = random.Random(seed)
    words = text.split()
    for place in chance.sample(range(len(words)), changes):
        words[place] = chance.choice(WORDS)
    return " ".join(words)


@pytest.mark.parametrize("changes", [0, 1, 2])
def test_copies_with_a_few_other_words_are_found_and_nothing_else(changes: int) -> None:
    texts = drawn(2000)
    copies = [with_changes(texts[row], changes, row) for row in range(100)]
    groups = similar_groups([column([*texts, *copies])], 100)
    assert np.mean(groups[:100] == groups[2000:]) >= 0.98
    # each original is in a group of its own
    assert len(np.unique(groups[:2000])) == 2000


def test_a_text_that_repeats_the_words_of_others_hides_no_copies() -> None:
    texts = drawn(2000)
    copies = [with_changes(texts[row], 1, row) for row in range(100)]
    stuffed = " ".join(texts[:100] * 150)
    groups = similar_groups([column([*texts, *copies, stuffed])], 105)
    assert np.mean(groups[:100] == groups[2000:2100]) >= 0.98


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [None] * 60,
        [""] * 60,
        ["!?"] * 60,
        ["mug"] * 60,
        ["mug " * 250_000] * 3,
        ["\u202e\x00 " * 40] * 3,
        [" ".join(WORDS) * 20],
    ],
    ids=["none", "missing", "empty", "signs", "one word", "1 MB of it", "controls", "long"],
)
def test_texts_that_say_nothing_are_alone(texts: list[str | None]) -> None:
    assert similar_groups([column(texts)], 50).tolist() == list(range(len(texts)))


def test_boilerplate_in_a_third_of_the_texts_hides_and_chains_nothing() -> None:
    common = "free delivery in two days all sizes returns within thirty days please read the chart"
    texts = [f"{text} {common}" if row % 10 < 3 else text for row, text in enumerate(drawn(2000))]
    copies = [with_changes(texts[row], 1, row) for row in range(100)]
    groups = similar_groups([column([*texts, *copies])], 105)
    assert np.mean(groups[:100] == groups[2000:]) >= 0.98
    assert len(np.unique(groups[:2000])) == 2000


def test_similarity_is_about_the_share_of_word_pairs_in_common() -> None:
    texts = drawn(40)
    copies = [with_changes(text, row % 4, row) for row, text in enumerate(texts)]
    pairs = similar_pairs([column([*texts, *copies])], 100)
    assert len(pairs.first) >= 35
    for first, second, found in zip(pairs.first, pairs.second, pairs.similarity, strict=True):
        one, other = pairs_of_words(texts[first]), pairs_of_words(copies[second - 40])
        # three standard deviations of 128 draws
        assert found == pytest.approx(len(one & other) / len(one | other), abs=0.14)


def pairs_of_words(text: str) -> set[tuple[str, str]]:
    words = text.split()
    return set(pairwise(words))


def test_case_signs_and_the_field_do_not_matter_and_short_texts_bind_nothing() -> None:
    text = "one two three four five six seven eight nine ten"
    titles = [text, None, "Blue Mug", "Blue Mug", None]
    descriptions = [None, text.upper().replace(" ", ", "), None, None, None]
    groups = similar_groups([column(titles), column(descriptions)], 100)
    assert groups[0] == groups[1]
    assert len(np.unique(groups)) == 4


def test_a_text_below_a_third_of_the_products_chains_nothing() -> None:
    below = " ".join(f"service{number}" for number in range(200))
    texts = drawn(900)
    for row in range(0, 900, 3):
        texts[row] += " " + below
    texts[899] = texts[0]
    groups = similar_groups([column(texts)], 50)
    sizes = np.bincount(groups)
    assert groups[0] == groups[899]
    assert sizes.max() == 2


def test_groups_that_are_too_large_keep_what_is_most_similar() -> None:
    # a chain of six, the pairs at its ends more similar than those in its middle
    similarity = np.array([0.95, 0.95, 0.55, 0.95, 0.95], np.float32)
    pairs = SimilarPairs(np.arange(5), np.arange(1, 6), similarity)
    assert bounded_groups(pairs, 7, 6).tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert bounded_groups(pairs, 7, 3).tolist() == [0, 0, 0, 1, 1, 1, 2]
    same = SimilarPairs(np.arange(5), np.arange(1, 6), np.ones(5, np.float32))
    assert len(np.unique(bounded_groups(same, 7, 3))) == 7


def test_every_group_is_connected_by_similar_texts() -> None:
    chance = random.Random(4)
    texts = drawn(30)
    for _ in range(60):
        texts.append(
            with_changes(chance.choice(texts), chance.randint(0, 3), chance.randint(0, 99))
        )
    groups = similar_groups([column(texts)], 100)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group).tolist()
        shares = [jaccard(texts[one], texts[other]) for one, other in combinations(members, 2)]
        assert not shares or max(shares) >= SIMILAR - 0.14


def jaccard(one: str, other: str) -> float:
    first, second = pairs_of_words(one), pairs_of_words(other)
    return len(first & second) / len(first | second)


def test_the_split_keeps_them_together_where_it_is_asked_to() -> None:
    text = "a large warm blanket of wool for cold evenings on the sofa with friends in {}"
    records = [
        {"id": colour, "title": f"Blanket {colour}", "description": text.format(colour)}
        for colour in ("red", "blue", "green")
    ]
    catalog = Catalog.from_records(records, Path())
    assert near_copies(catalog).tolist() == [0, 1, 2]
    assert near_copies(catalog, "similar_text").tolist() == [0, 0, 0]


def test_nothing_to_compare_is_no_error() -> None:
    assert similar_groups([column([])], 10).tolist() == []
    assert similar_groups([column([None, "", "!"])], 10).tolist() == [0, 1, 2]


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(PluginError, match=r"needs the library 'rensa'.*shelfwise\[copies\]"):
        similar_groups([column(drawn(3))], 10)
