"""The set of labels with the largest expected F1, for each product by itself.

With probabilities that are right, and labels independent given the product, the best set is always the k most probable labels
for some k (Lewis 1995). The expected F1 of all k is exact here, by the quadratic dynamic programme of Ye, Chai, Lee and Chieu,
"Optimizing F-measures: a tale of two approaches" (ICML 2012), algorithm 1, for many products at once.

Dimensions: N products, L labels, K labels of a product that are worth a look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Float64Array

LEAST = 1e-3
"""Labels less probable than this are taken for impossible; out-of-fold scores are not kept below it either."""
CELLS = 4_000_000
"""Numbers held at once for one table: 32 MB."""


def best_sets(probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Decisions (N, L): of each product the set with the largest expected F1; of equally good ones the smallest.

    The F1 of no label for a product that has none is 1, as in example-based metrics. So a product whose labels are all
    improbable gets none, and one that nobody knows anything of (all 0) too.

    Args:
        probabilities: (N, L) in [0, 1], calibrated.

    >>> best_sets(np.array([[0.9, 0.6, 0.1], [0.2, 0.1, 0.0]]))
    array([[ True,  True, False],
           [False, False, False]])
    """
    decided = np.zeros(probabilities.shape, np.bool_)
    counts = np.count_nonzero(probabilities >= LEAST, axis=1)
    order, start = np.argsort(counts, kind="stable"), int(np.count_nonzero(counts == 0))
    while start < len(order):  # products with about as many labels to look at go together
        wide = int(counts[order[min(start + 1000, len(order)) - 1]])
        rows = order[start : start + max(1, min(1000, CELLS // (wide + 1) ** 2))]
        wide = int(counts[rows[-1]])
        top = np.argsort(-probabilities[rows], axis=1, kind="stable")[:, :wide]
        likely = np.take_along_axis(probabilities[rows], top, axis=1).astype(np.float64)
        sizes = expected_f1(np.where(likely >= LEAST, likely, 0)).argmax(axis=1)
        decided[rows[:, None], top] = np.arange(wide) < sizes[:, None]
        start += len(rows)
    return decided


def expected_f1(probabilities: Float64Array) -> Float64Array:
    """The expected F1 (N, K + 1) of giving the first k labels, k = 0 .. K.

    With T of the k given labels true, and R of the others, F1 is ``2 T / (k + T + R)``. The distribution of T grows label by
    label; ``E[1 / (a + R)]`` is built from the last label backwards: ``a`` becomes ``a + 1`` if the label is true.

    Args:
        probabilities: (N, K), independent of each other, in the order in which labels are given.

    >>> expected_f1(np.array([[1.0, 0.5]])).round(3)
    array([[0.   , 0.833, 0.833]])
    """
    count, labels = probabilities.shape
    given = np.zeros((labels + 1, count, labels + 1))  # P(T = t) for each k
    given[0, :, 0] = 1
    for k in range(labels):
        p = probabilities[:, k, None]
        given[k + 1] = given[k] * (1 - p)
        given[k + 1, :, 1:] += given[k, :, :-1] * p
    inverse = np.tile(1 / np.arange(1, 2 * labels + 1), (count, 1))  # E[1 / (a + R)] for a = 1 .. 2 K
    expected, true = np.empty((count, labels + 1)), np.arange(1, labels + 1)
    for k in range(labels, 0, -1):
        expected[:, k] = 2 * np.einsum("nt,t,nt->n", given[k, :, 1 : k + 1], true[:k], inverse[:, k : 2 * k])
        p = probabilities[:, k - 1, None]
        inverse = p * inverse[:, 1:] + (1 - p) * inverse[:, :-1]
    expected[:, 0] = np.prod(1 - probabilities, axis=1)
    return expected
