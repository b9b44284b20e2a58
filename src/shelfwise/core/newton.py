"""Newton's method for many small convex problems at once, each with a few weights.

Dimensions: B problems, P weights of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shelfwise.core.types import Bools, Float64Array

Derivatives = Callable[[Float64Array], tuple[Float64Array, Float64Array]]
"""From weights (B, P) to the gradient (B, P) and the Hessian (B, P, P) of each problem's loss."""

Losses = Callable[[Float64Array], Float64Array]
"""From weights (B, P) to each problem's loss (B,)."""

HALVINGS = 20


@dataclass(frozen=True)
class NewtonLimits:
    """When to stop, and how far to go at once.

    Args:
        steps: at most so many.
        longest_step: the most that a weight may change in one step; longer ones are scaled down as a whole. A
            label that can be told apart without a mistake would otherwise send its weights to infinity.
        tolerance: solved once no weight of any problem changes by so much.
        rounding: share of a loss that the precision it is computed in may add to it; as it is, of double.
    """

    steps: int
    longest_step: float
    tolerance: float
    rounding: float = 1e-12


def minimise(
    start: Float64Array,
    derivatives: Derivatives,
    penalty: float,
    limits: NewtonLimits,
    losses: Losses | None = None,
    floor: Float64Array | None = None,
) -> Float64Array:
    """Minimise ``loss(w) + penalty / 2 * |w - start|^2`` for each problem; all stop together.

    Args:
        start: (B, P) where the weights begin, and what the penalty draws them towards.
        derivatives: of the losses, without the penalty.
        losses: without the penalty. Where given, a problem's step is halved until its loss does not rise.
        floor: (P,) the least that each weight may be; needs `losses`. A weight that would leave its bound
            stops at it, and one that is held there takes no part in the step (projected Newton: Bertsekas
            1982).

    Returns:
        Weights (B, P).

    >>> def derivatives(w):  # of the loss (w - 3)^2 / 2
    ...     return w - 3, np.ones((1, 1, 1))
    >>> minimise(np.zeros((1, 1)), derivatives, 0.5, NewtonLimits(10, 5.0, 1e-9)).tolist()
    [[2.0]]
    """
    width = start.shape[1]
    weights: Float64Array = start if floor is None else np.maximum(start, floor)
    for _ in range(limits.steps):
        slope, curvature = derivatives(weights)
        slope = slope + penalty * (weights - start)
        # the penalty also keeps the curvature from being singular
        curvature = curvature + penalty * np.eye(width)
        if floor is not None:
            # at its bound, and lower values would be better: such a weight stays where it is
            held = (weights <= floor) & (slope > 0)
            slope, curvature = _without_held(slope, curvature, held)
        # one small solve a problem, all in one call
        solved = np.linalg.solve(curvature, slope[:, :, None])
        step = np.asarray(solved[:, :, 0], np.float64)
        # far from the minimum a quadratic is a poor guide, and the whole step too long
        longest = np.abs(step).max(axis=1, keepdims=True)
        step *= np.minimum(1, limits.longest_step / np.maximum(longest, limits.tolerance))
        if losses is None:
            weights = weights - step
            change = step
        else:
            before = weights
            penalised = _penalised(losses, start, penalty)
            weights = _lower(penalised, before, step, floor, limits.rounding)
            # not the step: a halved or bounded one changes less
            change = weights - before
        if np.abs(change).max(initial=0) < limits.tolerance:
            break
    return weights


def _without_held(
    slope: Float64Array, curvature: Float64Array, held: Bools
) -> tuple[Float64Array, Float64Array]:
    """Derivatives by which the weights that are `held` (B, P) at their bound do not move, nor move others."""
    # rows and columns of the identity: the solve then gives these weights a step of their slope, 0
    crossed = held[:, :, None] | held[:, None, :]
    identity = np.eye(slope.shape[1])
    return np.where(held, 0, slope), np.where(crossed, identity, curvature)


def _penalised(losses: Losses, start: Float64Array, penalty: float) -> Losses:
    """The `losses` with the penalty on the way from `start`."""

    def penalised(weights: Float64Array) -> Float64Array:
        distance = np.square(weights - start).sum(axis=1)
        return np.asarray(losses(weights) + penalty / 2 * distance)

    return penalised


def _lower(
    losses: Losses,
    weights: Float64Array,
    step: Float64Array,
    floor: Float64Array | None,
    rounding: float,
) -> Float64Array:
    """Each problem's weights (B, P) after the step, or after a half, a quarter ... of it.

    The first length is taken at which the problem's loss does not rise.
    """
    limit = losses(weights)
    # near the minimum the loss no longer changes but by rounding, which is no rise
    limit = limit + rounding * np.abs(limit)
    scale = np.ones((len(weights), 1))
    for _ in range(HALVINGS):
        moved = weights - scale * step
        lower: Float64Array = moved if floor is None else np.maximum(moved, floor)
        worse = losses(lower) > limit
        if not worse.any():
            break
        scale[worse] /= 2
    return lower
