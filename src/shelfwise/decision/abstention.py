"""Products that belong to none of the known categories: how unlike all others a product is, and when to say so.

No example of such a product is needed. Each signal of strangeness is compared with what it is for honest products, those
that were not learnt from but do belong (conformal p-values); the p-values are joined by Fisher's sum of logarithms, and the
sum is compared with honest products once more. What is below the accepted rate of false alarms is not labelled
but set aside (conformal outlier detection: Laxhammar and Falkman 2010; Bates et al. 2023).

Dimensions: N products, L labels, T training products, K neighbours, C honest products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shelfwise.contracts import Floats, Rows, State
from shelfwise.errors import ConfigError, LabelError

Signals = Mapping[str, NDArray[np.floating]]
Values = NDArray[np.float64]

SMALLEST = 20
"""Honest products without which no rate of false alarms can be promised."""


def information(targets: NDArray[Any]) -> Values:
    """(L,) how much it says of a product to carry each label: minus the log of its share of the products, smoothed.

    Args:
        targets: (N, L), bool or 0 and 1.

    >>> information(np.array([[1, 0], [1, 1], [1, 0]])).round(2).tolist()
    [0.22, 0.92]
    """
    return np.asarray(-np.log((np.count_nonzero(targets, axis=0) + 1) / (len(targets) + 2)))


def share_near(known: NDArray[Any], rows: Rows) -> Floats:
    """(N, L) share of the K nearest training products that carry each label; 0 for a product that has no nearest.

    Args:
        known: (T, L) labels of the training products, bool or 0 and 1.
        rows: (N, K) the nearest of each product, -1 for one without any field.
    """
    return np.where((rows >= 0).all(axis=1, keepdims=True), known[rows].mean(axis=1), 0).astype(np.float32)


def strangeness_signals(
    scores: Floats, weights: Values, similarities: Floats | None = None, near: Floats | None = None
) -> dict[str, Values]:
    """What speaks for a product belonging nowhere, each (N,), the higher the stranger.

    * ``unsure``: minus the weighed sum of squared scores. Two products drawn by these scores would share labels of so much
      information; it falls when a telling label is in doubt, however sure the common ones are.
    * ``contradicted``: minus the information in the labels that the scores and the K nearest training products agree on.
    * ``far``: minus the mean cosine to these K.

    Args:
        scores: (N, L) of the deciding system.
        weights: (L,) :func:`information` of the labels among the training products.
        similarities: (N, K) as :meth:`~shelfwise.neighbours.Neighbours.nearest` gives them; without them, and without
            `near`, only ``unsure`` is given.
        near: (N, L) as :func:`share_near` gives it.

    >>> {k: v.round(2).tolist() for k, v in strangeness_signals(np.array([[1, 0.5]]), np.ones(2)).items()}
    {'unsure': [-1.25]}
    """
    signals = {"unsure": -np.square(scores, dtype=np.float64) @ weights}
    if similarities is not None and near is not None:
        signals["contradicted"] = -np.multiply(scores, near, dtype=np.float64) @ weights
        signals["far"] = -similarities.mean(axis=1, dtype=np.float64)
    return signals


@dataclass(frozen=True)
class Abstention:
    """How strange honest products are.

    Args:
        references: by signal, its values (C,) for the honest products, rising.
        joined: (C,) their joined strangeness, rising.
    """

    references: Mapping[str, Values]
    joined: Values

    @classmethod
    def fit(cls, signals: Signals) -> Self:
        """Learn from the signals (C,) of products that belong, and that the model had not seen.

        Their neighbours must be found among the other products: a product is its own nearest.

        Raises:
            LabelError: there are fewer than 20 honest products.
        """
        count = min((len(values) for values in signals.values()), default=0)
        if count < SMALLEST:
            raise LabelError(f"{count} products are too few to tell what belongs nowhere; give {SMALLEST} that were not learnt from")
        references = {name: np.sort(np.asarray(values, dtype=np.float64)) for name, values in signals.items()}
        return cls(references, np.sort(cls(references, np.zeros(0)).strangeness(signals)))

    def strangeness(self, signals: Signals) -> Values:
        """Joined strangeness (N,), the higher the stranger: minus the sum of the signals' log p-values."""
        return -sum((np.log(_p_values(known, signals[name])) for name, known in self.references.items()), np.zeros(1))

    def p_values(self, signals: Signals) -> Values:
        """(N,) the share of honest products at least as strange; uniform for products that belong, near 0 for others.

        Never below ``1 / (C + 1)``.
        """
        return _p_values(self.joined, self.strangeness(signals))

    def abstains(self, signals: Signals, false_alarms: float = 0.05) -> NDArray[np.bool_]:
        """(N,) whether to say "none of these", wrongly for a share of about `false_alarms` of the products that belong.

        Raises:
            ConfigError: that rate cannot be promised with so few honest products, or is no share.
        """
        least = 1 / (len(self.joined) + 1)
        if not least <= false_alarms < 1:
            raise ConfigError(
                f"false_alarms is {false_alarms}; with {len(self.joined)} honest products it may be from {least:.4f} up to, but not, 1"
            )
        return self.p_values(signals) <= false_alarms

    def state(self) -> State:
        """The sorted values, by signal."""
        arrays = {f"reference.{name}": values for name, values in self.references.items()}
        return State({**arrays, "joined": self.joined}, {"signals": list(self.references)})

    @classmethod
    def restored(cls, state: State) -> Self:
        """What `state` was taken from."""
        references = {name: state.arrays[f"reference.{name}"] for name in state.facts["signals"]}
        return cls(references, state.arrays["joined"])


def _p_values(known: Values, values: NDArray[np.floating]) -> Values:
    """(1 + how many of `known` (C,) are at least as high) / (C + 1), for each of `values` (N,)."""
    at_least = len(known) - np.searchsorted(known, np.asarray(values, dtype=np.float64), side="left")
    return np.asarray((1 + at_least) / (len(known) + 1))
