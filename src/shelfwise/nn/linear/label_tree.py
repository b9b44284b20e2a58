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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit

from shelfwise.core.sparse_scores import highest_scores
from shelfwise.core.types import Matrix, Rows
from shelfwise.metrics.counts import row_blocks
from shelfwise.nn.linear.label_clusters import cluster_labels
from shelfwise.nn.linear.label_rankers import LabelRankers
from shelfwise.nn.linear.linear_settings import LinearSettings
from shelfwise.nn.linear.linear_weights import LinearWeights
from shelfwise.nn.linear.one_vs_rest import fit_one_vs_rest
from shelfwise.nn.memory import give_back_memory

LABELS_OF_A_CLUSTER = 10

LEARNT_FROM = 20
"""Clusters of a product whose rankers learn from it, and those of its own labels."""

BEAM = 10
"""Clusters of a product that are looked into: rankers know more products than they are asked about."""

MOST_FLAT = 512
"""Clusters up to which the matcher has one classifier of all products for each."""

_CELLS_PER_BLOCK = 1 << 23
"""Scores of clusters that are computed at a time: bounds the memory."""

_CELLS_OF_MATCHER = 1 << 21
"""Products times clusters solved at a time: less than usual, as nothing else takes as much memory."""

_MATCHER = "matcher."
CLUSTERS = "clusters"
"""The name of the saved clusters (L,); nothing else has it."""


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
    rankers: LabelRankers

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
            options = settings.options("logistic")
            matcher = fit_one_vs_rest(
                inputs, in_cluster, options, cells_per_block=_CELLS_OF_MATCHER
            )
        else:
            matcher = cls.fit(inputs, in_cluster, settings, most)
        # what it was solved with is in many pieces, of little use to the small problems that follow
        give_back_memory()
        # a ranker also meets the products of other clusters that the matcher will send it by mistake
        matched = in_cluster + _likeliest(matcher, inputs, LEARNT_FROM)
        rankers = LabelRankers.fit(inputs, targets, clusters, matched, settings)
        return cls(clusters, matcher, rankers)

    def probabilities(self, inputs: sp.csr_array) -> sp.csr_array:
        """(N, L), sparse, of sparse rows (N, F)."""
        return self.rankers.probabilities(inputs, _likeliest(self.matcher, inputs, BEAM))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`from_state` needs."""
        matcher = {f"{_MATCHER}{name}": value for name, value in self.matcher.arrays().items()}
        return {CLUSTERS: self.clusters} | matcher | self.rankers.arrays()

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> LabelTree:
        """The tree that `arrays` were taken from; other names are passed over."""
        matcher = {
            name.removeprefix(_MATCHER): value
            for name, value in arrays.items()
            if name.startswith(_MATCHER)
        }
        rankers = LabelRankers.from_state(arrays)
        # of very many labels the matcher is a tree itself
        kind = cls if is_label_tree(matcher) else LinearWeights
        return cls(arrays[CLUSTERS], kind.from_state(matcher), rankers)


def is_label_tree(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether saved classifiers are a label tree."""
    return CLUSTERS in arrays


def _in_cluster(targets: sp.csr_array, clusters: Rows) -> sp.csr_array:
    """(N, K) 1 where a product has a label of the cluster."""
    every = np.arange(len(clusters) + 1)
    members = sp.csr_array((np.ones(len(clusters), np.float32), clusters, every))
    inside = sp.csr_array(targets @ members)
    inside.data[:] = 1
    return inside


def _likeliest(matcher: LinearWeights | LabelTree, inputs: sp.csr_array, most: int) -> sp.csr_array:
    """(N, K) the probabilities of so many of the likeliest clusters of each product."""
    if isinstance(matcher, LabelTree):
        # it goes through all clusters that any product may be in: many products at a time are quicker
        width = BEAM * int(np.bincount(matcher.clusters).max())
    else:
        width = len(matcher.bias)
    blocks = row_blocks(inputs.shape[0], width, _CELLS_PER_BLOCK)
    parts = [highest_scores(_likely(matcher, inputs[rows]), most) for rows in blocks]
    return sp.csr_array(sp.vstack(parts, format="csr"))


def _likely(matcher: LinearWeights | LabelTree, inputs: sp.csr_array) -> Matrix:
    """(N, K) the probabilities of the clusters; a tree's are sparse."""
    if isinstance(matcher, LabelTree):
        return matcher.probabilities(inputs)
    logits = matcher.logits(inputs)
    return np.asarray(expit(logits, out=logits))
