"""What every metric counts: true positives, predicted and true labels; and ratios, 0 where nothing is below.

Dimensions: N products, L labels. Targets and decisions are (N, L), bool or 0 and 1, dense or sparse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from shelfwise.core.sparse_scores import dense
from shelfwise.core.types import Float64Array, MultiHot

CELLS_PER_BLOCK = 1 << 18
"""Cells of a dense matrix that are looked at together: what stays in a core's cache."""


@dataclass(frozen=True)
class Counts:
    """Numbers of labels, along whichever axis they were counted.

    Args:
        hits: predicted and true.
        predicted: all predicted.
        true: all true.
    """

    hits: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]

    @classmethod
    def of(cls, targets: MultiHot, decided: MultiHot, axis: Literal[0, 1] | None) -> Counts:
        """Count over products (axis 0: a label each), labels (axis 1: a product each) or both (None)."""
        of_labels, of_products = count(targets, decided)
        if axis is None:
            return of_labels.total()
        return of_labels if axis == 0 else of_products

    def total(self) -> Counts:
        """All of them as one."""
        return Counts(
            hits=np.asarray(self.hits.sum()),
            predicted=np.asarray(self.predicted.sum()),
            true=np.asarray(self.true.sum()),
        )

    def rates(self, empty: float = 0.0) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Precision, recall and F1; `empty` where nothing is predicted and nothing true."""
        either = self.predicted + self.true
        # neither predicted nor true: whether that is right depends on what is averaged
        nothing = either == 0
        precision = np.where(nothing, empty, ratio(self.hits, self.predicted))
        recall = np.where(nothing, empty, ratio(self.hits, self.true))
        f1 = np.where(nothing, empty, ratio(2 * self.hits, either))
        return precision, recall, f1


def count(targets: MultiHot, decided: MultiHot) -> tuple[Counts, Counts]:
    """The counts of each label (L,) and of each product (N,), in one pass.

    Few cells of a block are set. Only these are counted, by their row and by their column.
    """
    if sp.issparse(targets) and sp.issparse(decided):
        return _count_sparse(targets, decided)
    n_products, n_labels = targets.shape
    of_labels = np.zeros((3, n_labels), np.int64)
    of_products = np.zeros((3, n_products), np.int64)
    width = max(n_labels, 1)
    for rows in row_blocks(n_products, n_labels, CELLS_PER_BLOCK):
        is_true = dense(targets[rows]).astype(bool)
        is_predicted = dense(decided[rows]).astype(bool)
        true = np.flatnonzero(is_true)
        predicted = np.flatnonzero(is_predicted)
        hits = true[is_predicted.reshape(-1)[true]]
        # flat places: the remainder by the width is the column, the quotient the row
        for i, cells in enumerate((hits, predicted, true)):
            of_labels[i] += np.bincount(cells % width, minlength=n_labels)
            of_products[i, rows] = np.bincount(cells // width, minlength=len(is_true))
    return Counts(*of_labels), Counts(*of_products)


def _count_sparse(targets: MultiHot, decided: MultiHot) -> tuple[Counts, Counts]:
    """As :func:`count`, where both are sparse."""
    of_labels = []
    of_products = []
    # the cells that both have, without a dense matrix of all
    hits = targets.astype(bool).multiply(decided.astype(bool))
    for matrix in (hits, decided, targets):
        rows, columns = matrix.nonzero()
        of_labels.append(np.bincount(columns, minlength=matrix.shape[1]))
        of_products.append(np.bincount(rows, minlength=matrix.shape[0]))
    return Counts(*of_labels), Counts(*of_products)


def row_blocks(n_rows: int, width: int, cells: int) -> Iterator[slice]:
    """All rows of a matrix (n_rows, width), so many at a time that they hold about so many `cells`.

    >>> list(row_blocks(5, 10, 20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    # a row that alone holds more cells is a block of its own
    step = max(1, cells // max(width, 1))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def ratio(above: ArrayLike, below: ArrayLike) -> Float64Array:
    """Element-wise `above` / `below`, 0 where `below` is 0."""
    dividend = np.asarray(above, dtype=np.float64)
    divisor = np.asarray(below, dtype=np.float64)
    # where nothing is divided the zeros stay, and numpy warns of nothing
    return np.asarray(np.divide(dividend, divisor, out=np.zeros_like(divisor), where=divisor != 0))


def mean(values: NDArray[Any]) -> float:
    """The mean, 0 of nothing."""
    return float(values.mean()) if values.size else 0.0
