"""The n-grams of texts: every run of n words, or of n letters in a word, for a whole column at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.text.gram_counts import Grams, Keys, summed
from shelfwise.text.hashing import splitmix64
from shelfwise.text.scripts import is_ideographic, is_syllabic, split_scripts
from shelfwise.text.tokenization import (
    Segmentation,
    beyond_ascii,
    lowered,
    separators,
    split_column,
)
from shelfwise.text.vocabulary import Offsets, TokenArray

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: its multiples are spread evenly over all 64-bit numbers (splitmix64)."""

_MOST_SPREAD = 1 << 16
"""Entries up to which letter n-grams are spread over texts at once: bounds the memory for many texts."""


def split_words(texts: Sequence[str | None], segmentation: Segmentation = "unicode") -> TokenArray:
    """The lower-cased words of N texts: all runs of letters and digits, short ones and stop words too.

    An ideograph is a word, see :mod:`shelfwise.text.scripts`. Stop words stay because leaving them out costs
    accuracy in product titles (Yu et al. 2012).

    >>> split_words(["T-shirt, 2 pack", None]).row(0)
    ['t', 'shirt', '2', 'pack']
    >>> split_words(["Teekanne 茶壶"]).row(0)
    ['teekanne', '茶', '壶']
    """
    column = lowered(texts)
    codes = beyond_ascii(column)
    if segmentation == "unicode":
        column = split_scripts(column, codes)
    tokens = split_column(column, separators(codes))
    # a separator at either end of a text leaves an empty word there
    if "" not in tokens.words:
        return tokens
    return tokens.keep_words(np.array([word != "" for word in tokens.words], dtype=bool))


def word_grams(
    tokens: TokenArray, orders: Sequence[int], ideograph_orders: Sequence[int] = ()
) -> Grams:
    """Runs of n consecutive words of a text, for each n in `orders`.

    Args:
        ideograph_orders: further lengths, of runs of ideographs.
    """
    letters, offsets = _letters(tokens.words, "")
    units = _word_keys(letters, offsets)[tokens.ids]
    counts = _count_runs(units, tokens.offsets, orders)
    # runs of all words are counted already, those of ideographs among them
    further = sorted(set(ideograph_orders) - set(orders))
    if not further:
        return counts
    ideographic = np.array([is_ideographic(word) for word in tokens.words], np.bool_)
    if not ideographic.any():
        return counts
    # runs across a word that is gone are rare, and do no harm
    return counts.joined(_runs_of_some(units, ideographic[tokens.ids], tokens.offsets, further))


def _runs_of_some(
    units: Keys, is_kept: NDArray[np.bool_], offsets: Offsets, orders: Sequence[int]
) -> Grams:
    """Runs of n units in each row without its other units, for each n in `orders`.

    Args:
        is_kept: (T,) which of the units count.
    """
    before = np.concatenate([[0], np.cumsum(is_kept)])
    return _count_runs(units[is_kept], before[offsets], orders)


def letter_grams(
    tokens: TokenArray, orders: Sequence[int], syllable_orders: Sequence[int] = ()
) -> Grams:
    """Runs of n letters within a word, the blanks around it counting as letters, for each n in `orders`.

    Worked out once a distinct word, then spread over the texts.

    Args:
        syllable_orders: further lengths, in words of Hangul or katakana.
    """
    letters, offsets = _letters(tokens.words, " ")
    units = letters.astype(np.uint64)
    of_words = _count_runs(units, offsets, orders)
    further = sorted(set(syllable_orders) - set(orders))
    syllabic = np.array([bool(further) and is_syllabic(word) for word in tokens.words], np.bool_)
    if syllabic.any():
        is_kept = np.repeat(syllabic, np.diff(offsets))
        of_words = of_words.joined(_runs_of_some(units, is_kept, offsets, further))
    entries = int(of_words.distinct[tokens.ids].sum())
    if entries <= _MOST_SPREAD:
        return _spread(of_words, tokens)
    # one sparse product holds no more at a time than a text; (N, W): how often each word occurs in each
    ones = np.ones(len(tokens.ids), np.float32)
    shape = (len(tokens), len(tokens.words))
    words = sp.csr_array((ones, tokens.ids, tokens.offsets), shape=shape)
    counts = words @ of_words.counts
    counts.sort_indices()
    return Grams.of(counts, of_words.keys)


def _spread(of_words: Grams, tokens: TokenArray) -> Grams:
    """The letter n-grams of texts, from those of their words: each occurrence of a word brings all of its."""
    brought = of_words.take(tokens.ids)
    text_of_token = np.repeat(np.arange(len(tokens)), tokens.lengths)
    rows = np.repeat(text_of_token, brought.distinct)
    pairs = rows * len(of_words.keys) + brought.columns
    return summed(pairs, brought.values, len(tokens), of_words.keys)


def _at_places(units: Keys, places: Keys) -> Keys:
    """A number for "this unit at this place", to be summed over the places of a run."""
    # place 0 counts as 1: it has to change the unit, too
    steps = places + np.uint64(1)
    return splitmix64(units + steps * _GOLDEN_RATIO)


def _letters(words: Sequence[str], edge: str) -> tuple[NDArray[np.uint32], Offsets]:
    """The code points of all words end to end, with `edge` around each, and where each word begins."""
    offsets = np.zeros(len(words) + 1, np.int64)
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    np.cumsum(lengths + 2 * len(edge), out=offsets[1:])
    # between two words stand the end of one and the beginning of the other
    packed = edge + f"{edge}{edge}".join(words) + edge if words else ""
    # lone surrogates are letters like others: broken text must not stop a training
    return np.frombuffer(packed.encode("utf-32-le", "surrogatepass"), dtype=np.uint32), offsets


def _word_keys(letters: NDArray[np.uint32], offsets: Offsets) -> Keys:
    """One number a word; no word may be empty."""
    if len(offsets) == 1:
        return np.zeros(0, np.uint64)
    starts = offsets[:-1]
    # places within the word, from 0
    places = np.arange(len(letters)) - np.repeat(starts, offsets[1:] - starts)
    placed = _at_places(letters.astype(np.uint64), places.astype(np.uint64))
    return splitmix64(np.add.reduceat(placed, starts))


def _runs(units: Keys, offsets: Offsets, n: int) -> tuple[Keys, NDArray[np.int64]]:
    """The key of every run of n units that stays within its row, and its row."""
    lengths = offsets[1:] - offsets[:-1]
    rows = np.repeat(np.arange(len(offsets) - 1), lengths)
    row_ends = np.repeat(offsets[1:], lengths)
    starts = np.flatnonzero(np.arange(len(units)) + n <= row_ends)
    # beginning with n keeps runs of different lengths apart
    total = np.full(len(starts), n, np.uint64)
    for place in range(n):
        places = np.full(1, place, np.uint64)
        total += _at_places(units[starts + place], places)
    return splitmix64(total), rows[starts]


def _count_runs(units: Keys, offsets: Offsets, orders: Sequence[int]) -> Grams:
    """How often every run of n units occurs in each row, for each n in `orders`."""
    runs = [_runs(units, offsets, n) for n in orders]
    keys = np.concatenate([keys for keys, _ in runs])
    rows = np.concatenate([rows for _, rows in runs])
    return Grams.counted(rows, keys, len(offsets) - 1)
