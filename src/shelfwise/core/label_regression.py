"""Logistic regressions, one a label on inputs of its own, drawn towards what all labels share.

Dimensions: N products, L labels, or B of a block; P inputs of a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit

from shelfwise.core.newton import NewtonLimits, minimise
from shelfwise.core.types import Float64Array, Floats

SHARED_PENALTY = 1e-2
"""On the weights shared by all labels: only against members that predict the same."""

NUMBERS_PER_BLOCK = 1 << 18
"""Inputs of some labels that are looked at together: what stays in a core's cache."""

MAX_LOGIT = 30.0
"""Beyond it a label is certain, and the exponential of much more is infinite in single precision."""

MAX_SHARED_PAIRS = 1 << 20
"""Products times labels that the weights shared by all labels are fitted on."""

MAX_PRODUCTS = 1 << 13
"""More products than these are thinned out for each label."""

CLEAR_SCORE = 0.01
"""Below it a product without the label hardly moves the label's weights."""

THINNING = 16
"""Of so many such products one is read, and counts for all of them."""

LIMITS = NewtonLimits(steps=25, longest_step=3.0, tolerance=1e-2, rounding=1e-6)


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
    shared = fit_label_regressions(
        some, targets[::step], np.zeros((1, inputs.shape[1])), SHARED_PENALTY
    )
    start = np.repeat(shared, len(inputs), axis=0)
    return fit_label_regressions(inputs, targets, start, shrink).astype(np.float32)


def fit_label_regressions(
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
        blocks = [_Problems(inputs[block], wanted[block]) for block in _label_blocks(inputs)]
        together = _Together(blocks)
        return minimise(start, together.derivatives, penalty, LIMITS, together.losses)
    # some labels at a time: what they read stays in the cache, and each block stops when it is solved
    weights = []
    for block in _label_blocks(inputs):
        problems = _Problems(inputs[block], wanted[block])
        if len(targets) > MAX_PRODUCTS:
            problems = _thinned(inputs[block][0], wanted[block][0], start[block][0])
        # whole steps go to and fro where a label is far from what all labels share
        found = minimise(start[block], problems.derivatives, penalty, LIMITS, problems.losses)
        weights.append(found)
    return np.concatenate(weights)


def _label_blocks(inputs: Floats) -> Iterator[slice]:
    """Labels of `inputs` (L, P, N) that are solved together; one by one where products are many."""
    step = max(1, NUMBERS_PER_BLOCK // max(1, inputs.shape[1] * inputs.shape[2]))
    if inputs.shape[2] > MAX_PRODUCTS:
        step = 1
    for first in range(0, len(inputs), step):
        yield slice(first, first + step)


def _thinned(inputs: Floats, targets: Floats, start: Float64Array) -> _Problems:
    """One label's log loss, estimated from fewer products: nearly all are clear negatives.

    Args:
        inputs: (P, N).
        targets: (N,).
        start: (P,) the weights by which products are clear.
    """
    scores = expit(start.astype(np.float32) @ inputs)
    is_clear = (scores < CLEAR_SCORE) & (targets == 0)
    clear = np.flatnonzero(is_clear)[::THINNING]
    others = np.flatnonzero(~is_clear)
    rows = np.concatenate([others, clear])
    counted = np.ones(len(rows), np.float32)
    # exactly as much as all clear ones, also where their number is no multiple
    counted[len(others) :] = np.count_nonzero(is_clear) / max(1, len(clear))
    return _Problems(np.take(inputs, rows, axis=1)[None], targets[rows][None], counted)


class _Problems:
    """The log losses of B labels, by weights (B, P), or (1, P) that are the same for all.

    Args:
        inputs: (B, P, N).
        targets: (B, N).
        counted: (N,) how often each product counts; unset: once.
    """

    def __init__(self, inputs: Floats, targets: Floats, counted: Floats | None = None) -> None:
        self._inputs = inputs
        self._targets = targets[:, None]
        self._counted = np.ones((), np.float32) if counted is None else counted

    def derivatives(self, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Gradients (B, P) and Hessians (B, P, P)."""
        turned = self._inputs.transpose(0, 2, 1)
        likely = 1 / (1 + np.exp(-self._logits(weights)))
        expected = likely * self._counted
        slope = (expected - self._targets * self._counted) @ turned
        curvature = (self._inputs * (expected * (1 - likely))) @ turned
        return slope[:, 0].astype(np.float64), curvature.astype(np.float64)

    def losses(self, weights: Float64Array) -> Float64Array:
        """(B,)."""
        logits = self._logits(weights)
        by_product = (np.log1p(np.exp(logits)) - self._targets * logits) * self._counted
        return np.asarray(by_product.sum(axis=(1, 2), dtype=np.float64))

    def _logits(self, weights: Float64Array) -> Floats:
        """(B, 1, N), in single precision, as the inputs are: the time is that of sums over products."""
        logits = weights.astype(np.float32)[:, None] @ self._inputs
        return np.asarray(np.clip(logits, -MAX_LOGIT, MAX_LOGIT), np.float32)


class _Together:
    """The log loss of all labels together, whose weights (1, P) are the same."""

    def __init__(self, blocks: Sequence[_Problems]) -> None:
        self._blocks = blocks

    def derivatives(self, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Gradient (1, P) and Hessian (1, P, P)."""
        width = weights.shape[1]
        slope = np.zeros((1, width))
        curvature = np.zeros((1, width, width))
        for block in self._blocks:
            slopes, curvatures = block.derivatives(weights)
            slope += slopes.sum(axis=0)
            curvature += curvatures.sum(axis=0)
        return slope, curvature

    def losses(self, weights: Float64Array) -> Float64Array:
        """(1,)."""
        return np.array([sum(block.losses(weights).sum() for block in self._blocks)])
