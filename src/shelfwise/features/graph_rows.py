"""What a classifier reads of a product's place in a co-purchase graph: the labels around it, or a vector.

Dimensions: N products, V nodes of the graph, L labels, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Floats, Rows
from shelfwise.features.co_purchase import Graph, RelationLists
from shelfwise.features.neighbour_labels import NeighbourLabels
from shelfwise.features.vector_math import unit

GraphInput = Literal["neighbours", "embedding"]


@dataclass(frozen=True)
class NeighbourRows:
    """The shares of the labels among the training products up to `hops` steps away."""

    labels: NeighbourLabels
    hops: Literal[1, 2]

    @property
    def graph(self) -> Graph:
        """The graph that the labels are of."""
        return self.labels.graph

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return self.hops * (int(self.labels.labels.shape[1]) + 1)

    def present(self, lists: RelationLists, rows: Rows) -> Bools:
        """(N,) which products have a training product around them."""
        return self.labels.usable(lists, rows, self.hops)

    def rows(self, lists: RelationLists, rows: Rows) -> sp.csr_array:
        """Shares (N, hops * (L + 1)); a product's own labels are never read."""
        return self.labels.shares(lists, rows, self.hops)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`restored` needs but the number of labels."""
        # matrices of 0 and 1, so only the places of the ones are saved
        return {
            "nodes": self.graph.nodes,
            "known": self.labels.known,
            **_binary_to_arrays("edges", self.graph.adjacency),
            **_binary_to_arrays("labels", self.labels.labels),
        }

    @classmethod
    def restored(
        cls, arrays: Mapping[str, NDArray[Any]], hops: Literal[1, 2], n_labels: int
    ) -> Self:
        """The rows that `arrays` were taken from."""
        nodes = arrays["nodes"]
        graph = Graph(nodes, _binary_from_arrays("edges", arrays, len(nodes)))
        labels = _binary_from_arrays("labels", arrays, n_labels)
        return cls(NeighbourLabels(graph, arrays["known"], labels), hops)


@dataclass(frozen=True)
class NodeVectors:
    """Vectors of the nodes, from random walks.

    Args:
        vectors: (V, D), of length 1.
    """

    graph: Graph
    vectors: Floats

    @property
    def width(self) -> int:
        """D, the numbers of a row."""
        return int(self.vectors.shape[1])

    def present(self, lists: RelationLists, rows: Rows) -> Bools:
        """(N,) which products are a node or have one beside them."""
        return touches(self.graph, lists, rows)

    def rows(self, lists: RelationLists, rows: Rows) -> Floats:
        """Vectors (N, D); of a product that is no node the mean of its neighbours', at length 1 too."""
        edges, own_nodes = self.graph.neighbours(lists, rows)
        means = unit(edges @ self.vectors)
        # -1, no node, would read the last vector; where() takes the mean there
        return np.where(own_nodes[:, None] >= 0, self.vectors[own_nodes], means)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`restored` needs; the vectors hold all that the edges were for."""
        return {"nodes": self.graph.nodes, "vectors": self.vectors}

    @classmethod
    def restored(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The vectors that `arrays` were taken from."""
        nodes = arrays["nodes"]
        no_edges = sp.csr_array((len(nodes), len(nodes)), dtype=np.float32)
        return cls(Graph(nodes, no_edges), arrays["vectors"])


GraphRows = NeighbourRows | NodeVectors


def touches(graph: Graph, lists: RelationLists, rows: Rows) -> Bools:
    """(N,) which products are a node of `graph`, or have one beside them."""
    edges, own_nodes = graph.neighbours(lists, rows)
    has_edges = np.diff(edges.indptr) > 0
    return np.asarray((own_nodes >= 0) | has_edges)


def restored_graph_rows(
    arrays: Mapping[str, NDArray[Any]], kind: GraphInput, hops: Literal[1, 2], n_labels: int
) -> GraphRows:
    """The rows of this `kind` that `arrays` were taken from; arrays of other names are passed over."""
    if kind == "embedding":
        return NodeVectors.restored(arrays)
    return NeighbourRows.restored(arrays, hops, n_labels)


def _binary_to_arrays(name: str, matrix: sp.csr_array) -> dict[str, NDArray[Any]]:
    """A matrix of 0 and 1 as two arrays: where its ones are."""
    # 32 bits number two billion nodes; places of edges may be more
    columns = matrix.indices.astype(np.int32)
    rows = matrix.indptr.astype(np.int64)
    return {f"{name}.columns": columns, f"{name}.rows": rows}


def _binary_from_arrays(name: str, arrays: Mapping[str, NDArray[Any]], width: int) -> sp.csr_array:
    """The matrix (rows, `width`) that :func:`_binary_to_arrays` was given."""
    columns = arrays[f"{name}.columns"]
    rows = arrays[f"{name}.rows"]
    ones = np.ones(len(columns), np.float32)
    return sp.csr_array((ones, columns, rows), shape=(len(rows) - 1, width))
