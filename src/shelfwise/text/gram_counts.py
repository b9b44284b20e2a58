"""How often n-grams occur in texts, as sparse counts.

An n-gram is known by its key, a 64-bit number that depends on nothing but the n-gram. So two catalogues, or a
catalogue and a saved model, agree on it without sharing a list of strings. Among ten million n-grams the
chance that any two share a key is one in 300,000.

Dimensions: N texts, F n-grams, E entries, one a text and n-gram that occurs in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

SparseParts = tuple[NDArray[np.float32], NDArray[np.integer], NDArray[np.integer]]
"""Of sparse rows: values, columns, and where each row begins and the last ends."""

_MOST_SORTED = 1 << 16
"""Occurrences up to which they are counted by sorting."""

_FEW = 1 << 10
"""Keys up to which the different ones are found by sorting: as many as a product's text has."""

_TEXTS_AT_A_TIME = 8192
"""Texts whose entries are copied at a time."""


@dataclass(frozen=True)
class Grams:
    """How often each of F n-grams occurs in each of N texts.

    Of one text alone, scipy's checks of a sparse matrix take longer than all counting. So the counts are the
    parts of sparse rows, and no matrix.

    Args:
        values: (E,) how often, float32, one a text and n-gram, text after text.
        columns: (E,) the places of these n-grams in `keys`, rising within a text.
        offsets: (N + 1,) where each text's entries begin, and where the last one's end.
        keys: (F,) the n-grams' keys, ascending.
    """

    values: NDArray[np.float32]
    columns: NDArray[np.integer]
    offsets: NDArray[np.integer]
    keys: Keys

    @classmethod
    def of(cls, counts: sp.csr_array, keys: Keys) -> Grams:
        """From sparse rows (N, F), whose columns must rise within a row."""
        return cls(counts.data, counts.indices, counts.indptr, keys)

    @classmethod
    def counted(cls, rows: NDArray[np.integer], units: Keys, count: int) -> Grams:
        """From one entry an occurrence: the n-gram `units` (T,) in the text `rows` (T,), of `count` texts."""
        keys, columns = _distinct(units)
        # of many the matrix is made in less time than the pairs are sorted
        if len(units) > _MOST_SORTED:
            ones = np.ones(len(units), np.float32)
            shape = (count, len(keys))
            # tocsr adds up what occurs twice
            return cls.of(sp.coo_array((ones, (rows, columns)), shape=shape).tocsr(), keys)
        # a number for each pair of text and n-gram, so that one sort finds the pairs and counts them
        pairs, counts = np.unique(rows * len(keys) + columns, return_counts=True)
        return _of_pairs(pairs, counts.astype(np.float32), count, keys)

    @classmethod
    def stack(cls, parts: Sequence[Grams]) -> Grams:
        """The n-grams of several groups of texts, one group after the other."""
        keys = np.unique(np.concatenate([part.keys for part in parts]))
        columns = []
        ends = [np.zeros(1, np.int64)]
        total = 0
        for part in parts:
            # keys rise in both, so a row's columns rise as before
            columns.append(np.searchsorted(keys, part.keys)[part.columns].astype(np.int32))
            ends.append(part.offsets[1:].astype(np.int64) + total)
            total += len(part.values)
        values = np.concatenate([part.values for part in parts])
        return cls(values, np.concatenate(columns), np.concatenate(ends), keys)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def distinct(self) -> NDArray[np.integer]:
        """(N,) how many different n-grams each text has."""
        # numpy's diff takes four times as long of a single product
        return np.asarray(self.offsets[1:] - self.offsets[:-1])

    @property
    def counts(self) -> sp.csr_array:
        """The counts as a sparse matrix (N, F)."""
        parts = (self.values, self.columns, self.offsets)
        return sp.csr_array(parts, shape=(len(self), len(self.keys)))

    def take(self, rows: NDArray[Any]) -> Grams:
        """The given texts, in that order; the n-grams stay, though some may not occur any more."""
        lengths = self.distinct[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # each entry's old place is its new one, shifted as far as its text moves
        shifts = self.offsets[:-1][rows] - offsets[:-1]
        values = np.empty(offsets[-1], self.values.dtype)
        columns = np.empty(offsets[-1], self.columns.dtype)
        # some texts at a time: the places of all entries would take more memory than these
        for first in range(0, len(lengths), _TEXTS_AT_A_TIME):
            some = slice(first, first + _TEXTS_AT_A_TIME)
            taken = slice(offsets[first], offsets[min(first + _TEXTS_AT_A_TIME, len(lengths))])
            places = np.arange(taken.start, taken.stop) + np.repeat(shifts[some], lengths[some])
            values[taken] = self.values[places]
            columns[taken] = self.columns[places]
        return Grams(values, columns, offsets, self.keys)

    def block(self, rows: slice) -> Grams:
        """Texts that lie one after the other, without a copy of their entries."""
        offsets = self.offsets[rows.start : rows.stop + 1]
        stored = slice(offsets[0], offsets[-1])
        return Grams(self.values[stored], self.columns[stored], offsets - offsets[0], self.keys)

    def documents(self) -> NDArray[np.int64]:
        """(F,) in how many texts each n-gram occurs."""
        return np.bincount(self.columns, minlength=len(self.keys))

    def has_any(self, keys: Keys) -> NDArray[np.bool_]:
        """Which texts (N,) have one of the n-grams `keys` (K,), which must be ascending."""
        _, _, offsets = self.aligned(keys)
        return np.asarray(np.diff(offsets) > 0)

    def joined(self, other: Grams) -> Grams:
        """The n-grams of both, counted in the same texts."""
        keys = np.union1d(self.keys, other.keys)
        pairs = np.concatenate([self._pairs(keys), other._pairs(keys)])
        values = np.concatenate([self.values, other.values])
        return summed(pairs, values, len(self), keys)

    def folded(self, buckets: int) -> Grams:
        """At most `buckets` n-grams: keys modulo `buckets`, so that some share one (the hashing trick)."""
        keys, columns = np.unique(self.keys % np.uint64(buckets), return_inverse=True)
        # n-grams that share a key are still separate entries of a text
        pairs = self._rows() * len(keys) + columns[self.columns]
        return summed(pairs, self.values, len(self), keys)

    def _pairs(self, keys: Keys) -> NDArray[np.int64]:
        """A number for each entry's text and n-gram among `keys` (K,), which have all of these."""
        places = np.searchsorted(keys, self.keys)
        return np.asarray(self._rows() * len(keys) + places[self.columns], np.int64)

    def _rows(self) -> NDArray[np.int64]:
        """The text of each entry."""
        return np.repeat(np.arange(len(self)), self.distinct)

    def align(self, keys: Keys) -> sp.csr_array:
        """Counts (N, K) of the n-grams `keys` (K,), which must be ascending; all others are left out."""
        return sp.csr_array(self.aligned(keys), shape=(len(self), len(keys)))

    def aligned(self, keys: Keys) -> SparseParts:
        """As :meth:`align`, but the parts of the matrix."""
        if not len(keys):
            return self.values[:0], np.zeros(0, np.int64), np.zeros_like(self.offsets)
        # searchsorted gives K for keys above the last one: any column does, they are not known
        column = np.minimum(np.searchsorted(keys, self.keys), len(keys) - 1)
        is_known = keys[column] == self.keys
        is_kept = is_known[self.columns]
        columns = column[self.columns[is_kept]]
        return self.values[is_kept], columns, self._offsets_of(is_kept)

    def unknown(self, keys: Keys) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
        """The counts of the n-grams that are not among `keys`, and where each text's begin."""
        is_kept = ~np.isin(self.keys, keys)[self.columns]
        return self.values[is_kept], self._offsets_of(is_kept)

    def _offsets_of(self, is_kept: NDArray[np.bool_]) -> NDArray[np.integer]:
        """Where each text's entries begin among those that are kept."""
        kept_before = np.concatenate([[0], np.cumsum(is_kept)])
        return np.asarray(kept_before[self.offsets], np.int64)


def _distinct(keys: Keys) -> tuple[Keys, NDArray[np.int64]]:
    """The different keys, rising, and the place of each key among them, as numpy's ``unique`` gives them.

    Most runs of a text column occur again and again, so looking them up in a table takes a fifth of the time
    of sorting them all. Of a single text it takes twice as long.
    """
    if len(keys) <= _FEW:
        found, places = np.unique(keys, return_inverse=True)
        return found, places
    encoded = pa.array(keys).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    order = np.argsort(distinct)
    # from the order of first appearance to the rising one
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return distinct[order], place[encoded.indices.to_numpy()]


def summed(pairs: NDArray[np.int64], values: NDArray[np.float32], count: int, keys: Keys) -> Grams:
    """Entries of `count` texts in any order; those of one text and n-gram are added."""
    distinct, places = np.unique(pairs, return_inverse=True)
    # counts are whole numbers, which double precision adds without rounding
    sums = np.bincount(places, values, len(distinct)).astype(np.float32)
    return _of_pairs(distinct, sums, count, keys)


def _of_pairs(
    pairs: NDArray[np.int64], values: NDArray[np.float32], count: int, keys: Keys
) -> Grams:
    """Entries as counts of `count` texts.

    Args:
        pairs: (E,) of each entry the number of its text, times F, and the place of its n-gram; rising.
    """
    ends = np.arange(count + 1) * len(keys)
    # without any n-gram there is no entry to divide
    columns = (pairs % max(1, len(keys))).astype(np.int32)
    return Grams(values, columns, np.searchsorted(pairs, ends), keys)
