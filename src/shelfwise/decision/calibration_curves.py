"""Rising curves from scores to probabilities, one a label, all labels at once.

Dimensions: L labels, K different scores of all labels together, each with the number of its pairs; P weights
of a curve, B bends of all curves together, E scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit

from shelfwise.core.newton import NewtonLimits, minimise
from shelfwise.core.types import Float64Array, Int64Array
from shelfwise.metrics.calibration import EPSILON
from shelfwise.metrics.score_counts import ScoreCounts

LIMITS = NewtonLimits(steps=50, longest_step=2.0, tolerance=1e-6)


def bent_columns(scores: Float64Array) -> Float64Array:
    """What curves are made of, (E, 3): ``ln s``, ``-ln(1 - s)`` and 1. The first two rise with the score."""
    clipped = np.clip(scores, EPSILON, 1 - EPSILON)
    rising_from_0 = np.log(clipped)
    rising_to_1 = -np.log1p(-clipped)
    return np.stack([rising_from_0, rising_to_1, np.ones(len(clipped))], axis=1)


def rising_logistic(
    inputs: Float64Array, counts: ScoreCounts, start: Float64Array, penalty: float
) -> Float64Array:
    """Minimise each label's ``log loss + penalty / 2 * |w - start|^2``, all weights but the last at least 0.

    Args:
        inputs: (K, P) of the scores of `counts`; the last is 1.
        start: (L, P).

    Returns:
        Weights (L, P).
    """
    n_labels, width = start.shape
    labels = counts.labels
    # inputs rise with the score, so a curve rises if their weights are not negative; the constant is free
    floor = np.append(np.zeros(width - 1), -np.inf)

    def logits(weights: Float64Array) -> Float64Array:
        return np.asarray(np.einsum("kp,kp->k", inputs, weights[labels]))

    def losses(weights: Float64Array) -> Float64Array:
        z = logits(weights)
        # minus the log of the sigmoid, without overflow where logits are large
        of_score = counts.pairs * np.logaddexp(0, z) - counts.hits * z
        return np.asarray(np.bincount(labels, of_score, n_labels), np.float64)

    def derivatives(weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        likely = expit(logits(weights))
        expected = counts.pairs * likely
        error = expected - counts.hits
        return _derivatives(inputs, error, expected * (1 - likely), labels, n_labels)

    return minimise(start, derivatives, penalty, LIMITS, losses, floor)


def _derivatives(
    inputs: Float64Array, error: Float64Array, bend: Float64Array, labels: Int64Array, n_labels: int
) -> tuple[Float64Array, Float64Array]:
    """Gradient (L, P) and Hessian (L, P, P) of each label's log loss.

    Args:
        error: (K,) expected hits minus hits, the loss's first derivative by the logit.
        bend: (K,) its second derivative.
    """
    width = inputs.shape[1]
    slope = np.empty((n_labels, width))
    curvature = np.empty((n_labels, width, width))
    # counting by label with weights sums over the scores of each label, without a loop over labels
    for i in range(width):
        slope[:, i] = np.bincount(labels, inputs[:, i] * error, n_labels)
        for j in range(i + 1):
            products = inputs[:, i] * inputs[:, j] * bend
            summed = np.bincount(labels, products, n_labels)
            # the matrix is symmetric
            curvature[:, i, j] = summed
            curvature[:, j, i] = summed
    return slope, curvature


@dataclass(frozen=True)
class IsotonicCurves:
    """The best rising curves (pool adjacent violators).

    Each is straight between its bends, and flat beyond the scores that it was fitted on.

    Args:
        places: (B,) ``2 * label + score`` of every bend, so that all curves are one list that rises.
        heights: (B,) the probability there.
        lowest: (L,) the lowest score that each label's curve was fitted on.
        highest: (L,) likewise the highest.
    """

    places: Float64Array
    heights: Float64Array
    lowest: Float64Array
    highest: Float64Array

    @classmethod
    def fit(cls, counts: ScoreCounts) -> Self:
        """One curve a label; a label without a scored pair has none, and its probabilities mean nothing."""
        lowest = np.zeros(counts.n_labels)
        highest = np.zeros(counts.n_labels)
        if not len(counts.labels):
            return cls(np.zeros(1), np.zeros(1), lowest, highest)
        places = 2.0 * counts.labels + counts.scores
        base = 2.0 * counts.labels
        # heights are at most 1: with 2 more for every label no block reaches from one label into the next
        observed = counts.hits / counts.pairs + base
        levels = isotonic_regression(observed, weights=counts.pairs).x
        # where the base changes, one label's curve ends and the next begins
        first = np.diff(base, prepend=-1) > 0
        last = np.diff(base, append=np.inf) > 0
        lowest[counts.labels[first]] = counts.scores[first]
        highest[counts.labels[last]] = counts.scores[last]
        # inside a level nothing changes: its two ends are enough
        begins = np.diff(levels, prepend=-1) != 0
        ends = np.diff(levels, append=np.inf) != 0
        bends = begins | ends
        return cls(places[bends], (levels - base)[bends], lowest, highest)

    def at(self, labels: Int64Array, scores: Float64Array) -> Float64Array:
        """The height (E,) of each label's curve at a score in [0, 1]."""
        # kept within what was seen, a score cannot reach into the next label's stretch
        inside = np.clip(scores, self.lowest[labels], self.highest[labels])
        return np.asarray(np.interp(2.0 * labels + inside, self.places, self.heights))
