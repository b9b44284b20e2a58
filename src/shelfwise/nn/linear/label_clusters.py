"""Labels that occur with the same inputs, in clusters of about equal size: the inner level of a label tree.

Source: Prabhu et al. 2018 (Parabel): balanced 2-means of the labels' centroids, again and again.

Dimensions: N products, F sparse inputs, L labels, W numbers of a centroid.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from shelfwise.core.types import Floats, Rows
from shelfwise.metrics.counts import row_blocks

_WIDTH = 512
"""Numbers that a centroid is projected to: its inputs are many, and distances nearly stay."""

_CELLS_PER_BLOCK = 1 << 24
"""Numbers of projected products in memory at a time."""


def cluster_labels(inputs: sp.csr_array, targets: sp.csr_array, most: int) -> Rows:
    """The cluster (L,) of each label, 0..K-1; nothing is random but by a fixed seed.

    Args:
        inputs: (N, F).
        targets: (N, L) of 0 and 1.
        most: labels of a cluster.
    """
    centroids = _centroids(inputs, targets)
    waiting = [np.arange(targets.shape[1])]
    clusters = np.zeros(targets.shape[1], np.int64)
    found = 0
    while waiting:
        # halves of halves: clusters come out of nearly equal size
        labels = waiting.pop()
        if len(labels) <= most:
            clusters[labels] = found
            found += 1
        else:
            waiting += _halves(centroids, labels)
    return clusters


def _centroids(inputs: sp.csr_array, targets: sp.csr_array) -> Floats:
    """(L, W) the mean direction of each label's products, projected; 0 for a label without any."""
    from sklearn.preprocessing import normalize
    from sklearn.random_projection import SparseRandomProjection

    if inputs.shape[1] <= _WIDTH:
        return np.asarray(normalize((targets.T @ inputs).toarray()))
    # distances survive a random projection, and the means of wide inputs fit in memory
    projection = SparseRandomProjection(_WIDTH, dense_output=True, random_state=0).fit(inputs)
    sums = np.zeros((targets.shape[1], _WIDTH), np.float32)
    for rows in row_blocks(inputs.shape[0], _WIDTH, _CELLS_PER_BLOCK):
        sums += targets[rows].T @ projection.transform(inputs[rows])
    return np.asarray(normalize(sums))


def _halves(centroids: Floats, labels: Rows) -> list[Rows]:
    """The labels in two halves, by which of two means is nearer."""
    from sklearn.cluster import KMeans

    points = centroids[labels]
    middle = len(labels) // 2
    # labels of the very same products have one mean
    if (points == points[0]).all():
        return [labels[:middle], labels[middle:]]
    means = KMeans(2, n_init=1, max_iter=20, random_state=0).fit(points).cluster_centers_
    # half of them are on each side, however many are nearer to the one
    order = np.argsort(points @ (means[1] - means[0]), kind="stable")
    return [np.sort(labels[order[:middle]]), np.sort(labels[order[middle:]])]
