"""Conformal novelty detection: how unlike all known products a product is, and when to hold it back.

No example of a novel product is needed. Each signal of novelty is compared with its values for known
products that the model had not seen (conformal p-values). The p-values are combined by Fisher's sum of
logarithms, and the sum is compared with known products once more. A product that lacks what a signal needs
(a text, say) is NaN there, which counts as much as the signal does on average. A product whose p-value is
below the accepted rate of false alarms is held back (conformal outlier detection: Laxhammar and Falkman
2010; Bates et al. 2023).

Dimensions: N products, L labels, C known products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Float64Array, Floats, State
from shelfwise.errors import ConfigError, LabelError

Signals = Mapping[str, NDArray[np.floating]]

MIN_PRODUCTS = 20
"""Known products below which no rate of false alarms can be promised."""

MAX_PROBABILITY = 0.9999
"""A score counts as at most this, so that one sure label is not everything."""


def log_prob_no_label(scores: Floats) -> Float64Array:
    """(N,) the log probability that a product has none of the labels, taken for independent.

    It is high for novel products.

    Args:
        scores: (N, L) of the final system; each counts as at most :data:`MAX_PROBABILITY`.

    >>> log_prob_no_label(np.array([[0.0, 0.5], [0.9, 0.9]])).round(2).tolist()
    [-0.69, -4.61]
    """
    # log1p keeps its digits where scores are near 0, as nearly all are
    capped = np.minimum(np.asarray(scores, np.float64), MAX_PROBABILITY)
    return np.asarray(np.log1p(-capped).sum(axis=1))


@dataclass(frozen=True)
class ConformalNovelty:
    """The signals of known products.

    Args:
        references: by signal, its values (C,) for the known products, rising.
        combined: (C,) their novelty scores, rising.
    """

    references: Mapping[str, Float64Array]
    combined: Float64Array

    @classmethod
    def fit(cls, signals: Signals) -> Self:
        """Learn from the signals (C,) of known products that the model had not seen.

        Their neighbours must be found among the other products: a product is its own nearest. A signal that
        fewer than :data:`MIN_PRODUCTS` of them have is left out.

        Raises:
            LabelError: there are fewer known products than that.
        """
        count = min((len(values) for values in signals.values()), default=0)
        if count < MIN_PRODUCTS:
            raise LabelError(
                f"{count} products are too few to recognise novel ones; "
                f"give {MIN_PRODUCTS} that the model was not trained on"
            )
        references: dict[str, Float64Array] = {}
        for name, values in signals.items():
            present = values[~np.isnan(values)]
            if len(present) >= MIN_PRODUCTS:
                references[name] = np.sort(np.asarray(present, dtype=np.float64))
        # Novelty scores are compared with those of the known products: Fisher's sum would have a known
        # distribution only if the signals were independent, which they are not.
        combined = cls(references, np.zeros(0)).novelty_score(signals)
        return cls(references, np.sort(combined))

    def novelty_score(self, signals: Signals) -> Float64Array:
        """Novelty scores (N,), high for novel products: minus the sum of the signals' log p-values."""
        logs = []
        for name, known in self.references.items():
            values = signals[name]
            log_p = np.log(_p_values(known, values))
            # -1 is the mean of the log of a uniform p-value: a missing signal says nothing either way
            logs.append(np.where(np.isnan(values), -1, log_p))
        return np.asarray(-np.sum(logs, axis=0))

    def p_values(self, signals: Signals) -> Float64Array:
        """(N,) the share of known products at least as unusual.

        Uniform for known products, near 0 for novel ones, and never below ``1 / (C + 1)``.
        """
        return _p_values(self.combined, self.novelty_score(signals))

    def is_novel(self, p_values: Float64Array, false_alarms: float = 0.05) -> Bools:
        """(N,) which products to hold back.

        Args:
            p_values: (N,) as :meth:`p_values` gives them.
            false_alarms: about this share of the known products is held back wrongly.

        Raises:
            ConfigError: that rate cannot be promised with so few known products, or is no share.
        """
        # the smallest p-value there is: below it nothing would ever be held back
        least = 1 / (len(self.combined) + 1)
        if not least <= false_alarms < 1:
            raise ConfigError(
                f"the novelty rate is {false_alarms}; with {len(self.combined)} known products it may be "
                f"{least:.4f} or more, and less than 1"
            )
        return p_values <= false_alarms

    def state(self) -> State:
        """The sorted values, by signal."""
        arrays = {f"reference.{name}": values for name, values in self.references.items()}
        return State({**arrays, "joined": self.combined}, {"signals": list(self.references)})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state` was taken from.

        Raises:
            ValueError: it has no signal.
        """
        references = {name: state.arrays[f"reference.{name}"] for name in state.facts["signals"]}
        if not references:
            raise ValueError("a novelty detector without a signal")
        return cls(references, state.arrays["joined"])


def _p_values(known: Float64Array, values: NDArray[np.floating]) -> Float64Array:
    """(1 + how many of `known` (C,) are at least as high) / (C + 1), for each of `values` (N,)."""
    # the product itself is one of C + 1, which makes the p-value valid for any C
    lower = np.searchsorted(known, np.asarray(values, dtype=np.float64), side="left")
    at_least_as_high = len(known) - lower
    return np.asarray((1 + at_least_as_high) / (len(known) + 1))
