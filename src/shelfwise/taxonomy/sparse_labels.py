"""Scores of some labels of many products, raised to those of the labels below them.

Dimensions: N products, L labels.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from shelfwise.core.sparse_rows import one_below_another

PRODUCTS_PER_BLOCK = 1 << 14


def highest_below(scores: sp.csr_array, ancestors: sp.csr_array) -> sp.csr_array:
    """Scores (N, L), each at least that of every label below: the maximum over it and its descendants.

    Args:
        scores: (N, L), above 0 where they are stored.
        ancestors: (L, L) whether the row's label implies the column's; every label implies itself.
    """
    starts = range(0, scores.shape[0], PRODUCTS_PER_BLOCK)
    parts = (_raised(scores[start : start + PRODUCTS_PER_BLOCK], ancestors) for start in starts)
    return one_below_another(parts, scores.shape[1], scores.dtype)


def _raised(scores: sp.csr_array, ancestors: sp.csr_array) -> sp.csr_array:
    stored = scores.tocoo()
    # each score once for every label that its label implies
    counts = np.diff(ancestors.indptr)[stored.col]
    source = np.repeat(np.arange(stored.nnz), counts)
    first = ancestors.indptr[stored.col] - (np.cumsum(counts) - counts)
    implied = ancestors.indices[np.arange(len(source)) + np.repeat(first, counts)]
    cells = stored.row[source].astype(np.int64) * scores.shape[1] + implied
    # of the scores in one cell the highest comes first
    order = np.lexsort((-stored.data[source], cells))
    cells = cells[order]
    changes = cells[1:] != cells[:-1]
    # without any cell there is no first one
    is_first = np.append(True, changes)[: len(cells)]
    rows, columns = np.divmod(cells[is_first], scores.shape[1])
    values = stored.data[source[order]][is_first]
    return sp.csr_array((values, (rows, columns)), shape=scores.shape)
