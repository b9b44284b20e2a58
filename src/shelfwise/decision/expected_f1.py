"""The set of labels with the largest expected F1, for each product by itself.

With probabilities that are right, and labels independent given the product, the best set is always the k most
probable labels for some k (Lewis 1995). The expected F1 of all k is exact here, by the quadratic dynamic
programme of Ye, Chai, Lee and Chieu, "Optimizing F-measures: a tale of two approaches" (ICML 2012), algorithm
1, for many products at once.

Dimensions: N products, L labels, K labels of a product that are worth a look.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.sparse_scores import packed
from shelfwise.core.types import Float64Array, Matrix

MIN_PROBABILITY = 1e-3
"""Labels less probable than this count as impossible; out-of-fold scores are not kept below it either."""

MAX_ROWS_PER_BLOCK = 1000

CELLS_PER_BLOCK = 4_000_000
"""Numbers held at once for one table: 32 MB."""


def best_sets(probabilities: Matrix) -> Matrix:
    """Decisions (N, L): of each product the set with the largest expected F1, of equal ones the smallest.

    The F1 of no label for a product that has none is 1, as in example-based metrics. So a product whose
    labels are all improbable gets none, and so does one that no member knows (all 0).

    Args:
        probabilities: (N, L) in [0, 1], calibrated, dense or scipy sparse; decisions are alike.

    >>> best_sets(np.array([[0.9, 0.6, 0.1], [0.2, 0.1, 0.0]]))
    array([[ True,  True, False],
           [False, False, False]])
    """
    if sp.issparse(probabilities):
        values, columns = packed(probabilities)
        rows, places = np.nonzero(best_sets(values))
        cells = (rows, columns[rows, places])
        return sp.csr_array((np.ones(len(rows), np.bool_), cells), shape=probabilities.shape)
    decided = np.zeros(probabilities.shape, np.bool_)
    counts = np.count_nonzero(probabilities >= MIN_PROBABILITY, axis=1)
    # products with about as many labels to look at go together, those without any not at all
    order = np.argsort(counts, kind="stable")
    start = int(np.count_nonzero(counts == 0))
    while start < len(order):
        rows = _next_block(order, start, counts)
        n_top = int(counts[rows[-1]])
        top = np.argsort(-probabilities[rows], axis=1, kind="stable")[:, :n_top]
        likely = np.take_along_axis(probabilities[rows], top, axis=1).astype(np.float64)
        likely = np.where(likely >= MIN_PROBABILITY, likely, 0)
        # the first of equal maxima is the smallest set
        sizes = expected_f1(likely).argmax(axis=1)
        is_in_set = np.arange(n_top) < sizes[:, None]
        decided[rows[:, None], top] = is_in_set
        start += len(rows)
    return decided


def _next_block(
    order: NDArray[np.int64], start: int, counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The next products of `order`, so many that their tables fit."""
    last = min(start + MAX_ROWS_PER_BLOCK, len(order)) - 1
    widest = int(counts[order[last]])
    n_rows = min(MAX_ROWS_PER_BLOCK, CELLS_PER_BLOCK // (widest + 1) ** 2)
    return order[start : start + max(1, n_rows)]


def expected_f1(probabilities: Float64Array) -> Float64Array:
    """The expected F1 (N, K + 1) of giving the first k labels, k = 0 .. K.

    With T of the k given labels true, and R of the others, F1 is ``2 T / (k + T + R)``. The distribution of T
    grows label by label. ``E[1 / (a + R)]`` is built from the last label backwards: ``a`` becomes ``a + 1``
    if the label is true.

    Args:
        probabilities: (N, K), independent of each other, in the order in which labels are given.

    >>> expected_f1(np.array([[1.0, 0.5]])).round(3)
    array([[0.   , 0.833, 0.833]])
    """
    count, labels = probabilities.shape
    hits = _hits_distribution(probabilities)
    # E[1 / (a + R)] for a = 1 .. 2 K, at first with no label left in R
    inverse = 1 / np.arange(1, 2 * labels + 1)
    inverse = np.tile(inverse, (count, 1))
    n_true = np.arange(1, labels + 1)
    expected = np.empty((count, labels + 1))
    for k in range(labels, 0, -1):
        # T = 1 .. k, each with a = k + T: T = 0 adds nothing
        chances = hits[k, :, 1 : k + 1]
        of_sizes = inverse[:, k : 2 * k]
        expected[:, k] = 2 * np.einsum("nt,t,nt->n", chances, n_true[:k], of_sizes)
        # label k joins the others: it is true with its probability, and then raises a by 1
        p = probabilities[:, k - 1, None]
        if_true = inverse[:, 1:]
        if_false = inverse[:, :-1]
        inverse = p * if_true + (1 - p) * if_false
    # giving nothing is right, with an F1 of 1, where nothing is true
    expected[:, 0] = np.prod(1 - probabilities, axis=1)
    return expected


def _hits_distribution(probabilities: Float64Array) -> Float64Array:
    """P(T = t) of the first k labels, (K + 1, N, K + 1) by k, product and t."""
    count, labels = probabilities.shape
    chances = np.zeros((labels + 1, count, labels + 1))
    chances[0, :, 0] = 1
    for k in range(labels):
        p = probabilities[:, k, None]
        # label k is false and T stays, or it is true and T is one more
        chances[k + 1] = chances[k] * (1 - p)
        chances[k + 1, :, 1:] += chances[k, :, :-1] * p
    return chances
