"""Words of scripts without blanks, checked against the word boundaries of the regex library."""

from __future__ import annotations

import numpy as np
import pytest
import regex

from shelfwise.core.catalog import Catalog
from shelfwise.features.tfidf import IDEOGRAPH_RUNS, BagSettings, NgramCounts
from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.ngrams import split_words, word_grams

UNICODE_WORD = regex.compile(r"(?w)\b\p{L}.*?\b|(?w)\b\p{N}.*?\b")
"""A word by Unicode's default rules."""


@pytest.mark.parametrize(
    "text",
    [
        "茶壶 teekanne",
        "苹果手机壳iphone",
        "かわいい ワイヤレス イヤホン",
        "한국어 책",
        "हिन्दी किताब",
        "قهوة عربية",
        "kaffee\N{SOFT HYPHEN}maschine",
        "می\N{ZERO WIDTH NON-JOINER}خواهم",
        "größe xl",
    ],
)
def test_words_are_those_of_unicodes_rules(text: str) -> None:
    expected = []
    for word in UNICODE_WORD.findall(text):
        # the annex keeps signs that are not seen within the word
        expected.append(regex.sub(r"\p{Default_Ignorable_Code_Point}", "", word))
    assert split_words([text]).row(0) == expected


def test_blanks_part_words_as_they_did_before() -> None:
    assert split_words(["茶壶 teekanne"], "blanks").row(0) == ["茶壶", "teekanne"]
    assert split_words(["a\N{SOFT HYPHEN}b"], "blanks").row(0) == ["a", "b"]


def test_a_blank_without_width_parts_words() -> None:
    assert split_words(["ab\N{ZERO WIDTH SPACE}cd"]).row(0) == ["ab", "cd"]


def test_other_texts_are_parted_as_before() -> None:
    texts = ["Größe XL – T-shirt, 2 pack", "Чай 250 г", None, "500ml"]
    now, before = split_words(texts), split_words(texts, "blanks")
    assert now.words == before.words
    np.testing.assert_array_equal(now.ids, before.ids)


def test_runs_of_three_ideographs_are_counted_and_of_three_words_are_not() -> None:
    def known(texts: list[str]) -> set[int]:
        return set(word_grams(split_words(texts), (1, 2), IDEOGRAPH_RUNS).keys.tolist())

    # three single ones, two pairs, one run of three
    assert len(known(["红茶壶"])) == 6
    assert len(known(["red tea pot"])) == 5
    # the same run of ideographs is the same n-gram, whatever stands beside it
    assert known(["红茶壶"]) <= known(["tea 红茶壶 pot"])


def test_titles_with_and_without_blanks_have_the_same_ngrams() -> None:
    with_blanks = Catalog.from_records([{"id": "1", "title": "红色 茶壶 手机 壳"}])
    without = Catalog.from_records([{"id": "1", "title": "红色茶壶手机壳"}])
    counted = []
    for catalog in (with_blanks, without):
        counted.append(NgramCounts.read(catalog, ["title"], BagSettings()).grams[0].keys)
    np.testing.assert_array_equal(*counted)


@pytest.mark.parametrize("text", ["หูฟังไร้สาย", "हिन्दी किताब", "红色茶壶"])
def test_networks_read_words_with_marks_and_of_scripts_without_blanks(text: str) -> None:
    assert len(tokenize_column([text], CleaningSettings()).row(0)) >= 2
    dropped = tokenize_column([text], CleaningSettings(segmentation="blanks")).row(0)
    assert len(dropped) < 2
