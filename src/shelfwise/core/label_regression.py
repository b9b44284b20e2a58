"""Logistic regressions, one a label on inputs of its own, drawn towards what all labels share.

Dimensions: N products, L labels, P inputs of a label.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from shelfwise.core.newton import Derivatives, NewtonLimits, minimise
from shelfwise.core.types import Float64Array, Floats

SHARED_PENALTY = 1e-2
"""On the weights shared by all labels: only against members that predict the same."""

LIMITS = NewtonLimits(steps=25, longest_step=3.0, tolerance=1e-2)


def shrunk_weights(inputs: Floats, targets: Floats, shrink: float) -> Floats:
    """Weights (L, P) of every label's own inputs (L, P, N), drawn towards those that all labels share.

    Args:
        targets: (N, L) of 0 and 1.
        shrink: penalty on the squared distance from the shared weights.
    """
    # first one regression for all labels together, which even rare labels can rely on
    shared = fit_logistic(inputs, targets, np.zeros((1, inputs.shape[1])), SHARED_PENALTY)
    start = np.repeat(shared, len(inputs), axis=0)
    return fit_logistic(inputs, targets, start, shrink).astype(np.float32)


def fit_logistic(
    inputs: Floats, targets: Floats, start: Float64Array, penalty: float
) -> Float64Array:
    """Minimise ``log loss + penalty / 2 * |w - start|^2`` by Newton's method, label by label.

    Args:
        inputs: (L, P, N); every label has inputs of its own.
        targets: (N, L) of 0 and 1.
        start: (L, P), or (1, P) for weights that all labels share.

    Returns:
        Weights of the shape of `start`.
    """
    wanted = np.ascontiguousarray(targets.T)
    if len(start) == 1:
        return minimise(start, _shared_derivatives(inputs, wanted), penalty, LIMITS)
    # label by label, so that each stops when it is solved
    weights = [
        minimise(start[i : i + 1], _label_derivatives(inputs[i], wanted[i]), penalty, LIMITS)
        for i in range(len(start))
    ]
    return np.concatenate(weights)


def _shared_derivatives(inputs: Floats, targets: Floats) -> Derivatives:
    """Of the loss of all labels together, whose weights (1, P) are the same.

    Args:
        inputs: (L, P, N).
        targets: (L, N).
    """
    labels = [_label_derivatives(*label) for label in zip(inputs, targets, strict=True)]

    def derivatives(weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        slopes, curvatures = zip(*(label(weights) for label in labels), strict=True)
        return np.sum(slopes, axis=0), np.sum(curvatures, axis=0)

    return derivatives


def _label_derivatives(inputs: Floats, targets: Floats) -> Derivatives:
    """Of one label's log loss, whose weights are (1, P): inputs (P, N), targets (N,)."""

    def derivatives(weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        # single precision, as the inputs are: the sums over products are the time that fitting takes
        likely = expit(weights[0].astype(np.float32) @ inputs)
        slope = inputs @ (likely - targets)
        curvature = (inputs * (likely * (1 - likely))) @ inputs.T
        return slope[None].astype(np.float64), curvature[None].astype(np.float64)

    return derivatives
