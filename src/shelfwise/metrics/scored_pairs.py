"""What decisions are fitted on: the product-label pairs that were scored above 0, in one flat list.

Dimensions: N products, L labels, E pairs. A score of 0 means "knows nothing" and is never accepted, so it
takes no part. Of 10,000 labels a product has a few dozen pairs, whether scores come dense or sparse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, Scores
from shelfwise.metrics.counts import CELLS_PER_BLOCK, row_blocks

ROWS_PER_TILE = 512
"""Products whose labels are laid out as rows at a time: what stays in a core's cache."""

MAX_SHORT_LABELS = 1 << 16
"""Labels whose numbers fit 16 bits: of these numpy sorts in linear time."""


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
    hits: Bools
    true_rows: Int64Array
    true_labels: Int64Array
    shape: tuple[int, int]
    floors: Float64Array

    @classmethod
    def of(cls, scores: Matrix, targets: Matrix, floors: Float64Array | None = None) -> ScoredPairs:
        """The pairs of `scores` (N, L), not negative, with their `targets` (N, L), bool or 0 and 1.

        Args:
            floors: (L,) only pairs that are scored at least so high; unset: all that are scored above 0.
        """
        n_labels = scores.shape[1]
        floors = np.zeros(n_labels) if floors is None else floors
        rows, labels, values = positive_cells(scores, floors)
        true_rows, true_labels, _ = positive_cells(targets)
        # sparse targets cannot be indexed cell by cell; their cells are looked up by number
        if sp.issparse(targets):
            hits = _is_among(rows * n_labels + labels, true_rows * n_labels + true_labels)
        else:
            hits = np.asarray(targets)[rows, labels] > 0
        order = descending_order(values)
        short = labels.astype(np.uint16) if n_labels <= MAX_SHORT_LABELS else labels
        # sorted by score, then, keeping that order, by label
        order = order[np.argsort(short[order], kind="stable")]
        return cls(
            rows=rows[order],
            labels=labels[order],
            scores=values[order],
            hits=hits[order],
            true_rows=true_rows,
            true_labels=true_labels,
            shape=scores.shape,
            floors=floors,
        )


def map_scores(
    scores: Matrix, function: Callable[[Int64Array, Float64Array], Float64Array]
) -> Matrix:
    """`scores` (N, L) with every score above 0 replaced by ``function(labels, scores)``.

    0 stays 0, and sparse stays sparse.

    Returns:
        float32, of the same kind as `scores`.
    """
    if sp.issparse(scores):
        scores = scores.tocsr()
        mapped = scores.astype(np.float32)
        for start in range(0, mapped.nnz, CELLS_PER_BLOCK):
            some = slice(start, start + CELLS_PER_BLOCK)
            stored = scores.data[some].astype(np.float64)
            values = function(mapped.indices[some].astype(np.int64), stored)
            mapped.data[some] = np.where(stored > 0, values, 0)
        return mapped
    scores = np.asarray(scores)
    dense = np.zeros(scores.shape, np.float32)
    # block by block: what a function makes of a score may be many times as large
    for rows in row_blocks(len(scores), scores.shape[1], CELLS_PER_BLOCK):
        is_known = scores[rows] > 0
        _, labels = np.nonzero(is_known)
        dense[rows][is_known] = function(labels, scores[rows][is_known].astype(np.float64))
    return dense


def scores_of_a_row(scores: Matrix) -> int:
    """How many numbers a product has in `scores` (N, L): L, or on average what is stored of sparse ones."""
    if not sp.issparse(scores):
        return int(scores.shape[1])
    return int(-(-scores.nnz // max(scores.shape[0], 1)))


def random_parts(count: int, folds: int, seed: int) -> Iterator[Bools]:
    """At random, which (N,) of `count` products are in each of `folds` parts.

    No part is empty, so there may be fewer.

    >>> [part.sum().item() for part in random_parts(5, 2, seed=0)]
    [3, 2]
    """
    fold = random_folds(count, folds, seed)
    for part in range(min(folds, count)):
        yield fold == part


def random_folds(count: int, folds: int, seed: int) -> Int64Array:
    """At random, which of `folds` each of `count` products (N,) is in; about as many in each.

    >>> np.bincount(random_folds(5, 2, seed=0)).tolist()
    [3, 2]
    """
    return np.random.default_rng(seed).permutation(np.arange(count) % folds)


def values_at(matrix: Matrix, rows: Int64Array, columns: Int64Array) -> NDArray[Any]:
    """The cells (E,) of `matrix`, dense or sparse, in given places."""
    if not len(rows):
        return np.zeros(0, np.float32)
    by_row = matrix.tocsr() if sp.issparse(matrix) else matrix
    return np.asarray(by_row[rows, columns]).reshape(-1)


def descending_order(scores: Scores) -> Int64Array:
    """The places (E,) of `scores` (E,), above 0, from the highest down; equal ones in the order they have.

    >>> descending_order(np.array([0.5, 0.75, 0.5])).tolist()
    [1, 0, 2]
    """
    single = scores.astype(np.float32, copy=False)
    if not np.array_equal(single, scores):
        return np.argsort(-scores, kind="stable")
    # Score and place in one number: plain sorting then keeps equal scores in order, in a tenth of the time of
    # a stable argsort. The bits of positive floats rise with their value; inverted, they fall.
    keys = (~single.view(np.uint32)).astype(np.uint64)
    # in place: of millions of scores each copy counts
    keys <<= np.uint64(32)
    keys |= np.arange(len(scores), dtype=np.uint64)
    keys.sort()
    keys &= np.uint64(0xFFFFFFFF)
    return keys.view(np.int64)


def label_major(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """A copy of `scores` (N, L) laid out as (L, N), so that a label's scores can be sorted in place."""
    turned = np.empty(scores.shape[::-1], scores.dtype)
    # tile by tile, since the columns of a wide matrix fit no cache
    for start in range(0, len(scores), ROWS_PER_TILE):
        tile = slice(start, start + ROWS_PER_TILE)
        turned[:, tile] = scores[tile].T
    return turned


def positive_cells(
    values: Matrix, floors: Float64Array | None = None
) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Row, column and value of everything above 0, row by row.

    Args:
        values: (N, L), dense or sparse.
        floors: (L,) of dense `values` only what reaches its column's floor.
    """
    if sp.issparse(values):
        stored = sp.coo_array(values)
        used = stored.data > 0
        rows = stored.row[used].astype(np.int64)
        columns = stored.col[used].astype(np.int64)
        return rows, columns, stored.data[used].astype(np.float64)
    values = np.asarray(values)
    n_rows, width = values.shape
    # compared in the precision of the values, as decisions will be
    limits = floors.astype(values.dtype) if floors is not None and floors.any() else None
    places = [np.zeros(0, np.int64)]
    found = [np.zeros(0)]
    # block by block: each is read from memory once, though it is looked at twice
    for block_rows in row_blocks(n_rows, width, CELLS_PER_BLOCK):
        block = values[block_rows]
        flat = np.flatnonzero(_is_wanted(block, limits))
        places.append(flat + block_rows.start * width)
        found.append(block.reshape(-1)[flat].astype(np.float64))
    rows, columns = np.divmod(np.concatenate(places), max(width, 1))
    return rows, columns, np.concatenate(found)


def _is_wanted(block: NDArray[Any], limits: NDArray[Any] | None) -> Bools:
    """Which cells of a block are above 0 and reach their column's limit."""
    if block.dtype == np.bool_:
        return block
    if limits is None:
        return block > 0
    reached: Bools = block >= limits
    # a limit of 0 is reached by 0 too, which is never wanted
    if not limits.all():
        reached &= block > 0
    return reached


def _is_among(keys: Int64Array, known: Int64Array) -> Bools:
    """(E,) which of `keys` are among the `known` ones."""
    # the key -1, which no pair has, stands where a search ends beyond the last one
    padded = np.append(np.sort(known), -1)
    places = np.searchsorted(padded[:-1], keys)
    return np.asarray(padded[places] == keys)
