"""Groups of near-copies: products that share a title or description, most of their words, or a picture.

Dimensions: N products, G groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from shelfwise.catalog.shared_texts import shared_texts
from shelfwise.catalog.similar_texts import similar_groups
from shelfwise.config import NearCopies
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Rows

MIN_DESCRIPTION = 20
"""Characters a cleaned description needs before sharing it means anything."""

MAX_SHARING_TITLE = 10
"""Products that may share a title.

Real namesakes come in twos to nines. What more products share is a kind ("eGift card") or a scraper's slip
(one stray HTML tag was the "title" of 93% of a catalogue), and would chain everything into one group.
"""

MAX_SHARING_DESCRIPTION = (50, 0.05)
"""Products, or share of all products, whichever is more, that may share a description.

What more products share is boilerplate.
"""


def most_sharing(products: int) -> int:
    """Of so many products, how many may share a description, or a pair of words, that is no boilerplate."""
    most, share = MAX_SHARING_DESCRIPTION
    return max(most, int(share * products))


def near_copies(
    catalog: Catalog, rule: NearCopies = "same_text", by_picture: Rows | None = None
) -> Rows:
    """Group ids (N,), 0..G-1: products with the same cleaned description or the same cleaned title share one.

    Groups are transitive. Cleaned means lower-case letters and digits with single spaces between words.
    Descriptions shorter than :data:`MIN_DESCRIPTION` and texts shared more widely than
    :data:`MAX_SHARING_TITLE` and :data:`MAX_SHARING_DESCRIPTION` bind nothing. A product without either text
    is alone.

    Args:
        rule: with ``similar_text`` and ``similar_picture`` products that share half of the word pairs of
            title and description are in one group, too; see :mod:`shelfwise.catalog.similar_texts`.
        by_picture: (N,) groups of :func:`shelfwise.vision.picture_copies.picture_copies`, whose products are
            in one group, too.

    Raises:
        PluginError: `rule` needs the extra ``copies``, which is not installed.
    """
    limit = most_sharing(len(catalog))
    columns = [catalog.table.column("title"), catalog.table.column("description")]
    # a short title names a product, a short description says nothing of it
    bonds = [
        shared_texts(columns[0], 1, MAX_SHARING_TITLE),
        shared_texts(columns[1], MIN_DESCRIPTION, limit),
    ]
    if rule != "same_text":
        bonds.append(similar_groups(columns, limit))
    if by_picture is not None:
        bonds.append(by_picture)
    return joined_groups(bonds)


def joined_groups(bonds: Sequence[Rows]) -> Rows:
    """Group ids (N,), 0..G-1, of products that any of the bonds binds, through others, too.

    >>> joined_groups([np.array([0, 0, 1, -1]), np.array([-1, 1, 1, 2])]).tolist()
    [0, 0, 0, 1]

    Args:
        bonds: (N,) ids below N each; products with the same are bound, and -1 binds nothing.
    """
    count = len(bonds[0])
    # each bond's ids are numbered from another multiple of N on, so that none is taken for another's
    numbered = []
    for place, bond in enumerate(bonds):
        numbered.append(np.where(bond >= 0, bond + place * count, -1))
    ids = np.concatenate(numbered)
    binds = ids >= 0
    products = np.tile(np.arange(count), len(bonds))[binds]
    # a graph with a node per product and, behind them, one per id: its components are the groups
    nodes = (1 + len(bonds)) * count
    ones = np.ones(len(products), dtype=np.int8)
    ends = (products, count + ids[binds])
    edges = coo_array((ones, ends), shape=(nodes, nodes))
    components = connected_components(edges, directed=False)[1]
    # the ids' nodes are left out, and the groups numbered without gaps
    groups = np.unique(components[:count], return_inverse=True)[1]
    return groups.astype(np.int64)
