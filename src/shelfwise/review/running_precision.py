"""The precision so far, from a random sample, with an interval that holds however often one looks.

Products are drawn without putting back. Under a supposed precision p the harm of a product,
``p * labels - right``, is 0 on average over the catalogue, so every product can be bet on. A p whose bet has
won 1 / alpha is ruled out for good (Waudby-Smith and Ramdas 2020, "Confidence sequences for sampling without
replacement", and 2024, "Estimating means of bounded random variables by betting").

Dimensions: N products of the catalogue, n of them decided, G supposed precisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shelfwise.core.types import Float64Array, Int64Array

ALPHA = 0.05
"""How seldom the true precision may ever be outside of the interval."""

GRID: Float64Array = np.linspace(0, 1, 401)
"""(G,) the supposed precisions."""

MAX_STAKE = 0.75
"""Share of the stake that the worst product may take."""


@dataclass(frozen=True)
class Precision:
    """What share of labels is right.

    Args:
        estimate: None before any label was judged.
        low, high: with probability 95 % the true one lies between them, at every look.
        products: that were judged.
        labels: of these.
    """

    estimate: float | None
    low: float
    high: float
    products: int
    labels: int

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON-ready."""
        return {
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "products": self.products,
            "labels": self.labels,
        }


def running_precision(
    labels: Int64Array, right: Int64Array, population: int, most: int
) -> Precision:
    """The precision after n products, in the order in which they were drawn.

    Args:
        labels: (n,) how many labels each product is given.
        right: (n,) how many of them are right.
        population: N, the products of the whole catalogue.
        most: the most labels that any product of the catalogue is given.

    >>> all_right = np.full(200, 3)
    >>> running_precision(all_right, all_right, 10_000, most=3).low > 0.95
    True
    """
    alive = np.ones(len(GRID), np.bool_)
    up = np.zeros(len(GRID))
    down = np.zeros(len(GRID))
    total = np.zeros(len(GRID))
    # one more counts, with the variance of an even chance
    squares = np.full(len(GRID), (most / 4) ** 2)
    low = -GRID * most
    high = (1 - GRID) * most
    for number in range(len(labels)):
        value = right[number] - GRID * labels[number]
        # what the products that are left must be on average, if p is the precision of all
        expected = -total / (population - number)
        # a mean that no product can reach rules p out
        alive &= (expected >= low - 1e-9) & (expected <= high + 1e-9)
        # the usual stakes, made of what was seen before this product only
        stake = np.sqrt(2 * np.log(2 / ALPHA) / (np.log(number + 2) * squares))
        # those ruled out are not bet on: their means lie outside of what is possible
        surprise = np.where(alive, value - expected, 0)
        # no stake may lose all that there is, however the next product comes out
        most_up = MAX_STAKE / np.maximum(expected - low, 1e-9)
        most_down = MAX_STAKE / np.maximum(high - expected, 1e-9)
        up += np.log1p(np.minimum(stake, most_up) * surprise)
        down += np.log1p(-np.minimum(stake, most_down) * surprise)
        # half of the budget for either side
        alive &= np.maximum(up, down) < np.log(2 / ALPHA)
        total += value
        squares += np.square(value - total / (number + 1))
    count = int(labels.sum())
    estimate = float(right.sum() / count) if count else None
    kept = np.flatnonzero(alive)
    if not len(kept):
        # the grid is too coarse for what is left: the nearest supposed precision
        point = estimate or 0.0
        return Precision(estimate, point, point, len(labels), count)
    step = GRID[1]
    bottom = max(0.0, float(GRID[kept[0]] - step))
    top = min(1.0, float(GRID[kept[-1]] + step))
    return Precision(estimate, bottom, top, len(labels), count)


def is_broken(precision: Precision, promise: float) -> bool:
    """Whether it is proven that fewer labels are right than was promised."""
    return precision.high < promise


def random_order(products: int, seed: int) -> Int64Array:
    """(N,) the order in which the random sample is shown: no product more likely early than another."""
    return np.random.default_rng([seed, products]).permutation(products).astype(np.int64)
