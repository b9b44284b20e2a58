"""Which products have nearly the same picture; that alone makes no near-copies, as stock photos are shared.

Dimensions: N products, V views of a picture, E pairs of products.
"""

from __future__ import annotations

import numpy as np

from shelfwise.catalog.similar_texts import SimilarPairs
from shelfwise.core.types import Bools, Int64Array
from shelfwise.vision.near_pictures import near_pairs
from shelfwise.vision.picture_hashes import HASH_BITS, PictureHashes

MOST_DIFFERING = 32
"""Of the 256 bits, in which the hashes of nearly the same picture may differ."""

MAX_SHARING_PICTURE = 20
"""Products that may have nearly the same picture; what more have is a placeholder or a stock photo."""


def similar_pictures(pictures: PictureHashes) -> SimilarPairs:
    """The pairs of products with nearly the same picture, with or without its margins; each once."""
    views = pictures.hashes.shape[1]
    distinct = _distinct_views(pictures)
    rows, _ = np.nonzero(distinct)
    # a picture that a product too many has is still found, and left out below
    pairs = near_pairs(pictures.hashes[distinct], MOST_DIFFERING, views * (MAX_SHARING_PICTURE + 1))
    ends = np.stack([rows[pairs.first], rows[pairs.second]], axis=1)
    ends.sort(axis=1)
    # two views of one product are no pair
    others = ends[:, 0] != ends[:, 1]
    return _rare(ends[others], pairs.differing[others], len(pictures.usable))


def _distinct_views(pictures: PictureHashes) -> Bools:
    """(N, V) whether a view differs from those before it; none does of a picture that is not usable."""
    hashes = pictures.hashes
    distinct = np.repeat(pictures.usable[:, None], hashes.shape[1], axis=1)
    for view in range(1, hashes.shape[1]):
        for earlier in range(view):
            distinct[:, view] &= (hashes[:, view] != hashes[:, earlier]).any(axis=1)
    return distinct


def _rare(ends: Int64Array, differing: Int64Array, count: int) -> SimilarPairs:
    """Each pair once, by its nearest views; none of a product whose picture too many have."""
    # of one pair the nearest views come first
    order = np.lexsort((differing, ends[:, 1], ends[:, 0]))
    ends = ends[order]
    is_new = np.ones(len(ends), np.bool_)
    is_new[1:] = (np.diff(ends, axis=0) != 0).any(axis=1)
    ends = ends[is_new]
    similarity = 1 - differing[order][is_new] / HASH_BITS
    # itself and its partners
    sharing = 1 + np.bincount(ends.ravel(), minlength=count)
    rare = (sharing[ends] <= MAX_SHARING_PICTURE).all(axis=1)
    return SimilarPairs(ends[rare, 0], ends[rare, 1], similarity[rare].astype(np.float32))
