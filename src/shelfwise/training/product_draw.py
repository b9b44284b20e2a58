"""A seeded draw of products to learn from, in which rare labels stay.

Dimensions: N products, L labels, C products drawn.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array

from shelfwise.core.types import Matrix, MultiHot, Rows

LEAST_OF_A_LABEL = 20
"""Products of each label that a draw has, where there are so many."""


def taken(values: Matrix, rows: Rows) -> Matrix:
    """The given rows (C,) of values (N, ...), rising; the values themselves where these are all of them."""
    return values if len(rows) == values.shape[0] else values[rows]


def draw_products(targets: MultiHot, most: int, seed: int) -> Rows:
    """At most `most` of N products, rising; all of them where they are no more.

    Labels of which an even draw would leave fewer than :data:`LEAST_OF_A_LABEL` get so many, or all that they
    have, from the rarest label up. The rest is drawn evenly from all others. So only rare labels are drawn
    out of proportion, and what is learnt of the others is what all products would teach.

    Args:
        targets: (N, L) of 0 and 1.
        most: C, at least 1.
        seed: of the draw.
    """
    count = targets.shape[0]
    if count <= most:
        return np.arange(count)
    # one order for everything: of any group the products that come first in it are drawn
    rank = np.random.default_rng(seed).permutation(count)
    of_label = csc_array(targets)
    sizes = np.diff(of_label.indptr)
    drawn = np.zeros(count, np.bool_)
    room = most
    rare = np.flatnonzero(sizes * (most / count) < LEAST_OF_A_LABEL)
    for label in rare[np.argsort(sizes[rare], kind="stable")].tolist():
        products = of_label.indices[of_label.indptr[label] : of_label.indptr[label + 1]]
        waiting = products[~drawn[products]]
        # some came with rarer labels
        wanted = LEAST_OF_A_LABEL - (len(products) - len(waiting))
        chosen = waiting[np.argsort(rank[waiting])[: max(0, min(wanted, room))]]
        drawn[chosen] = True
        room -= len(chosen)
    others = np.flatnonzero(~drawn)
    drawn[others[np.argsort(rank[others])[:room]]] = True
    return np.flatnonzero(drawn)
