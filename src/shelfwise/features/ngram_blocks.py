"""The n-grams of a large catalogue: counted once, a block of products at a time, and kept in a file.

Dimensions: N products, F n-grams, E entries, one a product and n-gram that occurs in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, FieldInputs, Rows
from shelfwise.disk.array_file import ArrayFile
from shelfwise.features.min_count import MIN_COUNT
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.tfidf import BagSettings, NgramCounts, TfidfVocabulary
from shelfwise.text.gram_counts import Grams, Keys

PRODUCTS_PER_BLOCK = 8192

_MOST_NGRAMS = 1 << 18
"""N-grams of a kind that are known at most; with more, weights of many labels fill the memory."""

_MERGED_AT_ONCE = 1 << 22
"""N-grams of single blocks that are collected before they are added up."""


class GramsFile:
    """The n-grams of one kind, block after block."""

    def __init__(self) -> None:
        self._values = ArrayFile(np.float32)
        self._columns = ArrayFile(np.int32)
        self._keys = ArrayFile(np.uint64)
        self._offsets: list[NDArray[np.integer]] = []
        self._entries = [0]
        self._known = [0]

    def append(self, grams: Grams) -> None:
        """Write the n-grams of the next block."""
        self._values.append(grams.values)
        self._columns.append(grams.columns)
        self._keys.append(grams.keys)
        self._offsets.append(np.asarray(grams.offsets, np.int64))
        self._entries.append(len(self._values))
        self._known.append(len(self._keys))

    def read(self, block: int) -> Grams:
        """The n-grams of a block."""
        entries = (self._entries[block], self._entries[block + 1])
        return Grams(
            self._values.read(*entries),
            self._columns.read(*entries),
            self._offsets[block],
            self._keys.read(self._known[block], self._known[block + 1]),
        )


@dataclass(frozen=True)
class NgramBlocks(FieldInputs):
    """The n-grams of N products of a catalogue, in files.

    Args:
        rows: (N,) the products' rows in the catalogue.
        files: one for each field and kind.
    """

    rows: Rows
    files: tuple[GramsFile, ...]

    @classmethod
    def read(
        cls,
        catalog: Catalog,
        fields: Sequence[str],
        settings: BagSettings,
        context: Context,
        every: bool = False,
    ) -> Self:
        """Count every n-gram of every field, as :meth:`NgramCounts.read` does."""
        present = np.zeros(len(catalog), np.bool_)
        files: list[GramsFile] = []
        with context.progress(context.title, len(catalog)) as progress:
            for start in range(0, len(catalog), PRODUCTS_PER_BLOCK):
                rows = np.arange(start, min(start + PRODUCTS_PER_BLOCK, len(catalog)))
                counts = NgramCounts.read(catalog.take(rows), fields, settings, every)
                # how many kinds of n-grams there are is known from the first products on
                files = files or [GramsFile() for _ in counts.grams]
                for file, grams in zip(files, counts.grams, strict=True):
                    file.append(grams)
                present[rows] = counts.present
                progress.advance(len(rows))
        return cls(present, np.arange(len(catalog)), tuple(files))

    def take(self, rows: Rows) -> NgramBlocks:
        """The given rows, in that order."""
        return NgramBlocks(self.present[rows], self.rows[rows], self.files)

    def portions(self) -> Iterator[NgramCounts]:
        """The products in their order, those of a block at a time."""
        blocks = self.rows // PRODUCTS_PER_BLOCK
        cuts = np.flatnonzero(np.diff(blocks)) + 1
        for places in np.split(np.arange(len(self.rows)), cuts):
            # no products are one empty part
            if not len(places):
                continue
            block = int(blocks[places[0]])
            within = self.rows[places] % PRODUCTS_PER_BLOCK
            grams = tuple(file.read(block).take(within) for file in self.files)
            yield NgramCounts(self.present[places], grams, (MIN_COUNT,) * len(grams))

    def fitted_rows(self, settings: BagSettings) -> NgramRows:
        """Known n-grams and their weights; of more than :data:`_MOST_NGRAMS` of a kind the most frequent."""
        # a pass over the file only to count: all n-grams at once would not fit in memory
        documents = [DocumentCounts() for _ in self.files]
        for portion in self.portions():
            for counts, grams in zip(documents, portion.grams, strict=True):
                counts.add(grams.keys, grams.documents())
        vocabularies = []
        for counts in documents:
            keys, found = counts.most_frequent(_MOST_NGRAMS)
            vocabularies.append(TfidfVocabulary.counted(keys, found, len(self), settings))
        return NgramRows(tuple(vocabularies), settings)


class DocumentCounts:
    """In how many products each n-gram occurs, added up over blocks."""

    def __init__(self) -> None:
        self._keys: list[Keys] = [np.zeros(0, np.uint64)]
        self._counts: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
        self._collected = 0

    def add(self, keys: Keys, counts: NDArray[np.int64]) -> None:
        """Add the n-grams `keys` (F,) of a block, in `counts` (F,) products each."""
        occurs = counts > 0
        self._keys.append(keys[occurs])
        self._counts.append(counts[occurs])
        self._collected += len(self._keys[-1])
        if self._collected > _MERGED_AT_ONCE:
            self._merge()

    def most_frequent(self, most: int) -> tuple[Keys, NDArray[np.int64]]:
        """The n-grams, rising, and their counts; of equally frequent ones at the limit none."""
        self._merge()
        keys = self._keys[0]
        counts = self._counts[0]
        if len(keys) <= most:
            return keys, counts
        # the most frequent one that has no place any more
        place = len(counts) - most - 1
        limit = np.partition(counts, place)[place]
        return keys[counts > limit], counts[counts > limit]

    def _merge(self) -> None:
        keys = np.concatenate(self._keys)
        if not len(keys):
            return
        # a stable sort finds the runs that are sorted already
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        counts = np.concatenate(self._counts)[order]
        self._keys = [keys[starts]]
        self._counts = [np.add.reduceat(counts, starts)]
        self._collected = 0
