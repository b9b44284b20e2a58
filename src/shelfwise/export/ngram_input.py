"""Sparse rows as an input of a graph: n-grams of texts, and ids of related products. Needs no torch.

The rows are made by the code that makes them in the model that was exported.

Dimensions: N products of a catalogue, B of them in a batch, F n-grams, G of them in a product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.sparse_rows import taken
from shelfwise.core.types import Bools, Rows
from shelfwise.export.graph_inputs import Arrays, GraphPortion, example_of
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.related_ids import related_ids
from shelfwise.features.tfidf import BagSettings, count_grams, has_words, words_of
from shelfwise.text.gram_counts import Grams, SparseParts
from shelfwise.text.tokenization import Segmentation


@dataclass(frozen=True)
class NgramReader:
    """N-grams of texts, and ids of related products, as columns (B, G) with a weight each.

    Args:
        field: text columns, and ``related``, with a plus sign between.
        every: products count as present with a word in each text; otherwise with a word in any.
        ngrams: the known ones.
    """

    varies: ClassVar[bool] = True

    field: str
    every: bool
    ngrams: NgramRows

    def open(self, catalog: Catalog) -> NgramReading:
        """Count and weigh the n-grams of a catalogue."""
        names = self.field.split("+")
        texts = [name for name in names if name != "related"]
        grams = [kind for name in texts for kind in self._counted(catalog, name)]
        if "related" in names:
            grams.append(catalog.memoize("related ids", lambda: related_ids(catalog)))
        if texts:
            columns = [words_of(catalog, name, self._segmentation) for name in texts]
            present = has_words(columns, self.every)
        else:
            # a product may lack the list, except where it is the only field
            present = grams[-1].distinct > 0
        rows, known = self.ngrams.rows_and_known(grams)
        return NgramReading(rows, present, present & known)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        # settings of the member that say how its n-grams are counted
        counting = self.ngrams.counting.model_dump(include=set(BagSettings.model_fields))
        facts = {"field": self.field, "every": self.every, "counting": counting}
        return {"kind": "ngrams", **facts, "id_scale": self.ngrams.id_scale}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` and `arrays` were taken from."""
        counting = BagSettings(**facts["counting"])
        ngrams = NgramRows.restored(arrays, counting, facts["id_scale"])
        return cls(facts["field"], facts["every"], ngrams)

    def saved(self) -> Arrays:
        """The known n-grams."""
        return self.ngrams.arrays()

    def key(self) -> None:
        """Each member has learned n-grams of its own."""
        return

    @property
    def _segmentation(self) -> Segmentation:
        return self.ngrams.counting.segmentation

    def _counted(self, catalog: Catalog, name: str) -> list[Grams]:
        """The n-grams of a text column, counted once for all members that count them alike."""
        counting = self.ngrams.counting
        key = ("n-grams", name, counting.words, counting.letters, counting.segmentation)
        return catalog.memoize(
            key, lambda: count_grams(words_of(catalog, name, self._segmentation), counting)
        )

    def example(self, count: int, width: int) -> GraphPortion:
        """Products without a known n-gram."""
        shape = (count, width)
        return example_of(np.zeros(shape, np.int64), np.zeros(shape, np.float32))


@dataclass(frozen=True)
class NgramReading:
    """The n-grams of N products.

    Args:
        rows: (N, F) their weights, as the parts of a sparse matrix.
        present: (N,) whether the product has the texts.
        known: (N,) whether it has anything that was in the training.
    """

    rows: SparseParts
    present: Bools
    known: Bools

    @property
    def lengths(self) -> Rows:
        """(N,) known n-grams."""
        offsets = self.rows[2]
        return np.asarray(offsets[1:] - offsets[:-1], np.int64)

    def portion(self, rows: Rows) -> GraphPortion:
        """Columns (B, G), int64, and weights (B, G), float32; both 0 after the last."""
        values, own_columns, offsets = taken(self.rows, rows)
        counts = offsets[1:] - offsets[:-1]
        # at least one column, as a graph cannot sum over none
        width = max(1, int(counts.max(initial=0)))
        filled = np.arange(width) < counts[:, None]
        columns = np.zeros(filled.shape, np.int64)
        weights = np.zeros(filled.shape, np.float32)
        # the rows lie end to end; each fills its own from the left
        columns[filled] = own_columns
        weights[filled] = values
        return GraphPortion(columns, self.present[rows], self.known[rows], weights=weights)
