"""Logistic regressions, one a label on inputs of its own, drawn towards what all labels share.

Dimensions: N products, L labels, or B of a block; P inputs of a label.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import expit

from shelfwise.core.newton import Derivatives, NewtonLimits, minimise
from shelfwise.core.types import Float64Array, Floats

SHARED_PENALTY = 1e-2
"""On the weights shared by all labels: only against members that predict the same."""

NUMBERS_PER_BLOCK = 1 << 18
"""Inputs of some labels that are looked at together: what stays in a core's cache."""

MAX_LOGIT = 80.0

MAX_SHARED_PAIRS = 1 << 20
"""Products times labels that the weights shared by all labels are fitted on."""

MAX_PRODUCTS = 1 << 13
"""More products than these are thinned out for each label."""

CLEAR_SCORE = 0.01
THINNING = 16

LIMITS = NewtonLimits(steps=25, longest_step=3.0, tolerance=1e-2)


def shrunk_weights(inputs: Floats, targets: Floats, shrink: float) -> Floats:
    """Weights (L, P) of every label's own inputs (L, P, N), drawn towards those that all labels share.

    Args:
        targets: (N, L) of 0 and 1.
        shrink: penalty on the squared distance from the shared weights.
    """
    # first one regression for all labels together, which even rare labels can rely on; its few weights need
    # no more than some of the products, evenly spaced
    step = max(1, targets.size // MAX_SHARED_PAIRS)
    some = np.ascontiguousarray(inputs[:, :, ::step])
    shared = fit_logistic(some, targets[::step], np.zeros((1, inputs.shape[1])), SHARED_PENALTY)
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
    wanted = np.ascontiguousarray(targets.T, np.float32)
    if len(start) == 1:
        return minimise(start, _shared_derivatives(inputs, wanted), penalty, LIMITS)
    # some labels at a time: what they read stays in the cache, and each block stops when it is solved
    weights = []
    for block in _label_blocks(inputs):
        if len(targets) > MAX_PRODUCTS:
            derivatives = _thinned_derivatives(inputs[block][0], wanted[block][0], start[block][0])
        else:
            derivatives = _derivatives(inputs[block], wanted[block])
        weights.append(minimise(start[block], derivatives, penalty, LIMITS))
    return np.concatenate(weights)


def _label_blocks(inputs: Floats) -> Iterator[slice]:
    """Labels of `inputs` (L, P, N) that are solved together; one by one where products are many."""
    numbers = inputs.shape[1] * inputs.shape[2]
    step = max(1, NUMBERS_PER_BLOCK // max(1, numbers))
    if inputs.shape[2] > MAX_PRODUCTS:
        step = 1
    for first in range(0, len(inputs), step):
        yield slice(first, first + step)


def _thinned_derivatives(inputs: Floats, targets: Floats, start: Float64Array) -> Derivatives:
    """Those of one label's log loss, estimated from fewer products: nearly all are clear negatives.

    A product without the label that scores below :data:`CLEAR_SCORE` by the weights `start` (P,) hardly moves
    the weights. Every :data:`THINNING`-th of these counts for all of them.

    Args:
        inputs: (P, N).
        targets: (N,).
    """
    scores = expit(start.astype(np.float32) @ inputs)
    is_clear = (scores < CLEAR_SCORE) & (targets == 0)
    clear = np.flatnonzero(is_clear)[::THINNING]
    others = np.flatnonzero(~is_clear)
    rows = np.concatenate([others, clear])
    counted = np.ones(len(rows), np.float32)
    # exactly as much as all clear ones, also where their number is no multiple
    counted[len(others) :] = np.count_nonzero(is_clear) / max(1, len(clear))
    kept = np.take(inputs, rows, axis=1)
    return _derivatives(kept[None], targets[rows][None], counted)


def _shared_derivatives(inputs: Floats, targets: Floats) -> Derivatives:
    """Of the loss of all labels together, whose weights (1, P) are the same.

    Args:
        inputs: (L, P, N).
        targets: (L, N).
    """
    blocks = [_derivatives(inputs[block], targets[block]) for block in _label_blocks(inputs)]

    def derivatives(weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        width = weights.shape[1]
        slope = np.zeros((1, width))
        curvature = np.zeros((1, width, width))
        for block in blocks:
            slopes, curvatures = block(weights)
            slope += slopes.sum(axis=0)
            curvature += curvatures.sum(axis=0)
        return slope, curvature

    return derivatives


def _derivatives(inputs: Floats, targets: Floats, counted: Floats | None = None) -> Derivatives:
    """Of the log losses of B labels, by weights (B, P), or (1, P) that are the same for all.

    Args:
        inputs: (B, P, N).
        targets: (B, N).
        counted: (N,) how often each product counts; unset: once.
    """
    turned = inputs.transpose(0, 2, 1)

    def derivatives(weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        # single precision, as the inputs are: the sums over products are the time that fitting takes
        logits = weights.astype(np.float32)[:, None] @ inputs
        # nearer to 0 or 1 single precision does not tell, and an exponential would be infinite
        likely = 1 / (1 + np.exp(-np.clip(logits, -MAX_LOGIT, MAX_LOGIT)))
        error = likely - targets[:, None]
        bend = likely * (1 - likely)
        if counted is not None:
            error = error * counted
            bend = bend * counted
        slope = error @ turned
        curvature = (inputs * bend) @ turned
        return slope[:, 0].astype(np.float64), curvature.astype(np.float64)

    return derivatives
