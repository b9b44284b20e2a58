"""Logistic stacking: one logistic regression a label, rare labels drawn towards what holds for all labels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import (
    Bools,
    Context,
    Float64Array,
    Floats,
    MemberOutputs,
    PluginSettings,
    Rows,
    State,
)
from shelfwise.errors import ConfigError, NotFittedError

MOST_MEMBERS = 6  # 63 sets, each with weights of its own, where any set may occur
CERTAIN = 1e-4  # scores nearer to 0 or 1 count as this near: a member's last digits of certainty say nothing
LEAST_SPREAD = 0.1  # of logits; what hardly varied in training must not explode later
NEWTON_STEPS, LONGEST_STEP, SOLVED = 25, 3.0, 1e-2
SHARED_PENALTY = 1e-2  # on the weights shared by all labels: only against members that say the same
FEWEST = 50  # products that have a set of members, for it to be fitted on these alone


class LogisticSettings(PluginSettings):
    """How strongly the weights are held back."""

    shrink: PositiveFloat = Field(
        30.0,
        description="pull of each label's weights towards those shared by all labels; a label with more products is drawn less",
    )
    others: PositiveFloat | Literal["off"] = Field(
        "off",
        description="penalty on the weights of the other labels' scores; off: a label is judged by its own scores alone, "
        "as corrections by other labels overfit small catalogues",
    )


class Logistic(FusionPolicy):
    """Per-label logistic stacking with hierarchical shrinkage, a solution for every set of members that can be present.

    A label is judged by its *own* scores: each member's logit, and its logit relative to what the member gives all labels
    together (the logarithm of the label's softmax share). Weights shared by all labels are fitted first; each label's
    then depart from them as far as its products bear out: ``loss_l(w_l) + shrink / 2 * |w_l - shared|^2``. If wanted, the
    label is then corrected by what the members say of *other* labels (all logits, standardised).

    Every set is fitted on all products that have its members; one that hardly any product has, on all products that have
    any of its members, absent ones saying nothing. A product with a set of members that was not solved for is answered by
    the largest solved set within it, the first of several; if there is none, by the mean of its members' scores.
    """

    Settings = LogisticSettings
    settings: LogisticSettings

    def __init__(self, settings: LogisticSettings) -> None:
        super().__init__(settings)
        self.arrays_: dict[str, NDArray[Any]] = {}

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Solve for every set of ``context.patterns``, or for all sets where these are empty; nothing is random.

        Raises:
            ConfigError: any set may occur, and there are more members than sets can be solved for.
        """
        members = outputs.present.shape[1]
        everybody = np.arange(members)
        patterns = [np.array(pattern) for pattern in context.patterns or _all_sets(members)]
        self.arrays_ = dict(zip(("centre", "mean", "spread"), _moments(outputs), strict=True))
        inputs, standardised = self._own(outputs, everybody), self._others(outputs, everybody)
        for heard in map(np.flatnonzero, patterns):
            rows, number = _able(outputs.present[:, heard]), _number(heard)
            mine = np.take(
                inputs[:, [0, *1 + heard, *1 + members + heard]], rows, axis=2
            )  # contiguous, unlike an index
            self.arrays_[f"own_{number}"] = own = _own_weights(mine, targets[rows], self.settings.shrink)
            if self.settings.others != "off":
                said = standardised[np.ix_(rows, heard)].reshape(len(rows), -1)
                self.arrays_[f"others_{number}"] = corrections(
                    said, _logits_by(own, mine), targets[rows], self.settings.others
                )
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        solved = self._solved()
        fused = np.zeros((len(outputs), outputs.scores.shape[2]), np.float32)
        patterns, which = np.unique(outputs.present, axis=0, return_inverse=True)
        for i, present in enumerate(map(np.flatnonzero, patterns)):
            rows = np.flatnonzero(which.ravel() == i)
            heard = _largest_within(present, solved)
            if len(heard):
                fused[rows] = self._answers(outputs, rows, heard)
            elif len(present):
                fused[rows] = outputs.scores[np.ix_(rows, present)].mean(axis=1)
        return fused

    def state(self) -> State:
        """What the inputs are centred and scaled by, and the weights by set (bit m of its number: member m is in it)."""
        self._solved()
        return State(self.arrays_)

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.arrays_ = dict(state.arrays)
        return self

    def facts(self) -> dict[str, Any]:
        """How many sets of members have weights of their own."""
        return {"sets": len(self._solved())}

    def _solved(self) -> list[int]:
        """The numbers of the sets that were solved for, rising."""
        if not self.arrays_:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return sorted(int(name.removeprefix("own_")) for name in self.arrays_ if name.startswith("own_"))

    def _answers(self, outputs: MemberOutputs, rows: Rows, heard: Rows) -> Floats:
        """Scores (R, L) of `rows` by the solution for the members `heard` (K,), which all of them have."""
        place = np.ix_(rows, heard)
        said, number = MemberOutputs(outputs.scores[place], outputs.present[place], ()), _number(heard)
        logits = _logits_by(self.arrays_[f"own_{number}"], self._own(said, heard))
        if self.settings.others != "off":
            logits += self._others(said, heard).reshape(len(rows), -1) @ self.arrays_[f"others_{number}"]
        return np.asarray(expit(logits), np.float32)

    def _own(self, outputs: MemberOutputs, heard: Rows) -> Floats:
        """A label's own inputs (L, 2K + 1, N): 1, and the logits and log shares of the members `heard` (K,), 0 where absent."""
        logits, able = _logits(outputs.scores), outputs.present[:, :, None]
        shares = logits - logsumexp(logits, axis=2, keepdims=True)
        middle = self.arrays_["centre"][:, heard, None]
        own = [
            np.ones_like(logits[:, :1]),
            *(np.where(able, said - middle[i], 0) for i, said in enumerate((logits, shares))),
        ]
        return np.ascontiguousarray(np.concatenate(own, axis=1, dtype=np.float32).transpose(2, 1, 0))

    def _others(self, outputs: MemberOutputs, heard: Rows) -> Floats:
        """All logits (N, K, L) of the members `heard` (K,), standardised, 0 where absent; empty if they are not wanted."""
        if self.settings.others == "off":
            return np.zeros((0, 0, 0), np.float32)
        standardised = (_logits(outputs.scores) - self.arrays_["mean"][heard]) / self.arrays_["spread"][heard]
        return np.where(outputs.present[:, :, None], standardised, 0).astype(np.float32)


def fit_logistic(inputs: Floats, targets: Floats, start: Float64Array, penalty: float) -> Float64Array:
    """Minimise ``log loss + penalty / 2 * |w - start|^2`` by Newton's method, label by label.

    Args:
        inputs: (L, P, N); every label has inputs of its own.
        targets: (N, L) of 0 and 1.
        start: (L, P), or (1, P) for weights that all labels share.

    Returns:
        Weights of the shape of `start`.
    """
    labels = list(zip(inputs, np.ascontiguousarray(targets.T), strict=True))
    if len(start) == 1:
        return _newton(labels, start[0], penalty)[None]
    return np.stack([_newton([label], own, penalty) for label, own in zip(labels, start, strict=True)])


def corrections(inputs: Floats, offset: Floats, targets: Floats, penalty: float) -> Floats:
    """Weights (C, L) that minimise the log loss of ``offset + inputs @ weights``, plus ``penalty / 2`` times their squares.

    Solved by L-BFGS along the eigenvectors of the inputs' Gram matrix, each scaled by the loss's curvature there:
    in these coordinates the loss is nearly round, and a few dozen steps do.

    Args:
        inputs: (N, C), the same for all labels.
        offset: (N, L) logits to start from.
        targets: (N, L) of 0 and 1.
    """
    likely = expit(offset)
    values, vectors = np.linalg.eigh((inputs.T @ inputs).astype(np.float64))
    scale = np.sqrt(
        np.maximum(values, 0)[:, None] * (likely * (1 - likely)).mean(axis=0, dtype=np.float64) + penalty
    )
    rotation = vectors.astype(np.float32)
    solved = minimize(
        _penalised_loss(inputs @ rotation, offset, targets, scale, penalty),
        np.zeros(scale.size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 100, "ftol": 1e-5},
    )
    weights: Floats = rotation @ (solved.x.reshape(scale.shape) / scale).astype(np.float32)
    return weights


def _penalised_loss(
    inputs: Floats, offset: Floats, targets: Floats, scale: Float64Array, penalty: float
) -> Callable[[Float64Array], tuple[float, Float64Array]]:
    """The loss, and its gradient, of weights given as ``scale * weights``, flat."""

    def loss(scaled: Float64Array) -> tuple[float, Float64Array]:
        weights = scaled.reshape(scale.shape) / scale
        logits = offset + inputs @ weights.astype(np.float32)
        value = (np.logaddexp(0, logits) - targets * logits).sum(dtype=np.float64) + penalty / 2 * np.square(
            weights
        ).sum()
        slope = (inputs.T @ (expit(logits) - targets)).astype(np.float64) + penalty * weights
        return float(value), (slope / scale).ravel()

    return loss


def _newton(labels: list[tuple[Floats, Floats]], start: Float64Array, penalty: float) -> Float64Array:
    """Weights (P,) for all of `labels`, which are inputs (P, N) with targets (N,)."""
    weights = start
    for _ in range(NEWTON_STEPS):
        slopes, curvatures = zip(
            *(_derivatives(inputs, targets, weights) for inputs, targets in labels), strict=True
        )
        slope, curvature = np.sum(slopes, axis=0), np.sum(curvatures, axis=0)
        step = np.linalg.solve(curvature + penalty * np.eye(len(start)), slope + penalty * (weights - start))
        length = np.abs(step).max()
        weights = weights - step * min(1, LONGEST_STEP / max(length, SOLVED))
        if length < SOLVED:
            break
    return weights


def _derivatives(inputs: Floats, targets: Floats, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Gradient (P,) and Hessian (P, P) of one label's log loss: inputs (P, N), targets (N,)."""
    likely = expit(weights.astype(np.float32) @ inputs)
    slope, curvature = inputs @ (likely - targets), (inputs * (likely * (1 - likely))) @ inputs.T
    return slope.astype(np.float64), curvature.astype(np.float64)


def _own_weights(inputs: Floats, targets: Floats, shrink: float) -> Floats:
    """Weights (L, P) of every label's own inputs (L, P, N), drawn towards those that all labels share."""
    shared = fit_logistic(inputs, targets, np.zeros((1, inputs.shape[1])), SHARED_PENALTY)
    return fit_logistic(inputs, targets, np.repeat(shared, len(inputs), axis=0), shrink).astype(np.float32)


def _logits_by(weights: Floats, inputs: Floats) -> Floats:
    """Logits (N, L) of weights (L, P) on inputs (L, P, N)."""
    return np.asarray((weights[:, None] @ inputs)[:, 0].T)


def _moments(outputs: MemberOutputs) -> tuple[Floats, Floats, Floats]:
    """Where present: the means (2, M) of logits and log shares over all labels; mean and spread (M, L) of the logits."""
    logits, able = _logits(outputs.scores), outputs.present[:, :, None]
    count = np.maximum(outputs.present.sum(axis=0), 1)[:, None]
    shares = logits - logsumexp(logits, axis=2, keepdims=True)
    centre = np.stack(
        [
            (np.where(able, said, 0).sum(axis=0, dtype=np.float64) / count).mean(axis=1)
            for said in (logits, shares)
        ]
    )
    mean = np.where(able, logits, 0).sum(axis=0, dtype=np.float64) / count
    variance = np.where(able, np.square(logits - mean), 0).sum(axis=0, dtype=np.float64) / count
    return (
        centre.astype(np.float32),
        mean.astype(np.float32),
        np.sqrt(np.maximum(variance, LEAST_SPREAD**2)).astype(np.float32),
    )


def _able(present: Bools) -> Rows:
    """The products that have all members of `present` (N, K); if these are too few, any of them; if there is none, all."""
    for able in (present.all(axis=1), present.any(axis=1)):
        if able.sum() >= FEWEST:
            return np.flatnonzero(able)
    return np.flatnonzero(able) if able.any() else np.arange(len(present))


def _all_sets(members: int) -> Iterable[tuple[bool, ...]]:
    if members > MOST_MEMBERS:
        raise ConfigError(
            f"the policy logistic solves for every set of members that can be present, and here any can: it then joins at most "
            f"{MOST_MEMBERS} members, it was given {members}; join fewer, or use the policy 'policy'"
        )
    return itertools.islice(itertools.product((False, True), repeat=members), 1, None)


def _number(heard: Iterable[int]) -> int:
    return sum(1 << int(member) for member in heard)


def _largest_within(present: Rows, solved: list[int]) -> Rows:
    """The members of the largest set of `solved` that are all `present`, the lowest number of several; empty if there is none."""
    within = [number for number in solved if not number & ~_number(present)]
    best = max(within, key=int.bit_count, default=0)
    return present[[bool(best >> int(member) & 1) for member in present]]


def _logits(scores: Floats) -> Floats:
    sure = np.clip(scores, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(sure / (1 - sure)), np.float32)
