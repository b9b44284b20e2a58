"""Classifiers of many labels, a cluster of them at a time, each learnt from some of the products.

A cluster has a few labels, and its products are a small part of all. Its weights are written out, dense, for
as long as its products are scored: a sparse product of so few labels would take longer to prepare.

Dimensions: N products, F sparse inputs, L labels, K clusters, W weights that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.special import expit

from shelfwise.core.growing_array import GrowingArray
from shelfwise.core.types import Floats, Rows
from shelfwise.nn.linear.linear_settings import LinearSettings
from shelfwise.nn.linear.linear_weights import embedding_bags, sparse_product, used_inputs
from shelfwise.nn.linear.one_vs_rest import fit_one_vs_rest

CLUSTER_POWER = 0.1
"""A label's probability is its ranker's times this power of the cluster's."""

_UNLIKELY = -20.0
"""The logit of a label that nothing was learnt of."""

_NAME = "rankers."


@dataclass(frozen=True)
class LabelRankers:
    """L classifiers in the order of their clusters, so that those of a cluster lie side by side.

    Args:
        labels: (L,) which label each of them decides.
        ends: (K,) where the classifiers of each cluster end.
        values, inputs: (W,) the weights, one classifier after the other, and the input of each.
        starts: (L + 1,) where the weights of each classifier begin, and where the last one's end.
        bias: (L,).
    """

    labels: Rows
    ends: Rows
    values: Floats
    inputs: NDArray[np.int32]
    starts: Rows
    bias: Floats

    @classmethod
    def fit(
        cls,
        inputs: sp.csr_array,
        targets: sp.csr_array,
        clusters: Rows,
        matched: sp.csr_array,
        settings: LinearSettings,
    ) -> Self:
        """Those of each cluster learn from the products that are matched to it.

        Args:
            inputs: (N, F).
            targets: (N, L) of 0 and 1.
            clusters: (L,) the cluster of each label.
            matched: (N, K) stored where a product is matched to a cluster; all that have one of its labels
                must be.
        """
        labels = np.argsort(clusters, kind="stable")
        ends = np.cumsum(np.bincount(clusters, minlength=matched.shape[1]))
        by_label = targets.tocsc()[:, labels]
        options = settings.options("logistic")
        # labels that no product was ever matched for stay unlikely
        bias = np.full(len(labels), _UNLIKELY, np.float32)
        counts = np.zeros(len(labels), np.int64)
        # of very many labels these are most of what a model holds
        values = GrowingArray(np.float32)
        places = GrowingArray(np.int32)
        for products, own, _ in _by_cluster(matched, ends):
            # these products have some of the inputs only
            used, known = used_inputs(inputs[products])
            wanted = _rows_of(by_label[:, own], products)
            fitted = fit_one_vs_rest(known, wanted, options)
            kept = fitted.weights.tocsc()
            bias[own] = fitted.bias
            counts[own] = np.diff(kept.indptr)
            values.add(kept.data)
            places.add(used[kept.indices])
        starts = np.concatenate([[0], np.cumsum(counts)])
        return cls(labels, ends, values.finished(), places.finished(), starts, bias)

    def probabilities(self, inputs: sp.csr_array, searched: sp.csr_array) -> sp.csr_array:
        """(N, L), sparse, of sparse rows (N, F) and the probabilities (N, K) of the clusters looked into."""
        most = int(np.diff(self.ends, prepend=0).max(initial=0))
        written = np.zeros((inputs.shape[1], most), np.float32)
        counts = np.diff(self.starts)
        found, products, columns = [], [], []
        for rows, own, chances in _by_cluster(searched, self.ends):
            stored = slice(self.starts[own.start], self.starts[own.stop])
            places = self.inputs[stored]
            labels = self.labels[own]
            label_of_value = np.repeat(np.arange(len(labels)), counts[own])
            written[places, label_of_value] = self.values[stored]
            # a product's numbers are added up in their order, whatever products are beside it
            bags = embedding_bags(inputs[rows])
            logits = sparse_product(bags, torch.from_numpy(written)).numpy()
            # the next cluster has other weights
            written[places] = 0
            likely = expit(logits[:, : len(labels)] + self.bias[own])
            likely *= chances[:, None] ** np.float32(CLUSTER_POWER)
            found.append(likely.ravel())
            products.append(np.repeat(rows, len(labels)))
            columns.append(np.tile(labels, len(rows)))
        shape = (inputs.shape[0], len(self.labels))
        if not found:
            return sp.csr_array(shape, dtype=np.float32)
        cells = (np.concatenate(products), np.concatenate(columns))
        return sp.csr_array((np.concatenate(found), cells), shape=shape)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`from_state` needs."""
        return {f"{_NAME}{name}": value for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The classifiers that `arrays` were taken from; other names are passed over."""
        return cls(
            labels=arrays[f"{_NAME}labels"],
            ends=arrays[f"{_NAME}ends"],
            values=arrays[f"{_NAME}values"],
            inputs=arrays[f"{_NAME}inputs"],
            starts=arrays[f"{_NAME}starts"],
            bias=arrays[f"{_NAME}bias"],
        )


def _by_cluster(matched: sp.csr_array, ends: Rows) -> Iterator[tuple[Rows, slice, Floats]]:
    """Of each cluster that any product is `matched` (N, K) to: these, its classifiers, and the values."""
    products = matched.tocsc()
    for cluster in np.flatnonzero(np.diff(products.indptr)):
        stored = slice(products.indptr[cluster], products.indptr[cluster + 1])
        own = slice(int(ends[cluster - 1]) if cluster else 0, int(ends[cluster]))
        yield products.indices[stored], own, products.data[stored]


def _rows_of(columns: sp.csc_array, rows: Rows) -> Floats:
    """Some rows (R,), which rise and are all that store anything, of a few sparse columns; dense."""
    dense = np.zeros((len(rows), columns.shape[1]), np.float32)
    number = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
    dense[np.searchsorted(rows, columns.indices), number] = columns.data
    return dense
