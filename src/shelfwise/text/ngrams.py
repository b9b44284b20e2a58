"""Counts of n-grams: every run of n words, or of n letters in a word, for a whole column at once.

An n-gram is known by its key, a 64-bit number that depends on nothing but the n-gram. So two catalogues, or a
catalogue and a saved model, agree on it without sharing a list of strings. Among ten million n-grams the
chance that any two share a key is one in 300,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.text.hashing import splitmix64
from shelfwise.text.scripts import is_ideographic, split_scripts
from shelfwise.text.tokenization import (
    Segmentation,
    beyond_ascii,
    lowered,
    separators,
    split_column,
)
from shelfwise.text.vocabulary import Offsets, TokenArray

Keys = NDArray[np.uint64]

SparseParts = tuple[NDArray[np.float32], NDArray[np.integer], NDArray[np.integer]]
"""Of sparse rows: values, columns, and where each row begins and the last ends."""

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: its multiples are spread evenly over all 64-bit numbers (splitmix64)."""


@dataclass(frozen=True)
class Grams:
    """How often each of F n-grams occurs in each of N texts.

    Args:
        counts: (N, F) sparse rows, float32.
        keys: (F,) the n-grams' keys, ascending.
    """

    counts: sp.csr_array
    keys: Keys

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    def take(self, rows: NDArray[Any]) -> Grams:
        """The given texts, in that order; the n-grams stay, though some may not occur any more."""
        return Grams(self.counts[rows], self.keys)

    def documents(self) -> NDArray[np.int64]:
        """(F,) in how many texts each n-gram occurs."""
        return np.bincount(self.counts.indices, minlength=len(self.keys))

    def has_any(self, keys: Keys) -> NDArray[np.bool_]:
        """Which texts (N,) have one of the n-grams `keys` (K,), which must be ascending."""
        return np.asarray(np.diff(self.align(keys).indptr) > 0)

    def joined(self, other: Grams) -> Grams:
        """The n-grams of both, counted in the same texts."""
        keys = np.union1d(self.keys, other.keys)
        counts = self.align(keys) + other.align(keys)
        return Grams(sp.csr_array(counts), keys)

    @classmethod
    def stack(cls, parts: Sequence[Grams]) -> Grams:
        """The n-grams of several groups of texts, one group after the other."""
        keys = np.unique(np.concatenate([part.keys for part in parts]))
        columns = []
        ends = [np.zeros(1, np.int64)]
        total = 0
        for part in parts:
            # keys rise in both, so a row's columns rise as before
            columns.append(np.searchsorted(keys, part.keys)[part.counts.indices].astype(np.int32))
            ends.append(part.counts.indptr[1:].astype(np.int64) + total)
            total += part.counts.nnz
        values = np.concatenate([part.counts.data for part in parts])
        offsets = np.concatenate(ends)
        shape = (len(offsets) - 1, len(keys))
        return cls(sp.csr_array((values, np.concatenate(columns), offsets), shape=shape), keys)

    def folded(self, buckets: int) -> Grams:
        """At most `buckets` n-grams: keys modulo `buckets`, so that some share one (the hashing trick)."""
        keys, columns = np.unique(self.keys % np.uint64(buckets), return_inverse=True)
        shape = (len(self), len(keys))
        new_columns = columns[self.counts.indices]
        counts = sp.csr_array((self.counts.data, new_columns, self.counts.indptr), shape=shape)
        # n-grams that share a key are still separate entries of a row
        counts.sum_duplicates()
        return Grams(counts, keys)

    def align(self, keys: Keys) -> sp.csr_array:
        """Counts (N, K) of the n-grams `keys` (K,), which must be ascending; all others are left out."""
        return sp.csr_array(self.aligned(keys), shape=(len(self), len(keys)))

    def aligned(self, keys: Keys) -> SparseParts:
        """As :meth:`align`, but the parts of the matrix, which are quicker to make for a few texts."""
        counts = self.counts
        if not len(keys):
            return counts.data[:0], np.zeros(0, np.int64), np.zeros_like(counts.indptr)
        # searchsorted gives K for keys above the last one: any column does, they are not known
        column = np.minimum(np.searchsorted(keys, self.keys), len(keys) - 1)
        is_known = keys[column] == self.keys
        is_kept = is_known[counts.indices]
        # entries kept before each one, from which the rows' new offsets are read
        kept_before = np.concatenate([[0], np.cumsum(is_kept)])
        columns = column[counts.indices[is_kept]]
        return counts.data[is_kept], columns, kept_before[counts.indptr]


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
    further = sorted(set(ideograph_orders) - set(orders))
    if not further:
        return counts
    ideographic = np.array([is_ideographic(word) for word in tokens.words], np.bool_)
    if not ideographic.any():
        return counts
    return counts.joined(_ideograph_runs(units, tokens, ideographic, further))


def _ideograph_runs(
    units: Keys, tokens: TokenArray, ideographic: NDArray[np.bool_], orders: Sequence[int]
) -> Grams:
    """Runs of n ideographs, for each n in `orders`.

    Args:
        units: (T,) the tokens' numbers.
        ideographic: (W,) which of the distinct words are ideographs.
    """
    is_letter = ideographic[tokens.ids]
    # each text without its other words; runs across one that is gone are rare, and do no harm
    before = np.concatenate([[0], np.cumsum(is_letter)])
    return _count_runs(units[is_letter], before[tokens.offsets], orders)


def letter_grams(tokens: TokenArray, orders: Sequence[int]) -> Grams:
    """Runs of n letters within a word, the blanks around it counting as letters, for each n in `orders`.

    Worked out once a distinct word, then spread over the texts with one sparse product.
    """
    letters, offsets = _letters(tokens.words, " ")
    of_words = _count_runs(letters.astype(np.uint64), offsets, orders)
    # (N, W): how often each distinct word occurs in each text
    ones = np.ones(len(tokens.ids), np.float32)
    shape = (len(tokens), len(tokens.words))
    words = sp.csr_array((ones, tokens.ids, tokens.offsets), shape=shape)
    counts = words @ of_words.counts
    counts.sort_indices()
    return Grams(counts, of_words.keys)


def _at_places(units: Keys, places: Keys) -> Keys:
    """A number for "this unit at this place", to be summed over the places of a run."""
    # place 0 counts as 1: it has to change the unit, too
    steps = places + np.uint64(1)
    return splitmix64(units + steps * _GOLDEN_RATIO)


def _letters(words: Sequence[str], edge: str) -> tuple[NDArray[np.uint32], Offsets]:
    """The code points of all words end to end, with `edge` around each, and where each word begins."""
    lengths = [len(word) + 2 * len(edge) for word in words]
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    packed = "".join(f"{edge}{word}{edge}" for word in words)
    # lone surrogates are letters like others: broken text must not stop a training
    return np.frombuffer(packed.encode("utf-32-le", "surrogatepass"), dtype=np.uint32), offsets


def _word_keys(letters: NDArray[np.uint32], offsets: Offsets) -> Keys:
    """One number a word; no word may be empty."""
    if len(offsets) == 1:
        return np.zeros(0, np.uint64)
    starts = offsets[:-1]
    # places within the word, from 0
    places = np.arange(len(letters)) - np.repeat(starts, np.diff(offsets))
    placed = _at_places(letters.astype(np.uint64), places.astype(np.uint64))
    return splitmix64(np.add.reduceat(placed, starts))


def _runs(units: Keys, offsets: Offsets, n: int) -> tuple[Keys, NDArray[np.int64]]:
    """The key of every run of n units that stays within its row, and its row."""
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(offsets) - 1), lengths)
    row_ends = np.repeat(offsets[1:], lengths)
    starts = np.flatnonzero(np.arange(len(units)) + n <= row_ends)
    # beginning with n keeps runs of different lengths apart
    total = np.full(len(starts), n, np.uint64)
    for place in range(n):
        places = np.full(1, place, np.uint64)
        total += _at_places(units[starts + place], places)
    return splitmix64(total), rows[starts]


def _distinct(keys: Keys) -> tuple[Keys, NDArray[np.int64]]:
    """The different keys, rising, and the place of each key among them, as numpy's ``unique`` gives them.

    Most runs of a text column occur again and again, so looking them up in a table takes a fifth of the time
    of sorting them all.
    """
    encoded = pa.array(keys).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    order = np.argsort(distinct)
    # from the order of first appearance to the rising one
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return distinct[order], place[encoded.indices.to_numpy()]


def _count_runs(units: Keys, offsets: Offsets, orders: Sequence[int]) -> Grams:
    """How often every run of n units occurs in each row, for each n in `orders`."""
    runs = [_runs(units, offsets, n) for n in orders]
    keys = np.concatenate([keys for keys, _ in runs])
    rows = np.concatenate([rows for _, rows in runs])
    distinct, columns = _distinct(keys)
    ones = np.ones(len(keys), np.float32)
    shape = (len(offsets) - 1, len(distinct))
    # tocsr adds up what occurs twice
    return Grams(sp.coo_array((ones, (rows, columns)), shape=shape).tocsr(), distinct)
