"""Scores of so many products and labels that not all fit in memory: the highest of each product.

Up to :data:`MOST_DENSE_CELLS` numbers everything is a dense array. Beyond, scores are sparse rows, and a
score that is not kept is 0, as of a label that nothing is known of.

Dimensions: N products, L labels, W numbers of a packed row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Matrix, Rows

MOST_DENSE_CELLS = 1 << 26
"""Scores (N, L) of a catalogue that are kept dense: 256 MiB."""

KEPT_LABELS = 50
"""Labels of a product whose scores are kept, the highest ones; products have far fewer labels."""

CELLS_PER_BLOCK = 1 << 24
"""Scores that are dense at a time: 64 MiB."""

_CELLS_SORTED = 1 << 20
"""Scores among which the highest are looked for at a time."""


def is_too_large(products: int, labels: int) -> bool:
    """Whether so many scores are kept sparse."""
    return products * labels > MOST_DENSE_CELLS


def dense(matrix: Matrix) -> NDArray[Any]:
    """A matrix (N, L), dense or sparse, as a dense one."""
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)


def row_slices(count: int, labels: int, cells: int = CELLS_PER_BLOCK) -> list[slice]:
    """All of `count` rows, so many at a time that they can be dense and have about so many `cells`."""
    step = max(1, cells // max(labels, 1))
    # no rows at all are one empty slice
    starts = range(0, max(count, 1), step)
    return [slice(start, min(start + step, count)) for start in starts]


def highest_scores(scores: Matrix, most: int | None = None) -> sp.csr_array:
    """So many of the highest of each product's scores (N, L), dense or sparse, as sparse rows.

    Unset, :data:`KEPT_LABELS`. Of equal scores the first labels are kept; 0 is not kept.
    """
    most = KEPT_LABELS if most is None else most
    if sp.issparse(scores):
        values, columns = packed(scores)
        kept = highest_scores(values, most).tocoo()
        places = (kept.row, columns[kept.row, kept.col])
        return sp.csr_array((kept.data, places), shape=scores.shape)
    # some at a time: finding them takes many times the memory of the scores
    blocks = row_slices(len(scores), scores.shape[1], _CELLS_SORTED)
    parts = [_highest_of_dense(scores[rows], most) for rows in blocks]
    return parts[0] if len(parts) == 1 else sp.csr_array(sp.vstack(parts, format="csr"))


def _highest_of_dense(scores: NDArray[Any], most: int) -> sp.csr_array:
    labels = scores.shape[1]
    if labels > most:
        # a stable order of the few that can be kept is quicker than one of all
        lowest = np.partition(scores, labels - most, axis=1)[:, labels - most, None]
        surely = scores > lowest
        room = most - np.count_nonzero(surely, axis=1, keepdims=True)
        equal = scores == lowest
        kept = surely | (equal & (np.cumsum(equal, axis=1) <= room))
        scores = np.where(kept, scores, 0)
    return sp.csr_array(scores.astype(np.float32, copy=False))


def by_row_blocks(function: Callable[[Any], NDArray[Any]], matrix: Matrix) -> Matrix:
    """`function` of a matrix (N, L), where it answers each row by itself; of sparse ones some at a time.

    Returns:
        Dense or sparse, as `matrix` is.
    """
    if not sp.issparse(matrix):
        return function(matrix)
    slices = row_slices(*matrix.shape)
    parts = [sp.csr_array(function(matrix[rows].toarray())) for rows in slices]
    return sp.csr_array(sp.vstack(parts, format="csr"))


def in_row_order(parts: Sequence[tuple[Rows, Matrix]], shape: tuple[int, int]) -> Matrix:
    """One matrix (N, L), float32, of the rows of several parts; rows that no part has are 0.

    Args:
        parts: the rows, and their values (len(rows), L); all dense or all sparse.
        shape: N and L.
    """
    if not any(sp.issparse(part) for _, part in parts):
        whole = np.zeros(shape, np.float32)
        for rows, part in parts:
            whole[rows] = part
        return whole
    stacked = sp.vstack([part for _, part in parts], format="coo")
    # the row of each stored value among the parts, and then among all products
    places = np.concatenate([rows for rows, _ in parts])[stacked.row]
    return sp.csr_array((stacked.data, (places, stacked.col)), shape=shape)


def zero_rows(matrix: Matrix, rows: Bools) -> Matrix:
    """A matrix (N, L), dense or sparse, with 0 in the rows marked in `rows` (N,)."""
    kept = ~rows[:, None]
    if sp.issparse(matrix):
        return sp.csr_array(matrix.multiply(kept))
    return np.where(kept, matrix, np.float32(0)).astype(np.float32)


def any_in_row(matrix: Matrix) -> Bools:
    """Which rows (N,) of a matrix (N, L) of bool, dense or sparse, have a True."""
    return np.asarray(matrix.sum(axis=1) > 0)


def packed(matrix: sp.csr_array) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The stored values of each row side by side (N, W), and their columns; filled up with 0 of column 0."""
    by_row = matrix.sorted_indices()
    lengths = np.diff(by_row.indptr)
    shape = (len(lengths), int(lengths.max(initial=0)))
    # row by row in the order in which the values are stored
    is_stored = np.arange(shape[1]) < lengths[:, None]
    values = np.zeros(shape, by_row.dtype)
    columns = np.zeros(shape, np.int64)
    values[is_stored] = by_row.data
    columns[is_stored] = by_row.indices
    return values, columns
