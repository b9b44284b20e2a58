"""A tree over thousands of labels: a matcher chooses clusters of labels, a ranker decides within each.

A cluster's ranker learns from the products that have one of its labels, and from those that the matcher takes
for such. These are a small part of all products, so training takes a small part of the time. A product's
labels are those of its likeliest clusters; all others get 0. Rankers have learnt from what the matcher sends
them, so a label's probability is the ranker's own; how likely the cluster is hardly counts. A matcher of many
clusters is a tree over these.

Source: Yu et al. 2022 (PECOS, XR-Linear): levels of clusters, negatives from the matcher, beam search.

Dimensions: N products, F sparse inputs, L labels, K clusters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit

from shelfwise.core.types import Floats, Matrix, Rows
from shelfwise.metrics.counts import row_blocks
from shelfwise.nn.label_clusters import cluster_labels
from shelfwise.nn.linear_settings import LinearSettings
from shelfwise.nn.linear_weights import LinearWeights, used_inputs
from shelfwise.nn.logistic_regression import fit_logistic

LABELS_OF_A_CLUSTER = 10

LEARNT_FROM = 20
"""Clusters of a product whose rankers learn from it, and those of its own labels."""

BEAM = 10
"""Clusters of a product that are looked into: rankers know more products than they are asked about."""

CLUSTER_POWER = 0.1
"""A label's probability is its ranker's times this power of the cluster's."""

MOST_FLAT = 512
"""Clusters up to which the matcher has one classifier of all products for each."""

_CELLS_PER_BLOCK = 1 << 23
"""Scores of clusters that are computed at a time: bounds the memory."""

_UNLIKELY = -20.0
"""The logit of a label that nothing was learnt of."""

_MATCHER = "matcher."
_CLUSTERS = "clusters"


@dataclass(frozen=True)
class LabelTree:
    """A fitted tree.

    Args:
        clusters: (L,) the cluster of each label.
        matcher: K classifiers, one a cluster; or a tree over the clusters.
        rankers: L classifiers, each of products that may be in its label's cluster.
    """

    clusters: Rows
    matcher: LinearWeights | LabelTree
    rankers: LinearWeights

    @classmethod
    def fit(
        cls,
        inputs: sp.csr_array,
        targets: sp.csr_array,
        settings: LinearSettings,
        most: int = LABELS_OF_A_CLUSTER,
    ) -> LabelTree:
        """Cluster the labels, and learn matcher and rankers.

        Args:
            inputs: (N, F), N > 0.
            targets: (N, L) of 0 and 1.
            most: labels of a cluster, at least 2.
        """
        clusters = cluster_labels(inputs, targets, most)
        in_cluster = _in_cluster(targets, clusters)
        matcher: LinearWeights | LabelTree
        if in_cluster.shape[1] <= MOST_FLAT:
            matcher = _fitted(inputs, in_cluster, settings)
        else:
            matcher = cls.fit(inputs, in_cluster, settings, most)
        matched = in_cluster + _likeliest(matcher, inputs, LEARNT_FROM)
        return cls(clusters, matcher, _rankers(inputs, targets, clusters, matched, settings))

    def probabilities(self, inputs: sp.csr_array) -> sp.csr_array:
        """(N, L), sparse, of sparse rows (N, F)."""
        searched = _likeliest(self.matcher, inputs, BEAM)
        used, known = used_inputs(inputs)
        weights = self.rankers.weights[used].tocsc()
        found, products, columns = [], [], []
        for rows, labels, chances in _by_cluster(searched, self.clusters):
            # a product's numbers are added up in their order, whatever products are beside it
            logits = (known[rows] @ weights[:, labels]).toarray() + self.rankers.bias[labels]
            likely = expit(logits) * chances[:, None] ** np.float32(CLUSTER_POWER)
            found.append(likely.ravel())
            products.append(np.repeat(rows, len(labels)))
            columns.append(np.tile(labels, len(rows)))
        if not found:
            return sp.csr_array((inputs.shape[0], len(self.clusters)), dtype=np.float32)
        places = (np.concatenate(products), np.concatenate(columns))
        shape = (inputs.shape[0], len(self.clusters))
        return sp.csr_array((np.concatenate(found), places), shape=shape)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`from_state` needs."""
        matcher = {f"{_MATCHER}{name}": value for name, value in self.matcher.arrays().items()}
        return {_CLUSTERS: self.clusters} | matcher | self.rankers.arrays()

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> LabelTree:
        """The tree that `arrays` were taken from; other names are passed over."""
        matcher = {
            name.removeprefix(_MATCHER): value
            for name, value in arrays.items()
            if name.startswith(_MATCHER)
        }
        rankers = LinearWeights.from_state(arrays)
        kind = cls if is_label_tree(matcher) else LinearWeights
        return cls(arrays[_CLUSTERS], kind.from_state(matcher), rankers)


def is_label_tree(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether saved classifiers are a label tree."""
    return _CLUSTERS in arrays


def _fitted(inputs: sp.csr_array, targets: Matrix, settings: LinearSettings) -> LinearWeights:
    return fit_logistic(
        inputs, targets, settings.C, settings.positive_weight, settings.tolerance, settings.prune
    )


def _in_cluster(targets: sp.csr_array, clusters: Rows) -> sp.csr_array:
    """(N, K) 1 where a product has a label of the cluster."""
    every = np.arange(len(clusters) + 1)
    members = sp.csr_array((np.ones(len(clusters), np.float32), clusters, every))
    inside = sp.csr_array(targets @ members)
    inside.data[:] = 1
    return inside


def _likeliest(matcher: LinearWeights | LabelTree, inputs: sp.csr_array, most: int) -> sp.csr_array:
    """(N, K) the probabilities of so many of the likeliest clusters of each product."""
    count = len(matcher.clusters) if isinstance(matcher, LabelTree) else len(matcher.bias)
    width = min(most, count)
    best = np.zeros((inputs.shape[0], width), np.int64)
    chances = np.zeros((inputs.shape[0], width), np.float32)
    for rows in row_blocks(len(best), count, _CELLS_PER_BLOCK):
        likely = _likely(matcher, inputs[rows])
        # sorted, as sparse rows should be
        best[rows] = np.sort(np.argpartition(-likely, width - 1, axis=1)[:, :width], axis=1)
        chances[rows] = np.take_along_axis(likely, best[rows], axis=1)
    starts = np.arange(len(best) + 1) * width
    return sp.csr_array((chances.ravel(), best.ravel(), starts), shape=(len(best), count))


def _likely(matcher: LinearWeights | LabelTree, inputs: sp.csr_array) -> Floats:
    """(N, K) the probabilities of the clusters."""
    if isinstance(matcher, LabelTree):
        return np.asarray(matcher.probabilities(inputs).toarray())
    return np.asarray(expit(matcher.logits(inputs)))


def _by_cluster(matched: sp.csr_array, clusters: Rows) -> Iterator[tuple[Rows, Rows, Floats]]:
    """Of each cluster that any product is `matched` (N, K) to these products, its labels, and the values."""
    products = matched.tocsc()
    labels = np.argsort(clusters, kind="stable")
    ends = np.cumsum(np.bincount(clusters, minlength=products.shape[1]))
    for cluster in np.flatnonzero(np.diff(products.indptr)):
        stored = slice(products.indptr[cluster], products.indptr[cluster + 1])
        own = labels[ends[cluster - 1] if cluster else 0 : ends[cluster]]
        yield products.indices[stored], own, products.data[stored]


def _rankers(
    inputs: sp.csr_array,
    targets: sp.csr_array,
    clusters: Rows,
    matched: sp.csr_array,
    settings: LinearSettings,
) -> LinearWeights:
    """L classifiers; those of each cluster learn from the products `matched` (N, K) to it."""
    by_label = targets.tocsc()
    # labels that no product was ever matched for stay unlikely
    bias = np.full(len(clusters), _UNLIKELY, np.float32)
    values, rows, columns = [], [], []
    for products, labels, _ in _by_cluster(matched, clusters):
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
