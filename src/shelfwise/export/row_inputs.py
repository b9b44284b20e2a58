"""Inputs of a graph that are rows of numbers: neighbours' labels, columns of a table; and conditions.

Needs no torch. The rows are made by the code that makes them in the model that was exported.

Dimensions: N products of a catalogue, B of them in a batch, D numbers of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.sparse_rows import taken
from shelfwise.core.types import Bools, Floats, Rows
from shelfwise.export.graph_inputs import Arrays, GraphPortion, example_of
from shelfwise.features.co_purchase import RelationLists, relation_lists
from shelfwise.features.graph_rows import GraphInput, GraphRows, restored_graph_rows
from shelfwise.features.table_columns import any_value, read_columns
from shelfwise.features.table_rows import TableEncoding
from shelfwise.features.tfidf import has_words, words_of
from shelfwise.text.gram_counts import SparseParts


class _AlikeReading:
    """What is read of N products that are all the same work."""

    present: Bools

    @property
    def lengths(self) -> Rows:
        """(N,) 0: no product takes longer than another."""
        return np.zeros(len(self.present), np.int64)


@dataclass(frozen=True)
class NeighbourReader:
    """A product's place in the co-purchase graph as rows (B, D).

    Args:
        relations: those that count; none named means all.
        place: the graph that was there at fitting.
    """

    varies: ClassVar[bool] = False

    field: str
    relations: tuple[str, ...]
    kind: GraphInput
    hops: Literal[1, 2]
    n_labels: int
    place: GraphRows

    def open(self, catalog: Catalog) -> NeighbourReading:
        """Pack the lists of a catalogue."""
        lists = relation_lists(catalog, self.field, self.relations)
        present = self.place.present(lists, np.arange(len(catalog)))
        return NeighbourReading(lists, self.place, present)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        chosen = {"input": self.kind, "hops": self.hops, "n_labels": self.n_labels}
        return {
            "kind": "neighbours",
            "field": self.field,
            "relations": list(self.relations),
            **chosen,
        }

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` and `arrays` were taken from."""
        kind, hops, n_labels = (facts[name] for name in ("input", "hops", "n_labels"))
        place = restored_graph_rows(arrays, kind, hops, n_labels)
        relations = tuple(facts["relations"])
        return cls(facts["field"], relations, kind, hops, n_labels, place)

    def saved(self) -> Arrays:
        """The graph, and what is known of its nodes."""
        return self.place.arrays()

    def key(self) -> None:
        """Each member has a graph of its own."""
        return

    def example(self, count: int, width: int) -> GraphPortion:
        """Products with nobody around."""
        return example_of(np.zeros((count, self.place.width), np.float32))


@dataclass(frozen=True)
class NeighbourReading(_AlikeReading):
    """The lists of N products.

    Args:
        present: (N,) which of them can be predicted.
    """

    lists: RelationLists
    place: GraphRows
    present: Bools

    def portion(self, rows: Rows) -> GraphPortion:
        """Rows (B, D), float32."""
        present = self.present[rows]
        found = np.zeros((len(rows), self.place.width), np.float32)
        # many products have nobody around, and their rows are not read
        if present.any():
            found[present] = _dense(self.place.rows(self.lists, rows[present]))
        return GraphPortion(found, present, present)


@dataclass(frozen=True)
class TableReader:
    """Columns of a table as rows (B, D).

    Args:
        numbers: those that are numbers, beside the price.
    """

    varies: ClassVar[bool] = False

    field: str
    numbers: tuple[str, ...]
    encoding: TableEncoding

    def open(self, catalog: Catalog) -> RowReading:
        """Encode the columns of a catalogue, which may lack some."""
        columns = read_columns(catalog, self.field.split("+"), self.numbers, may_lack=True)
        return RowReading(
            self.encoding.parts(columns),
            self.encoding.width,
            any_value(columns),
            self.encoding.knows(columns),
            self.encoding.can_tell(columns),
        )

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        numbers = list(self.numbers)
        names = self.encoding.names()
        return {"kind": "table", "field": self.field, "numbers": numbers, "names": names}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` and `arrays` were taken from."""
        encoding = TableEncoding.restored(arrays, facts["names"])
        return cls(facts["field"], tuple(facts["numbers"]), encoding)

    def saved(self) -> Arrays:
        """Ranges and scales of the numbers."""
        return self.encoding.arrays()

    def key(self) -> None:
        """Each member has an encoding of its own."""
        return

    def example(self, count: int, width: int) -> GraphPortion:
        """Products without a value."""
        return example_of(np.zeros((count, self.encoding.width), np.float32))


@dataclass(frozen=True)
class RowReading(_AlikeReading):
    """Rows of N products.

    Args:
        rows: (N, D), as the parts of a sparse matrix.
        width: D.
        present: (N,) whether the product has any value.
        known: (N,) whether it has a category that was in the training.
        told: (N,) whether it has any category.
    """

    rows: SparseParts
    width: int
    present: Bools
    known: Bools
    told: Bools

    def portion(self, rows: Rows) -> GraphPortion:
        """Rows (B, D), float32."""
        values, columns, offsets = taken(self.rows, rows)
        numbers = np.zeros((len(rows), self.width), np.float32)
        numbers[np.repeat(np.arange(len(rows)), offsets[1:] - offsets[:-1]), columns] = values
        return GraphPortion(numbers, self.present[rows], self.known[rows], told=self.told[rows])


@dataclass(frozen=True)
class WordsInEach:
    """No input, but a condition: a member is present only with a word in each of the text columns."""

    varies: ClassVar[bool] = False

    field: str

    def open(self, catalog: Catalog) -> Condition:
        """Split the texts of a catalogue."""
        columns = [words_of(catalog, name) for name in self.field.split("+")]
        return Condition(has_words(columns, every=True))

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        return {"kind": "words in each", "field": self.field}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` were taken from."""
        return cls(facts["field"])

    def saved(self) -> Arrays:
        """Nothing."""
        return {}

    def key(self) -> tuple[str, str]:
        """The same for all members of these texts."""
        return ("words in each", self.field)

    def example(self, count: int, width: int) -> GraphPortion:
        """No array."""
        return example_of(None)


@dataclass(frozen=True)
class Condition(_AlikeReading):
    """Which of N products meet a condition."""

    present: Bools

    def portion(self, rows: Rows) -> GraphPortion:
        """Presence alone."""
        return GraphPortion(None, self.present[rows], None)


def _dense(rows: sp.csr_array | Floats) -> NDArray[np.float32]:
    return rows if isinstance(rows, np.ndarray) else np.asarray(rows.toarray(), np.float32)
