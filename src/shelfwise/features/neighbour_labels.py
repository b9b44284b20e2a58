"""The labels of a product's neighbours in a co-purchase graph, one and two steps away.

Dimensions: N products, V nodes of the graph, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Floats, Rows
from shelfwise.features.co_purchase import Graph, Keys, RelationLists, binary_matrix


@dataclass(frozen=True)
class NeighbourLabels:
    """A graph in which some nodes' labels are known.

    Args:
        known: (V,) whose labels are known: the training products.
        labels: (V, L) their labels, 0 for all other nodes.
    """

    graph: Graph
    known: Bools
    labels: sp.csr_array

    @classmethod
    def of(cls, graph: Graph, keys: Keys, targets: Floats | None = None) -> Self:
        """The products `keys` (N,) are known, and have the labels `targets` (N, L).

        Without targets there are no labels, and only :meth:`usable` can be called.
        """
        if targets is None:
            targets = np.zeros((len(keys), 0), np.float32)
        # a product that is given twice counts once
        keys, first = np.unique(keys, return_index=True)
        nodes = graph.find(keys)
        inside = np.flatnonzero(nodes >= 0)
        known = np.zeros(len(graph.nodes), np.bool_)
        known[nodes[inside]] = True
        row, label = np.nonzero(targets[first[inside]])
        shape = (len(graph.nodes), targets.shape[1])
        return cls(graph, known, binary_matrix(nodes[inside][row], label, shape))

    def usable(self, lists: RelationLists, rows: Rows, hops: int) -> Bools:
        """(N,) whether a known product is within `hops` steps, the product itself not counted."""
        if not len(self.graph.nodes):
            return np.zeros(len(rows), np.bool_)
        edges, own_nodes = self.graph.neighbours(lists, rows)
        # no step leads anywhere
        if not edges.nnz:
            return np.zeros(len(rows), np.bool_)
        found = edges @ self.known.astype(np.float32) > 0
        if hops == 2:
            beyond, _ = self._known_beyond(edges, own_nodes)
            found = found | (beyond.sum(axis=1) > 0)
        return np.asarray(found)

    def shares(self, lists: RelationLists, rows: Rows, hops: int) -> sp.csr_array:
        """What share of the known products around has each label: (N, hops * (L + 1)).

        First the share (L) among direct neighbours, and the logarithm of 1 + their number. Then the same a
        step further: the mean, over all neighbours, of the shares among their own neighbours. A product's own
        labels never count, not even two steps and back.
        """
        edges, own_nodes = self.graph.neighbours(lists, rows)
        # neighbours whose labels are unknown count nowhere
        degree = edges @ self.known.astype(np.float32)
        near = _scaled(edges @ self.labels, _inverse(degree))
        # a share of two neighbours says less than one of twenty
        parts = [near, _column(np.log1p(degree))]
        if hops == 2:
            parts += self._shares_beyond(edges, own_nodes)
        return sp.csr_array(sp.hstack(parts, format="csr", dtype=np.float32))

    def _shares_beyond(self, edges: sp.csr_array, own_nodes: Rows) -> list[sp.csr_array]:
        """The second step of :meth:`shares`: (N, L) and (N, 1)."""
        beyond, back = self._known_beyond(edges, own_nodes)
        # every neighbour counts once, however many known products lie beyond it
        through = beyond.copy()
        through.data = 1 / beyond.data
        # what the neighbours' sums hold of the product itself
        weight_of_own = through.multiply(back).sum(axis=1)
        own_labels = _scaled(self.labels[np.maximum(own_nodes, 0)], weight_of_own)
        sums = through @ self._neighbour_sums[1] - own_labels
        means = _scaled(sums, _inverse(np.diff(beyond.indptr)))
        # a share below 0 is rounding
        return [means.maximum(0), _column(np.log1p(beyond.sum(axis=1)))]

    @cached_property
    def _neighbour_sums(self) -> tuple[Floats, sp.csr_array]:
        """Of every node the number of known neighbours (V,), and their labels summed (V, L)."""
        adjacency = self.graph.adjacency
        counts = adjacency @ self.known.astype(np.float32)
        return counts, sp.csr_array(adjacency @ self.labels)

    def _known_beyond(
        self, edges: sp.csr_array, own_nodes: Rows
    ) -> tuple[sp.csr_array, sp.csr_array]:
        """For every edge (N, V): the number of known products beyond it, the product itself left out.

        Returns:
            These numbers, and 1 for every edge beyond which the product would meet itself.
        """
        is_known_node = (own_nodes >= 0) & self.known[own_nodes]
        itself = np.flatnonzero(is_known_node)
        around = self.graph.adjacency[own_nodes[itself]].tocoo()
        returns = binary_matrix(itself[around.row], around.col, edges.shape)
        back = sp.csr_array(edges.multiply(returns))
        beyond = edges.copy()
        beyond.data = self._neighbour_sums[0][edges.indices]
        # a difference of sparse matrices keeps no zeros, so edges that lead nowhere are gone
        return sp.csr_array(beyond - back), back


def _scaled(matrix: sp.csr_array, factors: NDArray[Any]) -> sp.csr_array:
    """Row i of `matrix` times ``factors[i]``."""
    return sp.csr_array(matrix.multiply(factors[:, None]))


def _inverse(counts: NDArray[Any]) -> Floats:
    """1 / counts, and 0 for 0."""
    return np.asarray((counts > 0) / np.maximum(counts, 1), np.float32)


def _column(values: NDArray[Any]) -> sp.csr_array:
    """Values (N,) as a sparse matrix (N, 1)."""
    return sp.csr_array(values[:, None].astype(np.float32))
