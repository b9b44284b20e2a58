"""How well similar products share labels.

Dimensions: N indexed products, Q queries, L labels, k nearest products of a query.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from shelfwise.core.sparse_scores import any_in_row
from shelfwise.core.types import MultiHot, Rows
from shelfwise.metrics.counts import mean
from shelfwise.metrics.scored_pairs import values_at


def label_recall(
    rows: Rows, known: MultiHot, truth: MultiHot, cuts: Sequence[int]
) -> dict[str, float]:
    """How well neighbours share labels.

    Args:
        rows: (Q, k) nearest products of each query. Queries with a -1, or without a label, are left out.
        known: (N, L) labels of the indexed products; a query's rarest label is the one that is rarest here.
        truth: (Q, L) labels of the queries; both dense or sparse.

    Returns:
        For each cut: ``recall@k``, the mean share of the k nearest that share at least one label with the
        query, and ``rarest@k``, the mean share that have the rarest of its labels; 0 where there is no query
        to count.
    """
    truth = sp.csr_array(truth)
    known = sp.csr_array(known)
    has_label = any_in_row(truth)
    counted = np.flatnonzero(has_label & (rows >= 0).all(axis=1))
    wanted = truth[counted]
    frequency = np.asarray(known.sum(axis=0))
    # the labels of each query, the rarest first, and of equally rare ones the first
    queries, own = wanted.nonzero()
    order = np.lexsort((own, frequency[own], queries))
    rarest = own[order][np.searchsorted(queries[order], np.arange(len(counted)))]
    # (Q, k): whether each of the nearest shares a label, and the rarest one
    shares_a_label = np.zeros((len(counted), rows.shape[1]), np.bool_)
    shares_the_rarest = np.zeros_like(shares_a_label)
    for place, of_place in enumerate(rows[counted].T):
        near = known[of_place]
        shares_a_label[:, place] = any_in_row(near.multiply(wanted))
        shares_the_rarest[:, place] = values_at(near, np.arange(len(counted)), rarest) > 0
    found = {"products": float(len(counted))}
    for k in cuts:
        found[f"recall@{k}"] = mean(shares_a_label[:, :k])
        found[f"rarest@{k}"] = mean(shares_the_rarest[:, :k])
    return found
