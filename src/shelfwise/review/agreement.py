"""How far two people agree who decided the same products: share of products, and Cohen's kappa of labels.

Dimensions: P products that two people decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from shelfwise.core.types import Float64Array
from shelfwise.review.database.second_opinions import SecondOpinion

MIN_PRODUCTS = 10
"""Products below which nothing is concluded."""

DRAWS = 2000


@dataclass(frozen=True)
class Agreement:
    """What two people make of the same products.

    Args:
        products: P.
        same: of these, to which both gave the same labels.
        low, high: with 95 % confidence the true share lies between them (Clopper and Pearson 1934).
        kappa: Cohen's kappa over the labels that both could tick: 1 is full agreement, 0 what chance would
            give; None where it is not defined, as both gave all labels or none.
        kappa_low, kappa_high: its 95 % interval, by a bootstrap of products; None where `kappa` is.
    """

    products: int
    same: int
    low: float
    high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None

    @property
    def share(self) -> float:
        """Of products with the same labels."""
        return self.same / self.products


def agreement(opinions: Sequence[SecondOpinion]) -> Agreement | None:
    """How far people agree; None from fewer than 10 products."""
    count = len(opinions)
    if count < MIN_PRODUCTS:
        return None
    same = sum(opinion.agree for opinion in opinions)
    low = float(beta.ppf(0.025, same, count - same + 1)) if same else 0.0
    high = float(beta.ppf(0.975, same + 1, count - same)) if same < count else 1.0
    cells = np.array([_cells(opinion) for opinion in opinions], np.float64)
    kappa = _kappa(cells.sum(axis=0))
    if kappa is None:
        return Agreement(count, same, low, high, None, None, None)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, count, (DRAWS, count))
    kappas = [_kappa(cells[rows].sum(axis=0)) for rows in drawn]
    # draws in which it is not defined say nothing
    bounds = np.quantile([one for one in kappas if one is not None], [0.025, 0.975])
    return Agreement(count, same, low, high, kappa, float(bounds[0]), float(bounds[1]))


def _cells(opinion: SecondOpinion) -> list[int]:
    """How many labels both gave, only the first, only the second, and none of them."""
    first = set(opinion.labels)
    second = set(opinion.second_labels)
    # added ones were not on the page
    universe = first | second | set(opinion.shown)
    return [
        len(first & second),
        len(first - second),
        len(second - first),
        len(universe - first - second),
    ]


def _kappa(cells: Float64Array) -> float | None:
    """Cohen's kappa (1960) of the four counts."""
    both, first_only, second_only, none = cells.tolist()
    total = both + first_only + second_only + none
    first = (both + first_only) / total
    second = (both + second_only) / total
    # what two people would agree on who tick as often, but by chance
    chance = first * second + (1 - first) * (1 - second)
    if chance >= 1:
        return None
    return float(((both + none) / total - chance) / (1 - chance))
