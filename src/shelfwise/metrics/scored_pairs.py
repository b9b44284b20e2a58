"""What decisions are fitted on: the product-label pairs that were scored above 0, in one flat list.

Dimensions: N products, L labels, E pairs. A score of 0 means "knows nothing" and is never accepted, so it takes no part: of
10,000 labels a product has a few dozen pairs, whether scores come dense or sparse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Float64Array, Int64Array

BLOCK = 1 << 18
"""Cells of a dense matrix looked at at a time: what stays in a core's cache."""
TILE = 512
"""Products whose labels are laid out as rows at a time, likewise."""

Matrix: TypeAlias = Any
"""(N, L), dense or scipy sparse: NDArray, csr_matrix or csr_array."""


@dataclass(frozen=True)
class ScoredPairs:
    """The scored pairs, label by label, and within a label from the highest score down.

    Args:
        rows: (E,) the product of each pair.
        labels: (E,) its label, rising.
        scores: (E,) above 0.
        hits: (E,) whether the product has the label.
        true_rows, true_labels: (T,) every label of every product, those scored 0 included.
        shape: N and L.
        floors: (L,) pairs of a label that are scored lower were left out; 0 where none were.
    """

    rows: Int64Array
    labels: Int64Array
    scores: Float64Array
    hits: NDArray[np.bool_]
    true_rows: Int64Array
    true_labels: Int64Array
    shape: tuple[int, int]
    floors: Float64Array

    @classmethod
    def of(cls, scores: Matrix, targets: Matrix, floors: Float64Array | None = None) -> ScoredPairs:
        """The pairs of `scores` (N, L), not negative, with their `targets` (N, L), bool or 0 and 1; only those from `floors` (L,) on."""
        floors = np.zeros(scores.shape[1]) if floors is None else floors
        rows, labels, values = cells(scores, floors)
        true_rows, true_labels, _ = cells(targets)
        if sp.issparse(targets):
            hits = _among(rows * scores.shape[1] + labels, true_rows * scores.shape[1] + true_labels)
        else:
            hits = np.asarray(targets)[rows, labels] > 0
        order = falling(values)
        narrow = (
            labels.astype(np.uint16) if scores.shape[1] <= 1 << 16 else labels
        )  # of 16 bits there is a sort in linear time
        order = order[np.argsort(narrow[order], kind="stable")]
        return cls(
            rows[order],
            labels[order],
            values[order],
            hits[order],
            true_rows,
            true_labels,
            scores.shape,
            floors,
        )

    @cached_property
    def support(self) -> Int64Array:
        """(L,) how many products have each label."""
        return np.bincount(self.true_labels, minlength=self.shape[1])

    def of_products(self, wanted: NDArray[np.bool_]) -> ScoredPairs:
        """The pairs of those of the N products that are `wanted` (N,); products keep their numbers."""
        kept, true = wanted[self.rows], wanted[self.true_rows]
        pairs = (self.rows[kept], self.labels[kept], self.scores[kept], self.hits[kept])
        return ScoredPairs(*pairs, self.true_rows[true], self.true_labels[true], self.shape, self.floors)

    def pooled(self) -> ScoredPairs:
        """All labels as one; below the highest floor some label's pairs may be missing, so these are left out too."""
        floor = self.floors.max(initial=0)
        order = np.flatnonzero(self.scores >= floor)
        order = order[falling(self.scores[order])]
        pairs = (self.rows[order], np.zeros_like(order), self.scores[order], self.hits[order])
        return ScoredPairs(
            *pairs, self.true_rows, np.zeros_like(self.true_labels), (self.shape[0], 1), np.array([floor])
        )


def changed(scores: Matrix, function: Callable[[Int64Array, Float64Array], Float64Array]) -> Matrix:
    """`scores` (N, L) with every score above 0 replaced by ``function(labels, scores)``; 0 stays 0, sparse stays sparse.

    Returns:
        float32, of the same kind as `scores`.
    """
    if sp.issparse(scores):
        sparse = scores.tocsr().astype(np.float64)  # a copy, whatever it was
        sparse.data = np.where(sparse.data > 0, function(sparse.indices.astype(np.int64), sparse.data), 0)
        return sparse.astype(np.float32)
    new, known = np.zeros(np.shape(scores), np.float32), np.asarray(scores) > 0
    new[known] = function(np.nonzero(known)[1], np.asarray(scores)[known].astype(np.float64))
    return new


def parts(count: int, folds: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """At random, which (N,) of `count` products are in each of `folds` parts; no part is empty, so there may be fewer parts.

    >>> [part.sum().item() for part in parts(5, 2, seed=0)]
    [3, 2]
    """
    fold = np.random.default_rng(seed).permutation(np.arange(count) % folds)
    yield from (fold == part for part in range(min(folds, count)))


def falling(scores: Float64Array) -> Int64Array:
    """The places (E,) of `scores` (E,), above 0, from the highest down; equal ones in the order they have.

    >>> falling(np.array([0.5, 0.75, 0.5])).tolist()
    [1, 0, 2]
    """
    single = scores.astype(np.float32)
    if not np.array_equal(single, scores):
        return np.argsort(-scores, kind="stable")
    # score and place in one number: plain sorting keeps equal scores in order then, in a tenth of a stable argsort's time
    keys = (~single.view(np.uint32)).astype(np.uint64) << np.uint64(32) | np.arange(
        len(scores), dtype=np.uint64
    )
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def by_label(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """A copy of `scores` (N, L) laid out as (L, N), to sort what a label has; by tiles, since a wide matrix's columns fit no cache."""
    turned = np.empty(scores.shape[::-1], scores.dtype)
    for start in range(0, len(scores), TILE):
        turned[:, start : start + TILE] = scores[start : start + TILE].T
    return turned


def cells(values: Matrix, floors: Float64Array | None = None) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Row, column and value of everything above 0, row by row; of dense `values` only what reaches its column's floor."""
    if sp.issparse(values):
        known = sp.coo_array(values)
        used = known.data > 0
        return (
            known.row[used].astype(np.int64),
            known.col[used].astype(np.int64),
            known.data[used].astype(np.float64),
        )
    values, (count, width) = np.asarray(values), np.shape(values)
    step, places, found = max(1, BLOCK // max(width, 1)), [np.zeros(0, np.int64)], [np.zeros(0)]
    limits = None if floors is None or not floors.any() else floors.astype(values.dtype)
    for start in range(0, count, step):
        block = values[start : start + step]
        used = block if block.dtype == np.bool_ else block > 0 if limits is None else block >= limits
        if limits is not None and not limits.all():
            used &= block > 0
        some = np.flatnonzero(used)
        places.append(some + start * width)
        found.append(block.reshape(-1)[some].astype(np.float64))
    rows, columns = np.divmod(np.concatenate(places), max(width, 1))
    return rows, columns, np.concatenate(found)


def _among(keys: Int64Array, known: Int64Array) -> NDArray[np.bool_]:
    """(E,) which of `keys` are `known`."""
    known = np.append(np.sort(known), -1)
    return np.asarray(known[np.searchsorted(known[:-1], keys)] == keys)
