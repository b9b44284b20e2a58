"""How well similar products share labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Rows


def label_recall(
    rows: Rows, known: NDArray[np.bool_], truth: NDArray[np.bool_], cuts: Sequence[int]
) -> dict[str, float]:
    """How well neighbours share labels.

    Args:
        rows: (Q, k) nearest products of each query; queries with a -1, and those without a label, are left out.
        known: (N, L) labels of the indexed products; how often each occurs there says which is a query's rarest.
        truth: (Q, L) labels of the queries.

    Returns:
        For each cut: ``recall@k``, the mean share of the k nearest that share at least one label with the query, and
        ``rarest@k``, the mean share that have the rarest of its labels; 0 where there is no query to count.
    """
    counted = np.flatnonzero(truth.any(axis=1) & (rows >= 0).all(axis=1))
    frequency = known.sum(axis=0)
    rarest = np.where(truth[counted], frequency, frequency.max(initial=0) + 1).argmin(axis=1)
    found = {"products": float(len(counted))}
    for k in cuts:
        near = known[rows[counted, :k]]
        shared = (near & truth[counted][:, None]).any(axis=2)
        same = np.take_along_axis(near, rarest[:, None, None], axis=2)
        found |= {
            f"recall@{k}": float(shared.mean()) if len(counted) else 0.0,
            f"rarest@{k}": float(same.mean()) if len(counted) else 0.0,
        }
    return found
