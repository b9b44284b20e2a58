"""The co-purchase graph: the labels of a product's neighbours, or its place in the graph.

Products that are bought together tend to share a category (McAuley et al. 2015; Lyu, Lee and Li 2017). What
is known of a product comes from the ids it lists itself and from the graph that was there at fitting, so its
scores do not depend on the other products it is predicted with.

Dimensions: N products, V nodes of the graph, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Floats, Rows, State
from shelfwise.features.co_purchase import Graph, NeighbourLabels, RelationLists
from shelfwise.features.node_embeddings import WalkSettings, node_vectors
from shelfwise.features.vector_math import unit
from shelfwise.nn.mlp import ClassifierSettings, Inputs
from shelfwise.nn.row_modality import RowModality


class GraphSettings(ClassifierSettings):
    """Which relations make the graph, and what the classifier reads of it."""

    input: Literal["neighbours", "embedding"] = Field(
        "neighbours",
        description="what the classifier reads: neighbours (the labels of training products one or two steps "
        "away) or embedding (a vector of the product's place in the graph, from random walks)",
    )
    relations: tuple[str, ...] = Field(
        (),
        description="relations that count as edges, e.g. also_bought, also_viewed, bought_together or "
        "buy_after_viewing; empty: all that the catalogue has",
    )
    hops: Literal[1, 2] = Field(
        2,
        description="steps to the furthest neighbour whose labels are read (input = 'neighbours')",
    )
    walks: WalkSettings = Field(
        WalkSettings(),
        description="the random walks that vectors are made of (input = 'embedding')",
    )


@dataclass(frozen=True)
class GraphInputs(FieldInputs):
    """N products of a catalogue, by their rows in `lists`.

    The lists are those of the whole catalogue, so that every product gives its edges, in whatever part it is.
    """

    lists: RelationLists
    rows: Rows

    def take(self, rows: Rows) -> GraphInputs:
        """The given rows, in that order."""
        return GraphInputs(self.present[rows], self.lists, self.rows[rows])


class GraphClassifier(RowModality):
    """One classifier of a map from relations to lists of ids, such as the field ``related``."""

    Settings = GraphSettings
    settings: GraphSettings
    present_via_others = True

    _graph: Graph
    _neighbour_labels: NeighbourLabels
    _vectors: Floats

    @property
    def standardised(self) -> bool:
        """Vectors are; shares of labels are not: they are between 0 and 1 already, and sparse."""
        return self.settings.input == "embedding"

    def prepare(self, catalog: Catalog, context: Context) -> GraphInputs:
        """Pack the lists.

        Present is who has a neighbour with something to learn from: in this catalogue, or, once fitted, among
            the
        training products.

        Raises:
            ConfigError: the field is no map from relations to ids.
        """
        # ids become 64-bit numbers here, which a saved model keeps in place of text
        lists = RelationLists.read(catalog, self.field, self.settings.relations)
        return GraphInputs(self._has_neighbours(lists), lists, np.arange(len(catalog)))

    def fit_encoding(self, train: Examples, context: Context) -> None:
        """Keep the graph of the whole catalogue, and the labels of `train` alone."""
        lists: RelationLists = train.inputs.lists
        self._graph = lists.graph
        if self.settings.input == "embedding":
            self._vectors = node_vectors(self._graph.adjacency, self.settings.walks, context.seed)
        else:
            # edges may lead over held-out products, but their labels stay unknown
            keys = lists.keys[train.inputs.rows]
            self._neighbour_labels = NeighbourLabels.of(self._graph, keys, train.targets)

    def rows(self, inputs: GraphInputs) -> Inputs:
        """Shares of the labels around (N, hops * (L + 1)), or vectors (N, D).

        A product's own labels are never read.
        The vector of a product that is no node is the mean of its neighbours', at length 1 too.
        """
        if self.settings.input == "neighbours":
            return self._neighbour_labels.shares(inputs.lists, inputs.rows, self.settings.hops)
        edges, own_nodes = self._graph.neighbours(inputs.lists, inputs.rows)
        means = unit(edges @ self._vectors)
        # -1, no node, would read the last vector; where() takes the mean there
        return np.where(own_nodes[:, None] >= 0, self._vectors[own_nodes], means)

    def state(self) -> State:
        """The classifier, the nodes, and what is known of each: a vector, or its neighbours and labels."""
        state = super().state()
        arrays = {**state.arrays, "nodes": self._graph.nodes}
        if self.settings.input == "embedding":
            arrays["vectors"] = self._vectors
        else:
            # matrices of 0 and 1, so only the places of the ones are saved
            arrays |= _binary_to_arrays("edges", self._graph.adjacency)
            arrays |= _binary_to_arrays("labels", self._neighbour_labels.labels)
            arrays["known"] = self._neighbour_labels.known
        return State(arrays, state.facts)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        super().restore(state)
        arrays = state.arrays
        nodes = arrays["nodes"]
        if self.settings.input == "embedding":
            # the vectors hold all that the edges were for
            no_edges = sp.csr_array((len(nodes), len(nodes)), dtype=np.float32)
            self._graph = Graph(nodes, no_edges)
            self._vectors = arrays["vectors"]
        else:
            self._graph = Graph(nodes, _binary_from_arrays("edges", arrays, len(nodes)))
            labels = _binary_from_arrays("labels", arrays, self.classifier.labels)
            self._neighbour_labels = NeighbourLabels(self._graph, arrays["known"], labels)
        return self

    def provenance(self) -> dict[str, Any]:
        """How large the graph is, and epochs."""
        return {"nodes": len(self._graph.nodes), "epochs": self.classifier.epochs}

    def _has_neighbours(self, lists: RelationLists) -> Bools:
        """Which products of the catalogue can be predicted (N,)."""
        rows = np.arange(len(lists.keys))
        fitted = self._classifier is not None
        if self.settings.input == "embedding":
            graph = self._graph if fitted else lists.graph
            edges, own_nodes = graph.neighbours(lists, rows)
            has_edges = np.diff(edges.indptr) > 0
            return np.asarray((own_nodes >= 0) | has_edges)
        if fitted:
            return self._neighbour_labels.usable(lists, rows, self.settings.hops)
        # before fitting every product of the catalogue may turn out to be a training product
        return NeighbourLabels.of(lists.graph, lists.keys).usable(lists, rows, self.settings.hops)


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
