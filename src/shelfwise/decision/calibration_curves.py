"""Rising curves from scores to probabilities, one a label, all labels at once.

Dimensions: L labels, E scored pairs, P weights of a curve, K knots of all curves together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from shelfwise.core.types import Float64Array, Int64Array
from shelfwise.metrics.calibration import EDGE
from shelfwise.metrics.scored_pairs import ScoredPairs

NEWTON_STEPS, HALVINGS, LONGEST_STEP, SOLVED = 50, 20, 2.0, 1e-6
ROUNDING = 1e-12  # share of a loss that double precision may add to it


def bent_columns(scores: Float64Array) -> Float64Array:
    """What curves are made of, (E, 3): ``ln s``, ``-ln(1 - s)`` and 1. The first two rise with the score."""
    sure = np.clip(scores, EDGE, 1 - EDGE)
    return np.stack([np.log(sure), -np.log1p(-sure), np.ones(len(sure))], axis=1)


def rising_logistic(
    inputs: Float64Array, hits: NDArray[np.bool_], labels: Int64Array, start: Float64Array, penalty: float
) -> Float64Array:
    """Minimise each label's ``log loss + penalty / 2 * |w - start|^2``, all weights but the last at least 0.

    Newton's method for all labels at once, along steps that are bent where a weight would leave its bound, and halved until
    the label's loss falls (Bertsekas 1982).

    Args:
        inputs: (E, P), of which the last is 1.
        hits: (E,) whether the product has the label.
        labels: (E,) whose weights each pair is for.
        start: (L, P).

    Returns:
        Weights (L, P).
    """
    count, width = start.shape
    floor = np.append(np.zeros(width - 1), -np.inf)
    weights: Float64Array = np.maximum(start, floor)

    def losses(weights: Float64Array) -> Float64Array:
        logits = np.einsum("ep,ep->e", inputs, weights[labels])
        found: Float64Array = np.bincount(
            labels, np.logaddexp(0, logits) - hits * logits, count
        ) + penalty / 2 * np.square(weights - start).sum(axis=1)
        return found

    for _ in range(NEWTON_STEPS):
        likely = expit(np.einsum("ep,ep->e", inputs, weights[labels]))
        slope, curvature = _derivatives(inputs, likely - hits, likely * (1 - likely), labels, count)
        slope, curvature = slope + penalty * (weights - start), curvature + penalty * np.eye(width)
        held = (weights <= floor) & (slope > 0)
        slope[held] = 0
        curvature = np.where(held[:, :, None] | held[:, None, :], np.eye(width), curvature)
        step = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        step *= np.minimum(1, LONGEST_STEP / np.maximum(np.abs(step).max(axis=1, keepdims=True), SOLVED))
        before, weights = weights, _lower(losses, weights, step, floor)
        if np.abs(weights - before).max(initial=0) < SOLVED:
            break
    return weights


def _lower(
    losses: Callable[[Float64Array], Float64Array], weights: Float64Array, step: Any, floor: Any
) -> Float64Array:
    """Each label's weights (L, P) after the step, a half, a quarter ... of it, the first at which its loss does not rise."""
    limit = losses(weights)
    limit = limit + ROUNDING * np.abs(limit)
    scale = np.ones((len(weights), 1))
    for _ in range(HALVINGS):
        lower: Float64Array = np.maximum(weights - scale * step, floor)
        worse = losses(lower) > limit
        if not worse.any():
            break
        scale[worse] /= 2
    return lower


@dataclass(frozen=True)
class IsotonicCurves:
    """The best rising curves (pool adjacent violators), straight between their bends, flat beyond the scores that were seen.

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
        """One curve a label; a label without a scored pair has none, and its answers mean nothing."""
        lowest, highest = np.zeros(len(pairs.support)), np.zeros(len(pairs.support))
        if not len(pairs.labels):
            return cls(np.zeros(1), np.zeros(1), lowest, highest)
        places, group = np.unique(
            2.0 * pairs.labels + pairs.scores, return_inverse=True
        )  # equal scores are one observation
        weights = np.bincount(group)
        base = 2 * np.floor(places / 2)
        # heights are at most 1: with 2 more for every label no block reaches from one label into the next
        levels = isotonic_regression(np.bincount(group, pairs.hits) / weights + base, weights=weights).x
        first, last = np.diff(base, prepend=-1) > 0, np.diff(base, append=np.inf) > 0
        lowest[(base[first] // 2).astype(np.int64)] = (places - base)[first]
        highest[(base[last] // 2).astype(np.int64)] = (places - base)[last]
        bends = (np.diff(levels, prepend=-1) != 0) | (np.diff(levels, append=np.inf) != 0)
        return cls(places[bends], (levels - base)[bends], lowest, highest)

    def at(self, labels: Int64Array, scores: Float64Array) -> Float64Array:
        """The height (E,) of each label's curve at a score in [0, 1]."""
        return np.asarray(
            np.interp(
                2.0 * labels + np.clip(scores, self.lowest[labels], self.highest[labels]),
                self.places,
                self.heights,
            )
        )


def _derivatives(
    inputs: Float64Array, wrong: Float64Array, bend: Float64Array, labels: Int64Array, count: int
) -> tuple[Float64Array, Float64Array]:
    """Gradient (L, P) and Hessian (L, P, P) of each label's log loss."""
    width = inputs.shape[1]
    slope, curvature = np.empty((count, width)), np.empty((count, width, width))
    for i in range(width):
        slope[:, i] = np.bincount(labels, inputs[:, i] * wrong, count)
        for j in range(i + 1):
            curvature[:, i, j] = curvature[:, j, i] = np.bincount(
                labels, inputs[:, i] * inputs[:, j] * bend, count
            )
    return slope, curvature
