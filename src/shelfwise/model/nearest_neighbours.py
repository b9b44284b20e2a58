"""Similar products: the training products nearest in the space of the final system's features.

A product's vector is its members' features, each scaled to length 1 (0 where the member is absent), side by
side. So the inner product of two products is the sum of their cosines over the fields that both have. At most
:data:`WIDTH` numbers a product are kept: each member's features are projected onto the directions in which
they vary most, and scaled to length 1 again, which leaves every product its own nearest.

Dimensions: N products of the index, Q queries, M members, D features of one member, W numbers kept of a
product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.libraries import library
from shelfwise.core.types import Bools, Floats, Matrix, Rows, State
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.features.vector_math import unit
from shelfwise.metrics.counts import row_blocks
from shelfwise.metrics.scored_pairs import positive_cells

WIDTH = 256
"""Most numbers kept of a product, shared out evenly among the members."""

MAX_OBSERVED = 20_000
"""Most products from which the directions are computed."""

NUMBERS_PER_BLOCK = 1 << 24
"""Numbers of vectors that are computed at a time: bounds the memory."""

MANY_QUERIES = 256
"""From so many at once on, a large catalogue is read through without an index of it."""

MIN_SQUARED_LENGTH = 0.5
"""A query with less has no field: every field that is present adds 1."""


@dataclass(frozen=True)
class Neighbours:
    """An exact inner-product index over N products.

    Args:
        vectors: (N, W), half precision.
        directions: by member, in the vectors' order, those (D, W_m) that are kept.
        ids, titles: of the N products; a title may be None.
        label_rows, label_columns: the places of the ones in the targets (N, L), row by row.
    """

    vectors: NDArray[np.float16]
    directions: Mapping[str, Floats]
    ids: Sequence[str]
    titles: Sequence[str | None]
    label_rows: Rows
    label_columns: Rows

    @classmethod
    def of(
        cls,
        features: Mapping[str, Floats],
        ids: Sequence[str],
        titles: Sequence[str | None],
        targets: Matrix,
    ) -> Neighbours:
        """The index over products with these features, (N, D) by member, and targets (N, L)."""
        # members share the width evenly, however wide their features are
        width = WIDTH // len(features)
        directions = {name: _longest_directions(part, width) for name, part in features.items()}
        kept = sum(own.shape[1] for own in directions.values())
        # half precision changes a cosine by about a thousandth
        vectors = np.zeros((len(ids), kept), np.float16)
        for rows in row_blocks(len(ids), kept, NUMBERS_PER_BLOCK):
            some = {name: part[rows] for name, part in features.items()}
            vectors[rows] = _project(some, directions)
        label_rows, label_columns, _ = positive_cells(targets)
        return cls(vectors, directions, ids, titles, label_rows, label_columns)

    def nearest(self, features: Mapping[str, Floats], k: int) -> tuple[Floats, Rows]:
        """The k nearest of each of Q products, nearest first; fewer where the index holds fewer.

        Returns:
            Similarities (Q, k): the mean cosine over the query's fields, in [-1, 1]; rows of the index (Q,
            k), -1 for a query that has no field.

        Raises:
            PluginError: faiss is not installed.
            ConfigError: `k` is no whole number from 1 on.
        """
        _check_count(k)
        return self._search(_project(features, self.directions), k)

    def nearest_to(self, name: str, k: int) -> tuple[Floats, Rows]:
        """The k nearest (1, k) of the indexed product with the id `name`, itself left out.

        Raises:
            CatalogError: the index has no such product.
            ConfigError: `k` is no whole number from 1 on.
        """
        _check_count(k)
        if name not in self._row_of:
            instead = "describe it with --title, --description or --image"
            raise CatalogError(
                f"the model was not trained on a product with the id {name!r}; {instead}"
            )
        return self.nearest_others([name], k)

    def nearest_others(self, names: Sequence[str], k: int) -> tuple[Floats, Rows]:
        """The k nearest (Q, k) of each of Q indexed products, named by their ids, itself left out.

        Else as :meth:`nearest`.
        """
        own_rows = np.array([self._row_of[name] for name in names], np.int64)
        queries = self.vectors[own_rows].astype(np.float32)
        similarities, rows = self._search(queries, k + 1)
        # a product is not always its own first: copies of it are as near; it is sorted last, then cut off
        is_own = rows == own_rows[:, None]
        kept = max(min(k, len(self.ids) - 1), 0)
        others = np.argsort(is_own, axis=1, kind="stable")[:, :kept]
        similarities = np.take_along_axis(similarities, others, axis=1)
        rows = np.take_along_axis(rows, others, axis=1)
        return similarities, rows

    def labels_of(self, row: int) -> Rows:
        """The columns (labels of it,) of one product's labels."""
        # rows are sorted, so the labels of one product lie together
        first, last = np.searchsorted(self.label_rows, [row, row + 1])
        return self.label_columns[first:last]

    def describe(self, row: int, similarity: float, names: Sequence[str]) -> dict[str, Any]:
        """What is known of one product, for people: {"id", "title", "similarity", "labels"}.

        Args:
            names: of the L labels.
        """
        return {
            "id": self.ids[row],
            "title": self.titles[row],
            "similarity": similarity,
            "labels": [names[column] for column in self.labels_of(row)],
        }

    def describe_all(
        self, similarities: Floats, rows: Rows, names: Sequence[str]
    ) -> list[list[dict[str, Any]]]:
        """What is known of the products at `rows` (N, k), as :meth:`describe` has it; a row below 0 is none.

        Args:
            similarities: (N, k).
            names: of the L labels.
        """
        described = []
        for some, places in zip(similarities.tolist(), rows.tolist(), strict=True):
            found = zip(places, some, strict=True)
            described.append([self.describe(row, like, names) for row, like in found if row >= 0])
        return described

    def targets(self, labels: int) -> Bools:
        """(N, L) the labels of all products."""
        dense: Bools = self.sparse_targets(labels).toarray()
        return dense

    def sparse_targets(self, labels: int) -> sp.csr_array:
        """As :meth:`targets`, as sparse rows."""
        ones = np.ones(len(self.label_rows), np.bool_)
        places = (self.label_rows, self.label_columns)
        return sp.csr_array((ones, places), shape=(len(self.ids), labels))

    def state(self) -> State:
        """Plain arrays; the index is built from them when it is first searched."""
        arrays: dict[str, NDArray[Any]] = {
            "vectors": self.vectors,
            "label_rows": self.label_rows,
            "label_columns": self.label_columns,
        }
        # the arrays' name in the models of all versions
        for name, own in self.directions.items():
            arrays[f"turn.{name}"] = own
        facts = {
            "members": list(self.directions),
            "ids": list(self.ids),
            "titles": list(self.titles),
        }
        return State(arrays, facts)

    @classmethod
    def from_state(cls, state: State) -> Neighbours:
        """The index that `state` was taken from."""
        arrays = state.arrays
        facts = state.facts
        return cls(
            vectors=arrays["vectors"],
            directions={name: arrays[f"turn.{name}"] for name in facts["members"]},
            ids=facts["ids"],
            titles=facts["titles"],
            label_rows=arrays["label_rows"],
            label_columns=arrays["label_columns"],
        )

    @cached_property
    def _index(self) -> Any:
        index = _faiss().IndexFlatIP(self.vectors.shape[1])
        # the index copies what it is given: a second copy of all products would be as large again
        for rows in row_blocks(len(self.ids), self.vectors.shape[1], NUMBERS_PER_BLOCK):
            index.add(self.vectors[rows].astype(np.float32))
        return index

    def _highest_products(self, queries: Floats, count: int) -> tuple[Floats, Rows]:
        """As the index finds them, from some vectors at a time: inner products and rows (Q, count)."""
        faiss = _faiss()
        highest = np.zeros((len(queries), 0), np.float32)
        rows = np.zeros((len(queries), 0), np.int64)
        for some in row_blocks(len(self.ids), self.vectors.shape[1], NUMBERS_PER_BLOCK):
            vectors = self.vectors[some].astype(np.float32)
            most = min(count, len(vectors))
            products, places = faiss.knn(queries, vectors, most, metric=faiss.METRIC_INNER_PRODUCT)
            # beside those of the vectors before
            both = np.concatenate([highest, products], axis=1)
            both_rows = np.concatenate([rows, places + some.start], axis=1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :count]
            highest = np.take_along_axis(both, order, axis=1)
            rows = np.take_along_axis(both_rows, order, axis=1)
        return highest, rows

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    def _search(self, queries: Floats, k: int) -> tuple[Floats, Rows]:
        """Similarities and rows (Q, k) for query vectors (Q, W)."""
        # faiss takes no whole number of numpy
        count = int(min(k, len(self.ids)))
        wanted = np.ascontiguousarray(queries)
        # an index takes four bytes a number, and pays if many searches follow one another
        if len(wanted) >= MANY_QUERIES and self.vectors.size > NUMBERS_PER_BLOCK:
            products, rows = self._highest_products(wanted, count)
        else:
            products, rows = self._index.search(wanted, count)
        # every field that is present has length 1, so the squared length counts the query's fields
        fields = np.square(queries).sum(axis=1, keepdims=True)
        has_field = fields > MIN_SQUARED_LENGTH
        # half precision may leave [-1, 1] by a little
        cosines = np.clip(products / np.maximum(fields, 1), -1, 1)
        similarities = np.where(has_field, cosines, 0).astype(np.float32)
        return similarities, np.where(has_field, rows, -1)


def _faiss() -> Any:
    return library("faiss", "similar", "finding similar products")


def _longest_directions(features: Floats, width: int) -> Floats:
    """(D, W) the directions in which features (N, D), scaled to length 1, are longest on average.

    They are not centred, as what is to be kept are cosines.
    """
    # narrow features are kept as they are
    if features.shape[1] <= width:
        return np.eye(features.shape[1], dtype=np.float32)
    # evenly spaced products: directions need not see them all
    step = -(-len(features) // MAX_OBSERVED) or 1
    observed = unit(features[::step]).astype(np.float64)
    eigenvectors = np.linalg.eigh(observed.T @ observed)[1]
    # the largest eigenvalues come last
    return eigenvectors[:, ::-1][:, :width].astype(np.float32)


def _project(features: Mapping[str, Floats], directions: Mapping[str, Floats]) -> Floats:
    """(N, W) the members' features along the kept directions, each of length 1, side by side."""
    # scaled again, as projecting shortens some vectors more than others
    parts = [unit(unit(features[name]) @ own) for name, own in directions.items()]
    return np.concatenate(parts, axis=1)


def _check_count(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ConfigError(f"k is {k!r}; expected how many products to find: 1 or more")
