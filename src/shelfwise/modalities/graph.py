"""The co-purchase graph: the labels of a product's neighbours, or its place in the graph.

Products that are bought together tend to share a category (McAuley et al. 2015; Lyu, Lee and Li 2017). What
is known of a product comes from the ids it lists itself and from the graph that was there at fitting, so its
scores do not depend on the other products it is predicted with.

Dimensions: N products, V nodes of the graph, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Rows, State
from shelfwise.features.co_purchase import RelationLists, relation_lists
from shelfwise.features.graph_rows import (
    GraphInput,
    GraphRows,
    NeighbourRows,
    NodeVectors,
    restored_graph_rows,
    touches,
)
from shelfwise.features.neighbour_labels import NeighbourLabels
from shelfwise.features.node_embeddings import WalkSettings, node_vectors
from shelfwise.nn.mlp import ClassifierSettings, Inputs
from shelfwise.nn.row_modality import RowModality


class GraphSettings(ClassifierSettings):
    """Which relations make the graph, and what the classifier reads of it."""

    input: GraphInput = Field(
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

    _place: GraphRows

    def __init__(self, settings: GraphSettings, field: str) -> None:
        super().__init__(settings, field)
        # to make vectors takes all cores in any case
        self.fits_in_threads = settings.input == "neighbours"

    @property
    def standardised(self) -> bool:
        """Vectors are; shares of labels are not: they are between 0 and 1 already, and sparse."""
        return self.settings.input == "embedding"

    def prepare(self, catalog: Catalog, context: Context) -> GraphInputs:
        """Pack the lists.

        Present is who has a neighbour with something to learn from: in this catalogue, or, once fitted, among
        the training products.

        Raises:
            ConfigError: the field is no map from relations to ids.
        """
        # ids become 64-bit numbers here, which a saved model keeps in place of text
        lists = relation_lists(catalog, self.field, self.settings.relations)
        return GraphInputs(self._has_neighbours(lists), lists, np.arange(len(catalog)))

    def fit_encoding(self, train: Examples, context: Context) -> None:
        """Keep the graph of the whole catalogue, and the labels of `train` alone."""
        lists: RelationLists = train.inputs.lists
        graph = lists.graph
        if self.settings.input == "embedding":
            vectors = node_vectors(graph.adjacency, self.settings.walks, context)
            self._place = NodeVectors(graph, vectors)
        else:
            # edges may lead over held-out products, but their labels stay unknown
            keys = lists.keys[train.inputs.rows]
            labels = NeighbourLabels.of(graph, keys, train.targets)
            self._place = NeighbourRows(labels, self.settings.hops)

    def rows(self, inputs: GraphInputs) -> Inputs:
        """Shares of the labels around (N, hops * (L + 1)), or vectors (N, D)."""
        return self._place.rows(inputs.lists, inputs.rows)

    def state(self) -> State:
        """The classifier, the nodes, and what is known of each: a vector, or its neighbours and labels."""
        state = super().state()
        return State({**state.arrays, **self._place.arrays()}, state.facts)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        super().restore(state)
        self._place = restored_graph_rows(
            state.arrays, self.settings.input, self.settings.hops, self.classifier.labels
        )
        return self

    def provenance(self) -> dict[str, Any]:
        """How large the graph is, and epochs."""
        return {"nodes": len(self._place.graph.nodes), "epochs": self.classifier.epochs}

    def _has_neighbours(self, lists: RelationLists) -> Bools:
        """Which products of the catalogue can be predicted (N,)."""
        rows = np.arange(len(lists.keys))
        if self._classifier is not None:
            return self._place.present(lists, rows)
        if self.settings.input == "embedding":
            return touches(lists.graph, lists, rows)
        # before fitting every product of the catalogue may turn out to be a training product
        return NeighbourLabels.of(lists.graph, lists.keys).usable(lists, rows, self.settings.hops)
