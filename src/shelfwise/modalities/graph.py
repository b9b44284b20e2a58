"""What a product is bought and viewed with: the labels of its neighbours in the co-purchase graph, or its place in the graph.

Products that one basket holds tend to share a category (McAuley et al. 2015; Lyu, Lee and Li 2017). Everything a product is told
comes from what it lists itself and from the graph that was there at fitting, so its scores do not depend on the company it comes in.
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
from shelfwise.core.modality import Modality
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Floats, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.features.co_purchase import Graph, NeighbourLabels, RelationLists
from shelfwise.features.node_embeddings import WalkSettings, node_vectors, unit
from shelfwise.nn.mlp import ClassifierSettings, Inputs, RowClassifier


class GraphSettings(ClassifierSettings):
    """Which relations make the graph, and what is learnt from it."""

    input: Literal["neighbours", "embedding"] = Field(
        "neighbours",
        description="the labels of training products one and two steps away; or vectors of the nodes, from random walks",
    )
    relations: tuple[str, ...] = Field(
        (),
        description="also_bought, also_viewed, bought_together, buy_after_viewing or a source's own; empty: all there are",
    )
    hops: Literal[1, 2] = Field(2, description="steps to the furthest neighbour whose labels are read")
    walks: WalkSettings = Field(
        WalkSettings(), description="how vectors are made, where the input is embedding"
    )


@dataclass(frozen=True)
class Links(FieldInputs):
    """N products of a catalogue; all of the catalogue's lists stay, so that every product gives its edges, in whatever part it is."""

    listing: RelationLists
    rows: Rows

    def take(self, rows: Rows) -> Links:
        """The given rows, in that order."""
        return Links(self.present[rows], self.listing, self.rows[rows])


class GraphClassifier(Modality):
    """One classifier of a map from relations to lists of ids, such as the field ``related``."""

    Settings = GraphSettings
    settings: GraphSettings
    present_via_others = True

    _model: RowClassifier | None = None
    _graph: Graph
    _around: NeighbourLabels
    _vectors: Floats

    def prepare(self, catalog: Catalog, context: Context) -> Links:
        """Pack the lists. Present is who has a neighbour to learn from: in this catalogue, or, once fitted, in the training part.

        Raises:
            ConfigError: the field is no map from relations to ids.
        """
        listing = RelationLists.read(catalog, self.field, self.settings.relations)
        return Links(self._usable(listing), listing, np.arange(len(catalog)))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn from `train`'s labels alone; every product of the catalogue that `train` was taken from gives its edges."""
        listing, rows, chosen = train.inputs.listing, train.inputs.rows, self.settings
        self._graph = listing.graph
        if chosen.input == "embedding":
            self._vectors = node_vectors(self._graph.adjacency, chosen.walks, context.seed)
        else:
            self._around = NeighbourLabels.of(self._graph, listing.keys[rows], train.targets)
        watched = None if validation is None else (self._inputs(validation.inputs), validation.targets)
        learnt = (self._inputs(train.inputs), train.targets)
        self._model = RowClassifier.fit(
            learnt, watched, chosen, context, self.field, standardise=chosen.input == "embedding"
        )
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D); a training product is answered for without a look at its own labels."""
        return self._fitted().predict(self._inputs(inputs))

    def state(self) -> State:
        """The classifier, the nodes, and what is known of each: a vector, or its neighbours and labels."""
        model = self._fitted()
        arrays = model.arrays() | {"nodes": self._graph.nodes}
        if self.settings.input == "embedding":
            arrays["vectors"] = self._vectors
        else:
            arrays |= (
                _packed("edges", self._graph.adjacency)
                | _packed("labels", self._around.labels)
                | {"known": self._around.known}
            )
        return State(arrays, {"epochs": model.epochs})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        arrays, nodes = state.arrays, state.arrays["nodes"]
        self._model = RowClassifier.restore(arrays, self.settings, state.facts["epochs"])
        if self.settings.input == "embedding":
            self._graph, self._vectors = (
                Graph(nodes, sp.csr_array((len(nodes), len(nodes)), dtype=np.float32)),
                arrays["vectors"],
            )
        else:
            self._graph = Graph(nodes, _unpacked("edges", arrays, len(nodes)))
            self._around = NeighbourLabels(
                self._graph, arrays["known"], _unpacked("labels", arrays, self._model.labels)
            )
        return self

    def provenance(self) -> dict[str, Any]:
        """How large the graph is, and epochs."""
        return {"nodes": len(self._graph.nodes), "epochs": self._fitted().epochs}

    def _usable(self, listing: RelationLists) -> Bools:
        rows = np.arange(len(listing.keys))
        if self.settings.input == "embedding":
            edges, own = (listing.graph if self._model is None else self._graph).neighbours(listing, rows)
            return np.asarray((own >= 0) | (np.diff(edges.indptr) > 0))
        around = NeighbourLabels.of(listing.graph, listing.keys) if self._model is None else self._around
        return around.usable(listing, rows, self.settings.hops)

    def _inputs(self, links: Links) -> Inputs:
        """(N, D) the shares of labels around, or vectors: a node's own, or else the mean of its neighbours', at length 1 too."""
        if self.settings.input == "neighbours":
            return self._around.shares(links.listing, links.rows, self.settings.hops)
        edges, own = self._graph.neighbours(links.listing, links.rows)
        return np.where(own[:, None] >= 0, self._vectors[own], unit(edges @ self._vectors))

    def _fitted(self) -> RowClassifier:
        if self._model is None:
            raise NotFittedError(
                f"the graph classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._model


def _packed(name: str, matrix: sp.csr_array) -> dict[str, NDArray[Any]]:
    """A matrix of 0 and 1 as two arrays: where its ones are."""
    return {
        f"{name}.columns": matrix.indices.astype(np.int32),
        f"{name}.rows": matrix.indptr.astype(np.int64),
    }


def _unpacked(name: str, arrays: Mapping[str, NDArray[Any]], width: int) -> sp.csr_array:
    columns, rows = arrays[f"{name}.columns"], arrays[f"{name}.rows"]
    return sp.csr_array((np.ones(len(columns), np.float32), columns, rows), shape=(len(rows) - 1, width))
