"""Products that belong to none of the known categories: how unlike all others a product is, and when to say so.

No example of such a product is needed. Each signal of strangeness is compared with what it is for honest products, those
that were not learnt from but do belong (conformal p-values); the p-values are joined by Fisher's sum of logarithms, and the
sum is compared with honest products once more. A product without what a signal needs (a text, say) is NaN there, which counts
as much as it does on average. What is below the accepted rate of false alarms is not labelled
but set aside (conformal outlier detection: Laxhammar and Falkman 2010; Bates et al. 2023).

Dimensions: N products, L labels, C honest products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Float64Array, Floats, State
from shelfwise.errors import ConfigError, LabelError

Signals = Mapping[str, NDArray[np.floating]]

SMALLEST = 20
"""Honest products without which no rate of false alarms can be promised."""

SUREST = 0.9999


def log_prob_no_label(scores: Floats) -> Float64Array:
    """(N,) the log of how likely a product has none of the labels, taken for independent: the higher the stranger.

    Args:
        scores: (N, L) of the deciding system; each counts as at most 0.9999, so that one sure label is not everything.

    >>> log_prob_no_label(np.array([[0.0, 0.5], [0.9, 0.9]])).round(2).tolist()
    [-0.69, -4.61]
    """
    return np.asarray(np.log1p(-np.minimum(np.asarray(scores, np.float64), SUREST)).sum(axis=1))


@dataclass(frozen=True)
class ConformalNovelty:
    """How strange honest products are.

    Args:
        references: by signal, its values (C,) for the honest products, rising.
        joined: (C,) their joined strangeness, rising.
    """

    references: Mapping[str, Float64Array]
    joined: Float64Array

    @classmethod
    def fit(cls, signals: Signals) -> Self:
        """Learn from the signals (C,) of products that belong, and that the model had not seen.

        Their neighbours must be found among the other products: a product is its own nearest. A signal that fewer than 20 of them
        have is left out.

        Raises:
            LabelError: there are fewer than 20 honest products.
        """
        count = min((len(values) for values in signals.values()), default=0)
        if count < SMALLEST:
            raise LabelError(
                f"{count} products are too few to tell what belongs nowhere; give {SMALLEST} that were not learnt from"
            )
        known = {name: values[~np.isnan(values)] for name, values in signals.items()}
        references = {
            name: np.sort(np.asarray(values, dtype=np.float64))
            for name, values in known.items()
            if len(values) >= SMALLEST
        }
        return cls(references, np.sort(cls(references, np.zeros(0)).strangeness(signals)))

    def strangeness(self, signals: Signals) -> Float64Array:
        """Joined strangeness (N,), the higher the stranger: minus the sum of the signals' log p-values."""
        logs = [
            np.where(np.isnan(signals[name]), -1, np.log(_p_values(known, signals[name])))
            for name, known in self.references.items()
        ]
        return np.asarray(-np.sum(logs, axis=0))

    def p_values(self, signals: Signals) -> Float64Array:
        """(N,) the share of honest products at least as strange; uniform for products that belong, near 0 for others.

        Never below ``1 / (C + 1)``.
        """
        return _p_values(self.joined, self.strangeness(signals))

    def abstains(self, p_values: Float64Array, false_alarms: float = 0.05) -> NDArray[np.bool_]:
        """(N,) whether to say "none of these", wrongly for a share of about `false_alarms` of the products that belong.

        Args:
            p_values: (N,) as :meth:`p_values` gives them.

        Raises:
            ConfigError: that rate cannot be promised with so few honest products, or is no share.
        """
        least = 1 / (len(self.joined) + 1)
        if not least <= false_alarms < 1:
            raise ConfigError(
                f"false_alarms is {false_alarms}; with {len(self.joined)} honest products it may be from {least:.4f} up to, but not, 1"
            )
        return p_values <= false_alarms

    def state(self) -> State:
        """The sorted values, by signal."""
        arrays = {f"reference.{name}": values for name, values in self.references.items()}
        return State({**arrays, "joined": self.joined}, {"signals": list(self.references)})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state` was taken from."""
        references = {name: state.arrays[f"reference.{name}"] for name in state.facts["signals"]}
        return cls(references, state.arrays["joined"])


def _p_values(known: Float64Array, values: NDArray[np.floating]) -> Float64Array:
    """(1 + how many of `known` (C,) are at least as high) / (C + 1), for each of `values` (N,)."""
    at_least = len(known) - np.searchsorted(known, np.asarray(values, dtype=np.float64), side="left")
    return np.asarray((1 + at_least) / (len(known) + 1))
