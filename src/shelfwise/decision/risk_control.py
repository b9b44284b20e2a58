"""Limits that are proven to do no harm on average, by a test that is valid for any number of products.

Each product's harm is one bounded number, which depends on the limit; a promise is that its mean is at most
0. Limits are tested one after another, from strict to permissive, until one fails, so that the error budget
is not split over them (Learn then Test: Angelopoulos, Bates, Candes, Jordan and Lei 2021, fixed sequences
with several starts). The test is a bet on a mean below 0, whose gain is a valid p-value at any sample size
(Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting").

Dimensions: N products, E scored pairs of a product and a label, G limits that are tried.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from shelfwise.core.types import Bools, Float64Array, Int64Array

NO_LIMIT = 2.0
"""A limit of acceptance where none keeps the promise: no score reaches it."""

LIMITS: Float64Array = expit(np.arange(70, -71, -1) / 10)
"""(G,) what is tried, from 0.9991 down to 0.0009 in even steps of the logit.

They are fixed beforehand, as the promises demand.
"""

STARTS = (1.0, 0.0, -1.0)
"""Where searches for what to accept start, in logits above the promised precision.

Calibrated scores are right that often.
"""

MAX_STAKE = 0.9
"""Share of the stake at which the worst product would take all that was won."""

PRIOR_VARIANCE = 0.25
"""What is taken for the variance of Z before any was seen."""


def lowest_limit(
    scores: Float64Array,
    rows: Int64Array,
    harms: Float64Array,
    products: int,
    largest: float,
    promise: tuple[float, float],
) -> float:
    """The lowest limit at which accepting what is scored at least so high is proven to do no harm.

    It is :data:`NO_LIMIT` if none is proven.

    Args:
        scores, rows, harms: (E,) of what can be accepted, and whose it is.
        largest: the most harm that one product can do.
        promise: precision and delta.
    """
    precision, delta = promise
    # the error budget is split over the starts
    level = delta / len(STARTS)
    values = _p_values(_reached_limit(scores), rows, harms, np.zeros(products), largest, level)
    starts = _reached_limit(expit(logit(precision) + np.array(STARTS)))
    last = max(_last_of_chain(values <= level, start) for start in starts.tolist())
    return float(LIMITS[last]) if last >= 0 else NO_LIMIT


def highest_limit_of_misses(
    scores: Float64Array,
    rows: Int64Array,
    harms: Float64Array,
    start: Float64Array,
    largest: float,
    delta: float,
) -> float:
    """The highest limit at which missing what is scored below it is proven to do no harm; 0 if none is.

    Args:
        scores, rows, harms: (E,) of what can be missed, and whose it is.
        start: (N,) the harm of each product at the lowest limit.
        largest: the most harm that one product can do.
    """
    # from the lowest limit upwards: from its turn on a pair is missed
    turns = len(LIMITS) - _reached_limit(scores)
    values = _p_values(turns, rows, harms, start, largest, delta)
    last = _last_of_chain(values <= delta, 0)
    return float(LIMITS[::-1][last]) if last >= 0 else 0.0


def betting_p_value(harms: Float64Array, largest: float, delta: float) -> float:
    """A p-value of "the mean harm is 0 or above": small where harms are below 0 on average.

    Every harm is bet against, with a stake that depends on the earlier ones only. While the mean is not below
    0, the gain reaches ``1 / p`` with probability at most p (Ville's inequality). Stakes are the usual ones,
    best for a `delta` as given.

    Args:
        harms: (N,) independent of each other.
        largest: the most that one harm can be.

    >>> betting_p_value(np.full(1000, -0.1), largest=1, delta=0.1) < 0.01
    True
    >>> betting_p_value(np.tile([-0.1, 0.1], 500), largest=1, delta=0.1) > 0.01
    True
    """
    number = np.arange(1, len(harms) + 1)
    # of the harms up to each: one more counts, with mean 0 and the prior variance
    mean = np.cumsum(harms) / (number + 1)
    squares = np.cumsum(np.square(harms - mean))
    variance = (squares + PRIOR_VARIANCE) / (number + 1)
    # a stake must not know the harm it is set on, so the variance is that of the harms before
    variance_before = np.append(PRIOR_VARIANCE, variance)[:-1]
    stakes = np.sqrt(2 * np.log(1 / delta) / (len(harms) * variance_before))
    # the worst product must not take all that was won
    stakes = np.minimum(stakes, MAX_STAKE / largest)
    # the logarithm of what a stake of 1 has become after each product
    gains = np.cumsum(np.log1p(-stakes * harms))
    return float(np.exp(-gains.max(initial=0)))


def _reached_limit(scores: Float64Array) -> Int64Array:
    """(E,) the first, and so the highest, of the limits that each score reaches; G if none."""
    return np.searchsorted(-LIMITS, -scores)


def _p_values(
    turns: Int64Array,
    rows: Int64Array,
    harms: Float64Array,
    start: Float64Array,
    largest: float,
    delta: float,
) -> Float64Array:
    """The p-value (G,) of every limit, from the first to the last.

    Args:
        turns: (E,) the limit, in 0 .. G, from which on each of the `harms` (E,) counts; G: never.
        rows: (E,) the product that does it.
        start: (N,) the harm of each product before any of these.
    """
    order = np.argsort(turns, kind="stable")
    ends = np.searchsorted(turns[order], np.arange(len(LIMITS)), side="right")
    # what comes after the last limit never counts
    new_at_limit = np.split(order, ends)[:-1]
    total = start
    # what is not bet on is not proven
    values = np.ones(len(LIMITS))
    for i, new in enumerate(new_at_limit):
        total = total + np.bincount(rows[new], harms[new], len(start))
        values[i] = betting_p_value(total, largest, delta)
    return values


def _last_of_chain(proven: Bools, start: int) -> int:
    """The last of the proven ones from `start` on without a gap; -1 if there is none."""
    length = int(np.append(proven[start:], False).argmin())
    return start + length - 1 if length else -1
