"""Which products belong to none of a model's categories: fitted with the model, kept in its bundle, asked in every prediction.

Dimensions: N products, L labels, C honest products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Float64Array, Floats, Rows, State
from shelfwise.errors import LabelError
from shelfwise.novelty.conformal import ConformalNovelty, log_prob_no_label
from shelfwise.novelty.text_distance import NearestTextDistance

MOST = 5000
"""Most training products that others are compared with, and most honest products, both evenly spaced."""

FIELDS = ("title", "description")
"""The texts that are compared."""


@dataclass(frozen=True)
class NoveltyDetector:
    """How strange products that belong are, and the training products that others are compared with (None without any text)."""

    conformal: ConformalNovelty
    text_distance: NearestTextDistance | None

    @classmethod
    def fit(
        cls,
        catalog: Catalog,
        groups: Rows,
        learnt: Rows,
        honest: tuple[Rows, Floats],
        members: Sequence[Modality],
        context: Context,
    ) -> Self | None:
        """Learn from products that belong; None where they are too few.

        Args:
            groups: (all products of `catalog`,) near-copies share a number.
            learnt: rows that the members learnt from.
            honest: C rows, and the deciding system's scores (C, L) for them by models that had not seen them.
            members: of the deciding system; texts that none of them reads are not compared.

        Raises:
            WeightsError: the members' sentence encoder is not to be had.
        """
        rows, scores = honest
        chosen = _spread(len(rows))
        asked, sample = rows[chosen], learnt[_spread(len(learnt))]
        read = {name for member in members for name in member.field.split("+")}
        fields = [name for name in FIELDS if name in read and name in catalog]
        encoders = [
            name for member in members if (name := getattr(member.settings, "encoder", "off")) != "off"
        ]
        around = None
        signals: dict[str, Float64Array] = {"log_prob_no_label": log_prob_no_label(scores[chosen])}
        if fields:
            needed = np.union1d(
                asked, sample
            )  # the whole catalogue, where it is small, remembers what its members have read
            part = catalog if len(needed) == len(catalog) else catalog.take(needed)
            places = np.searchsorted(needed, sample), np.searchsorted(needed, asked)
            around = NearestTextDistance.of(
                part, places[0], fields, encoders[0] if encoders else "", groups[sample], context
            )
            signals |= around.far(part, context, places[1], groups[asked])
        try:
            return cls(ConformalNovelty.fit(signals), around)
        except LabelError:
            return None

    def p_values(self, catalog: Catalog, scores: Floats, context: Context) -> Float64Array:
        """(N,) the share of products that belong which are at least as strange; near 0 for what belongs nowhere.

        Args:
            scores: (N, L) of the deciding system for these products.
        """
        signals = {"log_prob_no_label": log_prob_no_label(scores)}
        return self.conformal.p_values(
            signals if self.text_distance is None else signals | self.text_distance.far(catalog, context)
        )

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        parts = {"conformal": self.conformal.state()}
        if self.text_distance is not None:
            parts["text_distance"] = self.text_distance.state()
        arrays = {
            f"{part}.{name}": value for part, state in parts.items() for name, value in state.arrays.items()
        }
        return State(arrays, {part: dict(state.facts) for part, state in parts.items()})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state` was taken from."""

        def part(name: str) -> State:
            arrays: dict[str, Any] = {
                n.removeprefix(f"{name}."): a for n, a in state.arrays.items() if n.startswith(f"{name}.")
            }
            return State(arrays, state.facts[name])

        around = (
            NearestTextDistance.from_state(part("text_distance")) if "text_distance" in state.facts else None
        )
        return cls(ConformalNovelty.from_state(part("conformal")), around)


def _spread(count: int) -> Rows:
    """At most :data:`MOST` of `count` places, evenly spaced."""
    return (
        np.unique(np.linspace(0, count - 1, min(MOST, count), dtype=np.int64))
        if count
        else np.zeros(0, np.int64)
    )
