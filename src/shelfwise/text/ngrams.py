"""Bags of n-grams: every run of n words, or of n letters in a word, counted for a whole column at once.

An n-gram is known by a 64-bit number that depends on nothing but the n-gram, so two catalogues, or a catalogue and a
saved model, agree on it without sharing a list of strings. Among ten million n-grams the chance that any two share a
number is one in 300,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.text.hashing import splitmix64
from shelfwise.text.tokenization import lowered, separators, split_column
from shelfwise.text.vocabulary import Offsets, TokenArray

Keys = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Grams:
    """How often each of F n-grams occurs in each of N texts.

    Args:
        counts: (N, F) sparse rows, float32.
        keys: (F,) the n-grams' numbers, rising.
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

    def joined(self, other: Grams) -> Grams:
        """The n-grams of both, counted in the same texts."""
        keys = np.union1d(self.keys, other.keys)
        return Grams(sp.csr_array(self.align(keys) + other.align(keys)), keys)

    def folded(self, buckets: int) -> Grams:
        """At most `buckets` n-grams: their numbers modulo `buckets`, so that some come to share one (the hashing trick)."""
        keys, columns = np.unique(self.keys % np.uint64(buckets), return_inverse=True)
        counts = sp.csr_array(
            (self.counts.data, columns[self.counts.indices], self.counts.indptr), shape=(len(self), len(keys))
        )
        counts.sum_duplicates()
        return Grams(counts, keys)

    def align(self, keys: Keys) -> sp.csr_array:
        """Counts (N, K) of the n-grams `keys` (K,), which must be rising; all others are left out."""
        if not len(keys):
            return sp.csr_array((len(self), 0), dtype=np.float32)
        place = np.minimum(np.searchsorted(keys, self.keys), len(keys) - 1)
        known = keys[place] == self.keys
        inside = known[self.counts.indices]
        before = np.concatenate([[0], np.cumsum(inside)])
        columns = place[self.counts.indices[inside]]
        return sp.csr_array(
            (self.counts.data[inside], columns, before[self.counts.indptr]), shape=(len(self), len(keys))
        )


def split_words(texts: Sequence[str | None]) -> TokenArray:
    """The lower-cased words of N texts: all runs of letters and digits, short ones and stop words too.

    Stop words stay because leaving them out costs accuracy in product titles (Yu et al. 2012).

    >>> split_words(["T-shirt, 2 pack", None]).row(0)
    ['t', 'shirt', '2', 'pack']
    """
    column = lowered(texts)
    pieces = split_column(column, separators(column))
    real = np.array([word != "" for word in pieces.words], dtype=bool)
    table = np.where(real, np.cumsum(real) - 1, -1).astype(np.int32)
    return pieces.remap(table, tuple(word for word in pieces.words if word))


def word_grams(tokens: TokenArray, orders: Sequence[int]) -> Grams:
    """Runs of n consecutive words of a text, for each n in `orders`."""
    units = _whole(*_letters(tokens.words, ""))[tokens.ids]
    found = [_runs(units, tokens.offsets, n) for n in orders]
    return _count(np.concatenate([k for k, _ in found]), np.concatenate([r for _, r in found]), len(tokens))


def letter_grams(tokens: TokenArray, orders: Sequence[int]) -> Grams:
    """Runs of n letters within a word, a blank before and behind it counting as letters, for each n in `orders`.

    Worked out once a distinct word, then spread over the texts with one sparse product.
    """
    letters, offsets = _letters(tokens.words, " ")
    found = [_runs(letters.astype(np.uint64), offsets, n) for n in orders]
    of_words = _count(
        np.concatenate([k for k, _ in found]), np.concatenate([r for _, r in found]), len(tokens.words)
    )
    ones = np.ones(len(tokens.ids), np.float32)
    words = sp.csr_array((ones, tokens.ids, tokens.offsets), shape=(len(tokens), len(tokens.words)))
    counts = words @ of_words.counts
    counts.sort_indices()
    return Grams(counts, of_words.keys)


def _placed(units: Keys, places: Keys) -> Keys:
    """A number for "this unit at this place", to be summed over the places of a run."""
    return splitmix64(units + (places + np.uint64(1)) * np.uint64(_GOLDEN))


def _letters(words: Sequence[str], edge: str) -> tuple[NDArray[np.uint32], Offsets]:
    """The code points of all words end to end, with `edge` before and behind each, and where each word begins."""
    offsets = np.cumsum([0, *(len(word) + 2 * len(edge) for word in words)]).astype(np.int64)
    packed = "".join(f"{edge}{word}{edge}" for word in words)
    return np.frombuffer(packed.encode("utf-32-le", "surrogatepass"), dtype=np.uint32), offsets


def _whole(letters: NDArray[np.uint32], offsets: Offsets) -> Keys:
    """One number a word; no word may be empty."""
    if len(offsets) == 1:
        return np.zeros(0, np.uint64)
    places = np.arange(len(letters)) - np.repeat(offsets[:-1], np.diff(offsets))
    return splitmix64(
        np.add.reduceat(_placed(letters.astype(np.uint64), places.astype(np.uint64)), offsets[:-1])
    )


def _runs(units: Keys, offsets: Offsets, n: int) -> tuple[Keys, NDArray[np.int64]]:
    """The number of every run of n units that stays within its row, and its row."""
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    starts = np.flatnonzero(np.arange(len(units)) + n <= np.repeat(offsets[1:], np.diff(offsets)))
    total = np.full(len(starts), n, np.uint64)
    for place in range(n):
        total += _placed(units[starts + place], np.full(1, place, np.uint64))
    return splitmix64(total), rows[starts]


def _count(keys: Keys, rows: NDArray[np.int64], texts: int) -> Grams:
    distinct, columns = np.unique(keys, return_inverse=True)
    ones = np.ones(len(keys), np.float32)
    counts = sp.coo_array(
        (ones, (rows, columns)), shape=(texts, len(distinct))
    ).tocsr()  # adds up what occurs twice
    return Grams(counts, distinct)
