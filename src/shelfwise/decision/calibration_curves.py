"""Rising curves from scores to probabilities, one a label, all labels at once.

Dimensions: L labels, E scored pairs, P weights of a curve, K knots of all curves together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from shelfwise.core.newton import NewtonLimits, minimise
from shelfwise.core.types import Float64Array, Int64Array
from shelfwise.metrics.calibration import EPSILON
from shelfwise.metrics.scored_pairs import ScoredPairs

LIMITS = NewtonLimits(steps=50, longest_step=2.0, tolerance=1e-6)


def bent_columns(scores: Float64Array) -> Float64Array:
    """What curves are made of, (E, 3): ``ln s``, ``-ln(1 - s)`` and 1. The first two rise with the score."""
    clipped = np.clip(scores, EPSILON, 1 - EPSILON)
    rising_from_0 = np.log(clipped)
    rising_to_1 = -np.log1p(-clipped)
    return np.stack([rising_from_0, rising_to_1, np.ones(len(clipped))], axis=1)


def rising_logistic(
    inputs: Float64Array,
    hits: NDArray[np.bool_],
    labels: Int64Array,
    start: Float64Array,
    penalty: float,
) -> Float64Array:
    """Minimise each label's ``log loss + penalty / 2 * |w - start|^2``, all weights but the last at least 0.

    Args:
        inputs: (E, P), of which the last is 1.
        hits: (E,) whether the product has the label.
        labels: (E,) whose weights each pair is for.
        start: (L, P).

    Returns:
        Weights (L, P).
    """
    n_labels, width = start.shape
    # inputs rise with the score, so a curve rises if their weights are not negative; the constant is free
    floor = np.append(np.zeros(width - 1), -np.inf)

    def logits(weights: Float64Array) -> Float64Array:
        return np.asarray(np.einsum("ep,ep->e", inputs, weights[labels]))

    def losses(weights: Float64Array) -> Float64Array:
        z = logits(weights)
        # minus the log of the sigmoid, without overflow where logits are large
        by_pair = np.logaddexp(0, z) - hits * z
        return np.asarray(np.bincount(labels, by_pair, n_labels), np.float64)

    def derivatives(weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        likely = expit(logits(weights))
        return _derivatives(inputs, likely - hits, likely * (1 - likely), labels, n_labels)

    return minimise(start, derivatives, penalty, LIMITS, losses, floor)


def _derivatives(
    inputs: Float64Array, error: Float64Array, bend: Float64Array, labels: Int64Array, n_labels: int
) -> tuple[Float64Array, Float64Array]:
    """Gradient (L, P) and Hessian (L, P, P) of each label's log loss.

    Args:
        error: (E,) probability minus truth, the loss's first derivative by the logit.
        bend: (E,) its second derivative.
    """
    width = inputs.shape[1]
    slope = np.empty((n_labels, width))
    curvature = np.empty((n_labels, width, width))
    # counting by label with weights sums over the pairs of each label, without a loop over labels
    for i in range(width):
        slope[:, i] = np.bincount(labels, inputs[:, i] * error, n_labels)
        for j in range(i + 1):
            summed = np.bincount(labels, inputs[:, i] * inputs[:, j] * bend, n_labels)
            curvature[:, i, j] = summed
            curvature[:, j, i] = summed
    return slope, curvature


@dataclass(frozen=True)
class IsotonicCurves:
    """The best rising curves (pool adjacent violators).

    Each is straight between its bends, and flat beyond the scores that it was fitted on.

    Args:
        places: (K,) ``2 * label + score`` of every bend, so that all curves are one list that rises.
        heights: (K,) the probability there.
        lowest: (L,) the lowest score that each label's curve was fitted on.
        highest: (L,) likewise the highest.
    """

    places: Float64Array
    heights: Float64Array
    lowest: Float64Array
    highest: Float64Array

    @classmethod
    def fit(cls, pairs: ScoredPairs) -> Self:
        """One curve a label; a label without a scored pair has none, and its probabilities mean nothing."""
        lowest = np.zeros(len(pairs.support))
        highest = np.zeros(len(pairs.support))
        if not len(pairs.labels):
            return cls(np.zeros(1), np.zeros(1), lowest, highest)
        # equal scores of a label are one observation
        places, group = np.unique(2.0 * pairs.labels + pairs.scores, return_inverse=True)
        weights = np.bincount(group)
        base = 2 * np.floor(places / 2)
        # heights are at most 1: with 2 more for every label no block reaches from one label into the next
        observed = np.bincount(group, pairs.hits) / weights + base
        levels = isotonic_regression(observed, weights=weights).x
        # where the base changes, one label's curve ends and the next begins
        first = np.diff(base, prepend=-1) > 0
        last = np.diff(base, append=np.inf) > 0
        label_of = (base // 2).astype(np.int64)
        scores = places - base
        lowest[label_of[first]] = scores[first]
        highest[label_of[last]] = scores[last]
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
