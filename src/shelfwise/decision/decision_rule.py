"""From a system's scores to decisions: calibrated probabilities, labels, and what needs no person.

Everything here is fitted on scores of products that the model had not seen, kept in the bundle, and used
alike by the Python interface, the command line, batches and reports.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from shelfwise.config import Config
from shelfwise.core.types import Bools, Floats, Matrix, State
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
    """Which queue N products and their labels go to at a promised precision.

    Args:
        labels: (N, L) of ACCEPT, REVIEW and REJECT (:mod:`shelfwise.metrics.selective`).
        products: (N,) likewise, of each product with all labels it is given.
    """

    labels: Queues
    products: Queues


@dataclass(frozen=True)
class DecisionRule:
    """Fitted calibration, thresholds and acceptance limits of one system.

    Args:
        calibration: from the system's scores to probabilities; everything else is about these.
        thresholds: the rule of ``config.threshold``.
        acceptances: the limits of the queues, by promised precision.
    """

    calibration: Calibration
    thresholds: Thresholds
    acceptances: Mapping[float, AcceptanceLimits]

    @classmethod
    def fit(
        cls, scores: Matrix, targets: Matrix, config: Config, consistency: Consistency
    ) -> tuple[Self, Matrix]:
        """Learn from `scores` (N, L) of products that the model had not seen, and their `targets` (N, L).

        Both may be dense or sparse; what is given back is like `scores`.

        Returns:
            The rule, and the probabilities (N, L) that its thresholds and limits were fitted on: out-of-fold
            in their turn, and propagated to ancestors as the taxonomy demands.
        """
        calibration = Calibration.fit(scores, targets, config.calibration, seed=config.seed)
        # a calibration flatters the products it was fitted on; limits fitted on these would promise too much
        if calibration.method == "none":
            crossed = scores
        else:
            crossed = calibration.out_of_fold(scores, targets, seed=config.seed)
        # what decisions will rest on: thresholds and limits are fitted on the same
        likely = consistency.propagate_to_ancestors(crossed.astype(np.float32, copy=False))
        if isinstance(config.threshold, float):
            thresholds = Thresholds.fit(likely, targets, "fixed", config.threshold, config.seed)
        else:
            thresholds = Thresholds.fit(likely, targets, config.threshold, seed=config.seed)
        # whole products are promised with the labels that they are given
        decided = consistency.decide(likely, thresholds)
        acceptances = {p: AcceptanceLimits.fit(likely, targets, decided, p) for p in PRECISIONS}
        return cls(calibration, thresholds, acceptances), likely

    def probabilities(self, scores: Matrix) -> Matrix:
        """Calibrated `scores` (N, L), float32, dense or sparse as these are."""
        return self.calibration.apply(scores)

    def queues(self, probabilities: Floats, decided: Bools, precision: float) -> QueueAssignment:
        """Send labels and products to the queues accept, review and reject, at a promised precision.

        Args:
            decided: (N, L) the labels that products are given.

        Raises:
            ConfigError: no limits were fitted for that precision.
        """
        limits = self.limits(precision)
        return QueueAssignment(
            labels=limits.sort(probabilities), products=limits.sort_products(probabilities, decided)
        )

    def limits(self, precision: float) -> AcceptanceLimits:
        """From which probability on a label needs no review, at a promised precision.

        Raises:
            ConfigError: no limits were fitted for that precision.
        """
        if precision not in self.acceptances:
            known = ", ".join(f"{one:g}" for one in self.acceptances)
            raise ConfigError(
                f"the model has no limits for a precision of {precision:g}; known: {known}"
            )
        return self.acceptances[precision]

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        parts = {"calibration": self.calibration.state(), "thresholds": self.thresholds.state()}
        for precision, limits in self.acceptances.items():
            parts[f"acceptance.{precision:g}"] = limits.state()
        return State.of_parts(parts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The rule that `state` was taken from."""
        # the precision is read from the name of the part: "acceptance.0.95"
        acceptances: dict[float, AcceptanceLimits] = {}
        for name in state.facts:
            if name.startswith("acceptance."):
                precision = float(name.removeprefix("acceptance."))
                acceptances[precision] = AcceptanceLimits.from_state(state.part(name))
        calibration = Calibration.from_state(state.part("calibration"))
        thresholds = Thresholds.from_state(state.part("thresholds"))
        return cls(calibration, thresholds, acceptances)

    def facts(self) -> dict[str, Any]:
        """JSON-ready: how probabilities are calibrated, the rule, and the limits by promised precision."""
        limits: dict[str, dict[str, float]] = {}
        for precision, fitted in self.acceptances.items():
            limits[f"{precision:g}"] = {
                "accept": fitted.accept,
                "reject": fitted.reject,
                "whole": fitted.whole,
            }
        return {
            "calibration": self.calibration.method,
            "rule": self.thresholds.rule,
            "limits": limits,
        }
