"""The heaviest set of labels that holds everything above its members.

Dimensions: N products, L labels, K labels of one product, E edges from a label to a parent of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from shelfwise.core.types import Bools, Rows

MAX_WEIGHT_SUM = 1 << 29
"""Whole weights of a cut add up to this. What must not be cut weighs twice as much, which fits 32 bits."""


def best_in_forest(
    weights: NDArray[np.float64], downwards: Rows, parents: Sequence[Sequence[int]]
) -> Bools:
    """(N, L) the heaviest closed sets where no label has more than one parent, by dynamic programming.

    Args:
        weights: (N, L).
        downwards: (L,) all labels, each after everything above it.
        parents: the indices of each label's parents, at most one.
    """
    # bottom up: what each label gains with the best of everything below it
    gains = np.array(weights.T, order="C")
    for label in downwards[::-1]:
        for parent in parents[label]:
            gains[parent] += np.maximum(gains[label], 0)
    # top down: a label is taken if it gains and its parent is taken
    chosen = gains >= 0
    for label in downwards:
        for parent in parents[label]:
            chosen[label] &= chosen[parent]
    return np.ascontiguousarray(chosen.T)


def best_closure(weights: NDArray[np.float64], labels: Rows, edges: Rows) -> Bools:
    """(K,) the heaviest closed set of one product: a maximum-weight closure (Picard 1976) by minimum cut.

    Args:
        weights: (K,) of `labels`, not all 0.
        labels: (K,) ascending; their ancestors are among them.
        edges: (E, 2) child and parent, of all labels.
    """
    count = len(labels)
    source = count
    sink = count + 1
    inside = np.isin(edges[:, 0], labels)
    # as indices into `labels`
    edges = np.searchsorted(labels, edges[inside])
    # maximum_flow takes whole numbers only
    scale = MAX_WEIGHT_SUM / np.abs(weights).sum()
    whole = np.rint(weights * scale).astype(np.int32)
    good = np.flatnonzero(whole > 0)
    bad = np.flatnonzero(whole < 0)
    # cutting source -> label gives up a good label, cutting label -> sink accepts a bad one,
    # and no cut goes through child -> parent
    tails = np.concatenate([np.full(len(good), source), bad, edges[:, 0]])
    heads = np.concatenate([good, np.full(len(bad), sink), edges[:, 1]])
    uncuttable = np.full(len(edges), 2 * MAX_WEIGHT_SUM, np.int32)
    capacity = np.concatenate([whole[good], -whole[bad], uncuttable])
    network = csr_array((capacity, (tails, heads)), (count + 2, count + 2))
    residual = network - maximum_flow(network, source, sink).flow
    residual.eliminate_zeros()
    # what can still reach the sink is dropped: the smallest such side of a cut, so the largest set stays
    dropped = breadth_first_order(csr_array(residual.T), sink, return_predecessors=False)
    return np.asarray(~np.isin(np.arange(count), dropped))
