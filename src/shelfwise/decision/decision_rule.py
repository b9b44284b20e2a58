"""The last word on a product: calibrated probabilities, labels, and what may be decided without a person looking.

Everything here is fitted on scores of products that the model had not seen, kept in the bundle, and used alike by the Python
interface, the command line, batches and reports.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from shelfwise.config import Config
from shelfwise.core.types import Bools, Floats, State
from shelfwise.decision.calibration import Calibration
from shelfwise.decision.consistency import Consistency
from shelfwise.decision.selective_prediction import AcceptanceLimits
from shelfwise.decision.thresholds import Thresholds
from shelfwise.errors import ConfigError
from shelfwise.metrics.selective import Queues

PRECISIONS = (0.90, 0.95, 0.99)
"""What can be promised of accepted labels."""


@dataclass(frozen=True)
class QueueAssignment:
    """What becomes of N products at a promised precision.

    Args:
        labels: (N, L) of ACCEPT, REVIEW and REJECT (:mod:`shelfwise.decision.selective_prediction`).
        products: (N,) likewise: an accepted product needs no person.
    """

    labels: Queues
    products: Queues


@dataclass(frozen=True)
class DecisionRule:
    """Fitted calibration, thresholds and limits of acceptance of one system.

    Args:
        calibration: from the system's scores to probabilities; everything else is about these.
        thresholds: the rule of ``config.threshold``.
        acceptances: by promised precision.
    """

    calibration: Calibration
    thresholds: Thresholds
    acceptances: Mapping[float, AcceptanceLimits]

    @classmethod
    def fit(
        cls, scores: Floats, targets: Floats, config: Config, consistency: Consistency
    ) -> tuple[Self, Floats]:
        """Learn from `scores` (N, L) of products that the model had not seen, and their `targets` (N, L).

        Returns:
            The decider, and the probabilities (N, L) that its thresholds and limits were fitted on: cross-fitted in their turn, and
            raised as the taxonomy demands.
        """
        calibration = Calibration.fit(scores, targets, config.calibration, seed=config.seed)
        crossed = (
            calibration.out_of_fold(scores, targets, seed=config.seed)
            if calibration.method != "none"
            else scores
        )
        likely = consistency.propagate_to_ancestors(np.asarray(crossed, np.float32))
        rule = config.threshold
        fixed = rule if isinstance(rule, float) else 0.5
        thresholds = Thresholds.fit(
            likely, targets, rule if isinstance(rule, str) else "fixed", fixed, config.seed
        )
        decided = consistency.decide(likely, thresholds)
        acceptances = {
            precision: AcceptanceLimits.fit(likely, targets, decided, precision) for precision in PRECISIONS
        }
        return cls(calibration, thresholds, acceptances), likely

    def probabilities(self, scores: Floats) -> Floats:
        """Calibrated `scores` (N, L)."""
        return np.asarray(self.calibration.apply(scores), np.float32)

    def queues(self, probabilities: Floats, decided: Bools, precision: float) -> QueueAssignment:
        """Sort labels and products at a promised precision.

        Args:
            decided: (N, L) the labels that products are given.

        Raises:
            ConfigError: no limits were fitted for that precision.
        """
        if precision not in self.acceptances:
            known = ", ".join(f"{one:g}" for one in self.acceptances)
            raise ConfigError(f"the model has no limits for a precision of {precision:g}; known: {known}")
        acceptance = self.acceptances[precision]
        return QueueAssignment(
            acceptance.sort(probabilities), acceptance.sort_products(probabilities, decided)
        )

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        parts = {"calibration": self.calibration.state(), "thresholds": self.thresholds.state()}
        parts |= {f"acceptance.{precision:g}": one.state() for precision, one in self.acceptances.items()}
        arrays = {
            f"{part}.{name}": value for part, state in parts.items() for name, value in state.arrays.items()
        }
        return State(arrays, {part: dict(state.facts) for part, state in parts.items()})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The decider that `state` was taken from."""

        def part(name: str) -> State:
            prefix = f"{name}."
            arrays = {
                n.removeprefix(prefix): value for n, value in state.arrays.items() if n.startswith(prefix)
            }
            return State(arrays, state.facts[name])

        precisions = [name for name in state.facts if name.startswith("acceptance.")]
        acceptances = {
            float(name.removeprefix("acceptance.")): AcceptanceLimits.from_state(part(name))
            for name in precisions
        }
        return cls(
            Calibration.from_state(part("calibration")),
            Thresholds.from_state(part("thresholds")),
            acceptances,
        )

    def facts(self) -> dict[str, Any]:
        """JSON-ready: how probabilities are calibrated, the rule, and the limits by promised precision."""
        limits = {
            f"{p:g}": {"accept": a.accept, "reject": a.reject, "whole": a.whole}
            for p, a in self.acceptances.items()
        }
        return {"calibration": self.calibration.method, "rule": self.thresholds.rule, "limits": limits}
