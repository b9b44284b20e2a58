"""What the figures of decisions are computed from, counted of some products; counts of parts add up.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from shelfwise.core.types import Int64Array, MultiHot
from shelfwise.metrics.counts import Counts, count, mean, ratio
from shelfwise.metrics.sums import Sums, in_units, mean_of

RATES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class DecisionSums(Sums):
    """Sums over N products.

    Args:
        products: N.
        hits, predicted, true: (L,) as in :class:`~shelfwise.metrics.counts.Counts`.
        right: products whose labels are all right, and no other was given.
        examples: the products' own precisions, recalls and F1, each summed up, in units.
    """

    products: int
    hits: Int64Array
    predicted: Int64Array
    true: Int64Array
    right: int
    examples: dict[str, int]

    @classmethod
    def of(cls, targets: MultiHot, decided: MultiHot) -> Self:
        """Count targets and decisions (N, L)."""
        # one pass over the matrices serves all averages
        labels, products = count(targets, decided)
        # labels that are predicted or true, but not both
        wrong = products.predicted + products.true - 2 * products.hits
        rates = products.rates(empty=1.0)
        return cls(
            products=len(wrong),
            hits=labels.hits,
            predicted=labels.predicted,
            true=labels.true,
            right=int(np.count_nonzero(wrong == 0)),
            examples={name: in_units(rate) for name, rate in zip(RATES, rates, strict=True)},
        )

    @property
    def labels(self) -> Counts:
        """The counts of each label."""
        return Counts(self.hits, self.predicted, self.true)

    def figures(self) -> dict[str, float]:
        """As :func:`~shelfwise.metrics.multilabel.decision_metrics`."""
        total = self.labels.total()
        of_labels = self.labels.rates()
        examples = [mean_of(self.examples[name], self.products) for name in RATES]
        averages: dict[str, Sequence[ArrayLike]] = {
            "micro": total.rates(),
            "macro": [mean(rate) for rate in of_labels],
            "weighted": [ratio(rate @ self.true, total.true) for rate in of_labels],
            "example": examples,
        }
        # plain numbers, as JSON has no numpy ones
        figures: dict[str, float] = {}
        for kind, rates in averages.items():
            for name, rate in zip(RATES, rates, strict=True):
                figures[f"{kind}_{name}"] = np.asarray(rate).item()
        # given but not true, or true but not given
        wrong = total.predicted + total.true - 2 * total.hits
        figures["subset_accuracy"] = ratio(self.right, self.products).item()
        figures["hamming_loss"] = ratio(wrong, self.products * len(self.true)).item()
        return figures
