"""Products unlike anything in training: fitted with the model, kept in its bundle, used in every prediction.

Dimensions: N products, L labels, C known products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.sparse_scores import dense, row_slices
from shelfwise.core.types import Context, Float64Array, Floats, Matrix, Rows, State
from shelfwise.errors import LabelError
from shelfwise.novelty.conformal import ConformalNovelty, log_prob_no_label
from shelfwise.novelty.text_distance import NearestTextDistance

MAX_PRODUCTS = 5000
"""Training products that others are compared with, and known products; both evenly spaced."""

FIELDS = ("title", "description")
"""The texts that are compared."""

CELLS_PER_BLOCK = 1 << 20
"""Scores of known products that are dense at a time: some copies of them, 8 bytes each."""


@dataclass(frozen=True)
class NoveltyDetector:
    """How unusual known products are, and the texts that new ones are compared with.

    Args:
        conformal: turns signals of novelty into p-values.
        text_distance: the training texts; None where no member reads a text.
    """

    conformal: ConformalNovelty
    text_distance: NearestTextDistance | None

    @classmethod
    def fit(
        cls,
        catalog: Catalog,
        groups: Rows,
        train: Rows,
        known: tuple[Rows, Matrix],
        members: Sequence[Modality],
        context: Context,
    ) -> Self | None:
        """Learn from known products; None where they are too few.

        Args:
            groups: (all products of `catalog`,) near-copies share a number.
            train: rows that the members were fitted on.
            known: C rows, and the final system's out-of-fold scores (C, L) for them, dense or sparse.
            members: of the final system; texts that none of them reads are not compared.

        Raises:
            WeightsError: the members' sentence encoder is missing.
        """
        rows, scores = known
        # evenly spaced ones will do, and bound the time of a prediction
        chosen = _evenly_spaced(len(rows))
        known_rows = rows[chosen]
        training_rows = train[_evenly_spaced(len(train))]
        known_scores = scores[chosen]
        # of very many labels, dense scores of some products at a time
        blocks = row_slices(len(chosen), scores.shape[1], CELLS_PER_BLOCK)
        logs = [log_prob_no_label(dense(known_scores[block])) for block in blocks]
        signals: dict[str, Float64Array] = {"log_prob_no_label": np.concatenate(logs)}
        fields = _compared_fields(members, catalog)
        text_distance = None
        if fields:
            needed = np.union1d(known_rows, training_rows)
            # the whole catalogue, where it is small, still holds the texts that its members have read
            part = catalog if len(needed) == len(catalog) else catalog.take(needed)
            training_places = np.searchsorted(needed, training_rows)
            text_distance = NearestTextDistance.fit(
                part, training_places, fields, _encoder(members), groups[training_rows], context
            )
            # near-copies are no evidence for each other: beside its copy every product would be known
            known_places = np.searchsorted(needed, known_rows)
            signals |= text_distance.distances(part, context, known_places, groups[known_rows])
        # a small catalogue gets a model without a detector, which is no error
        try:
            return cls(ConformalNovelty.fit(signals), text_distance)
        except LabelError:
            return None

    def p_values(self, catalog: Catalog, scores: Floats, context: Context) -> Float64Array:
        """(N,) the share of known products that are at least as unusual; near 0 for novel ones.

        Args:
            scores: (N, L) of the final system for these products.
        """
        signals = {"log_prob_no_label": log_prob_no_label(scores)}
        if self.text_distance is not None:
            signals |= self.text_distance.distances(catalog, context)
        return self.conformal.p_values(signals)

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        parts = {"conformal": self.conformal.state()}
        if self.text_distance is not None:
            parts["text_distance"] = self.text_distance.state()
        return State.of_parts(parts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state` was taken from."""
        conformal = ConformalNovelty.from_state(state.part("conformal"))
        text_distance = None
        if "text_distance" in state.facts:
            text_distance = NearestTextDistance.from_state(state.part("text_distance"))
        return cls(conformal, text_distance)


def _compared_fields(members: Sequence[Modality], catalog: Catalog) -> list[str]:
    """The texts that some member reads and the catalogue has."""
    # a member may read several fields together: "title+description"
    read: set[str] = set()
    for member in members:
        read.update(member.field.split("+"))
    return [name for name in FIELDS if name in read and name in catalog]


def _encoder(members: Sequence[Modality]) -> str:
    """The sentence encoder of the first member that has one; empty for none."""
    for member in members:
        encoder: str = getattr(member.settings, "encoder", "off")
        if encoder != "off":
            return encoder
    return ""


def _evenly_spaced(count: int) -> Rows:
    """At most :data:`MAX_PRODUCTS` of `count` places, evenly spaced."""
    if not count:
        return np.zeros(0, np.int64)
    places = np.linspace(0, count - 1, min(MAX_PRODUCTS, count), dtype=np.int64)
    return np.unique(places)
