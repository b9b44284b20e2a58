"""A tree over thousands of labels: a matcher chooses clusters of labels, a ranker decides within each.

A cluster's ranker learns from the products that have one of its labels, and from those that the matcher takes
for such. These are a small part of all products, so training takes a small part of the time. A product's
labels are those of its likeliest clusters; all others get 0. Rankers have learnt from what the matcher sends
them, so a label's probability is the ranker's own and not multiplied by that of the cluster.

Source: Yu et al. 2022 (PECOS, XR-Linear): one level of clusters, negatives from the matcher, beam search.

Dimensions: N products, F sparse inputs, L labels, K clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.special import expit

from shelfwise.core.types import Bools, Floats, Rows
from shelfwise.nn.label_clusters import cluster_labels
from shelfwise.nn.linear_settings import LinearSettings
from shelfwise.nn.linear_weights import LinearWeights, embedding_bags, sparse_product, used_inputs
from shelfwise.nn.logistic_regression import fit_logistic

LABELS_OF_A_CLUSTER = 100
BEAM = 10
"""Clusters of a product that are looked into."""

_UNLIKELY = -20.0
"""The logit of a label that nothing was learnt of."""

_MATCHER = "matcher."
_CLUSTERS = "clusters"


@dataclass(frozen=True)
class LabelTree:
    """A fitted tree.

    Args:
        clusters: (L,) the cluster of each label.
        matcher: K classifiers, one a cluster.
        rankers: L classifiers, each of products that may be in its label's cluster.
    """

    clusters: Rows
    matcher: LinearWeights
    rankers: LinearWeights

    @classmethod
    def fit(
        cls,
        inputs: sp.csr_array,
        targets: sp.csr_array,
        settings: LinearSettings,
        most: int = LABELS_OF_A_CLUSTER,
    ) -> Self:
        """Cluster the labels, and learn matcher and rankers.

        Args:
            inputs: (N, F), N > 0.
            targets: (N, L) of 0 and 1.
            most: labels of a cluster.
        """
        clusters = cluster_labels(inputs, targets, most)
        in_cluster = _in_cluster(targets, clusters)
        matcher = _fitted(inputs, in_cluster.astype(np.float32), settings)
        matched = in_cluster | _beam(matcher.logits(inputs))
        return cls(clusters, matcher, _rankers(inputs, targets, clusters, matched, settings))

    def probabilities(self, inputs: sp.csr_array) -> Floats:
        """(N, L) of sparse rows (N, F)."""
        searched = _beam(self.matcher.logits(inputs))
        used, known = used_inputs(inputs)
        weights = self.rankers.weights[used].tocsc()
        found = np.zeros((inputs.shape[0], len(self.clusters)), np.float32)
        for cluster in np.flatnonzero(searched.any(axis=0)):
            rows = np.flatnonzero(searched[:, cluster])
            labels = np.flatnonzero(self.clusters == cluster)
            # row by row, as the product reads them
            own = torch.from_numpy(np.ascontiguousarray(weights[:, labels].toarray()))
            logits = sparse_product(embedding_bags(known[rows]), own).numpy()
            found[np.ix_(rows, labels)] = expit(logits + self.rankers.bias[labels])
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`from_state` needs."""
        matcher = {f"{_MATCHER}{name}": value for name, value in self.matcher.arrays().items()}
        return {_CLUSTERS: self.clusters} | matcher | self.rankers.arrays()

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The tree that `arrays` were taken from; other names are passed over."""
        matcher = {
            name.removeprefix(_MATCHER): value
            for name, value in arrays.items()
            if name.startswith(_MATCHER)
        }
        rankers = LinearWeights.from_state(arrays)
        return cls(arrays[_CLUSTERS], LinearWeights.from_state(matcher), rankers)


def is_label_tree(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether saved classifiers are a label tree."""
    return _CLUSTERS in arrays


def _fitted(inputs: sp.csr_array, targets: Floats, settings: LinearSettings) -> LinearWeights:
    return fit_logistic(
        inputs, targets, settings.C, settings.positive_weight, settings.tolerance, settings.prune
    )


def _in_cluster(targets: sp.csr_array, clusters: Rows) -> Bools:
    """(N, K) whether a product has a label of the cluster."""
    places = targets.tocoo()
    inside = np.zeros((targets.shape[0], clusters.max() + 1), np.bool_)
    inside[places.row, clusters[places.col]] = True
    return inside


def _beam(logits: Floats) -> Bools:
    """(N, K) the :data:`BEAM` likeliest clusters of each product."""
    if logits.shape[1] <= BEAM:
        return np.ones(logits.shape, np.bool_)
    best = np.argpartition(-logits, BEAM - 1, axis=1)[:, :BEAM]
    searched = np.zeros(logits.shape, np.bool_)
    np.put_along_axis(searched, best, True, axis=1)
    return searched


def _rankers(
    inputs: sp.csr_array,
    targets: sp.csr_array,
    clusters: Rows,
    matched: Bools,
    settings: LinearSettings,
) -> LinearWeights:
    """L classifiers; those of each cluster learn from the products `matched` (N, K) to it."""
    by_label = targets.tocsc()
    # labels that no product was ever matched for stay unlikely
    bias = np.full(len(clusters), _UNLIKELY, np.float32)
    values, rows, columns = [], [], []
    for cluster in np.flatnonzero(matched.any(axis=0)):
        products = np.flatnonzero(matched[:, cluster])
        labels = np.flatnonzero(clusters == cluster)
        # these products have some of the inputs only
        used, known = used_inputs(inputs[products])
        ranker = _fitted(known, by_label[:, labels].tocsr()[products].toarray(), settings)
        bias[labels] = ranker.bias
        kept = ranker.weights.tocoo()
        values.append(kept.data)
        rows.append(used[kept.row].astype(np.int32))
        columns.append(labels[kept.col].astype(np.int32))
    places = (np.concatenate(rows), np.concatenate(columns))
    shape = (inputs.shape[1], len(clusters))
    return LinearWeights(sp.csr_array((np.concatenate(values), places), shape=shape), bias)
