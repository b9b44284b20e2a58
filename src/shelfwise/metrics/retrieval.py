"""How well similar products share labels.

Dimensions: N indexed products, Q queries, L labels, k nearest products of a query.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shelfwise.core.types import Bools, Rows
from shelfwise.metrics.counts import mean


def label_recall(rows: Rows, known: Bools, truth: Bools, cuts: Sequence[int]) -> dict[str, float]:
    """How well neighbours share labels.

    Args:
        rows: (Q, k) nearest products of each query. Queries with a -1, or without a label, are left out.
        known: (N, L) labels of the indexed products; a query's rarest label is the one that is rarest here.
        truth: (Q, L) labels of the queries.

    Returns:
        For each cut: ``recall@k``, the mean share of the k nearest that share at least one label with the
        query, and ``rarest@k``, the mean share that have the rarest of its labels; 0 where there is no query
        to count.
    """
    counted = np.flatnonzero(truth.any(axis=1) & (rows >= 0).all(axis=1))
    frequency = known.sum(axis=0)
    # labels that the query lacks count as commoner than any, so that the rarest is one of its own
    commonest = frequency.max(initial=0) + 1
    rarest = np.where(truth[counted], frequency, commonest).argmin(axis=1)
    found = {"products": float(len(counted))}
    for k in cuts:
        near = known[rows[counted, :k]]  # (Q, k, L)
        shares_a_label = np.any(near & truth[counted][:, None], axis=2)
        shares_the_rarest = np.take_along_axis(near, rarest[:, None, None], axis=2)
        found[f"recall@{k}"] = mean(shares_a_label)
        found[f"rarest@{k}"] = mean(shares_the_rarest)
    return found
