"""Logistic stacking: one logistic regression a label, rare labels drawn towards what holds for all labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from shelfwise.contracts import Bools, Context, Floats, FusionPolicy, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import ConfigError, NotFittedError

Doubles = NDArray[np.float64]

MOST_MEMBERS = 6  # 63 sets, each with weights of its own
CERTAIN = 1e-4  # scores nearer to 0 or 1 count as this near: a member's last digits of certainty say nothing
LEAST_SPREAD = 0.1  # of logits; what hardly varied in training must not explode later
CHUNK = 2048
NEWTON_STEPS, LONGEST_STEP, SOLVED = 25, 3.0, 1e-2
SHARED_PENALTY = 1e-2  # on the weights shared by all labels: only against members that say the same
FEWEST = 50  # products that have a set of members, for it to be fitted on these alone


class LogisticSettings(PluginSettings):
    """How strongly the weights are held back."""

    shrink: PositiveFloat = Field(
        3.0, description="pull of each label's weights towards those shared by all labels; a label with more products is drawn less"
    )
    others: PositiveFloat | Literal["off"] = Field(
        30.0, description="penalty on the weights of the other labels' scores; off: a label is judged by its own scores alone"
    )


class Logistic(FusionPolicy):
    """Per-label logistic stacking with hierarchical shrinkage, a solution for every set of present members.

    A label is judged by its *own* scores: each member's logit, and its logit relative to what the member gives all labels
    together (the logarithm of the label's softmax share). Weights shared by all labels are fitted first; each label's
    then depart from them as far as its products bear out: ``loss_l(w_l) + shrink / 2 * |w_l - shared|^2``. The label is
    then corrected by what the members say of *other* labels (all logits, standardised).

    Every set is fitted on all products that have its members; one that hardly any product has, on all products that have
    any of its members, absent ones saying nothing.
    """

    Settings = LogisticSettings
    settings: LogisticSettings

    def __init__(self, settings: LogisticSettings) -> None:
        super().__init__(settings)
        self.arrays_: dict[str, NDArray[Any]] = {}

    def fit(self, outputs: MemberOutputs, targets: Floats, validation: tuple[MemberOutputs, Floats] | None, context: Context) -> Self:
        """Solve for every set of members; nothing is random.

        Raises:
            ConfigError: more members than sets can be solved for.
        """
        members = outputs.present.shape[1]
        if members > MOST_MEMBERS:
            raise ConfigError(f"the policy logistic joins at most {MOST_MEMBERS} members, it was given {members}; use the policy 'policy'")
        self.arrays_ = dict(zip(("centre", "mean", "spread"), _moments(outputs), strict=True))
        for pattern in range(1, 2**members):
            heard = _members(pattern, members)
            rows = _able(outputs.present[:, heard])
            inputs, standardised = self._inputs(outputs, rows, heard)
            own = _own_weights(inputs, targets[rows], self.settings.shrink)
            self.arrays_[f"own_{pattern}"] = own
            if self.settings.others != "off":
                offset = np.einsum("npl,lp->nl", inputs, own)
                self.arrays_[f"others_{pattern}"] = corrections(standardised, offset, targets[rows], self.settings.others)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        self._fitted()
        fused = np.zeros((len(outputs), outputs.scores.shape[2]), np.float32)
        patterns = outputs.present @ (1 << np.arange(outputs.present.shape[1], dtype=np.int64))
        for pattern in np.unique(patterns[patterns > 0]):
            rows = np.flatnonzero(patterns == pattern)
            inputs, standardised = self._inputs(outputs, rows, _members(pattern, outputs.present.shape[1]))
            logits = np.einsum("npl,lp->nl", inputs, self.arrays_[f"own_{pattern}"])
            if self.settings.others != "off":
                logits += standardised @ self.arrays_[f"others_{pattern}"]
            fused[rows] = expit(logits)
        return fused

    def state(self) -> State:
        """What the inputs are centred and scaled by, and the weights by pattern (bit m is set where member m is present)."""
        self._fitted()
        return State(self.arrays_)

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.arrays_ = dict(state.arrays)
        return self

    def _fitted(self) -> None:
        if not self.arrays_:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")

    def _inputs(self, outputs: MemberOutputs, rows: Rows, heard: Rows) -> tuple[Floats, Floats]:
        """What `heard` (K,) members say of `rows` (R,): own inputs (R, 2K + 1, L), and all logits, standardised (R, K * L)."""
        logits, able = _logits(outputs.scores[np.ix_(rows, heard)]), outputs.present[np.ix_(rows, heard)][:, :, None]
        shares = logits - logsumexp(logits, axis=2, keepdims=True)
        middle = self.arrays_["centre"][:, heard, None]
        own = [np.ones_like(logits[:, :1]), *(np.where(able, said - middle[i], 0) for i, said in enumerate((logits, shares)))]
        standardised = np.where(able, (logits - self.arrays_["mean"][heard]) / self.arrays_["spread"][heard], 0)
        return np.concatenate(own, axis=1).astype(np.float32), standardised.reshape(len(rows), -1).astype(np.float32)


def fit_logistic(inputs: Floats, targets: Floats, start: Doubles, penalty: float) -> Doubles:
    """Minimise ``log loss + penalty / 2 * |w - start|^2`` by Newton's method, all labels at once.

    Args:
        inputs: (N, P, L); every label has inputs of its own.
        targets: (N, L) of 0 and 1.
        start: (L, P), or (1, P) for weights that all labels share.

    Returns:
        Weights of the shape of `start`.
    """
    weights, labels, width = start, targets.shape[1], inputs.shape[1]
    for _ in range(NEWTON_STEPS):
        slope, curvature = _derivatives(inputs, targets, np.broadcast_to(weights, (labels, width)))
        if len(start) == 1:
            slope, curvature = slope.sum(axis=0, keepdims=True), curvature.sum(axis=0, keepdims=True)
        slope, curvature = slope + penalty * (weights - start), curvature + penalty * np.eye(width)
        step = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        length = np.abs(step).max(axis=1, keepdims=True)
        weights = weights - step * np.minimum(1, LONGEST_STEP / np.maximum(length, SOLVED))
        if length.max() < SOLVED:
            break
    return weights


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
    scale = np.sqrt(np.maximum(values, 0)[:, None] * (likely * (1 - likely)).mean(axis=0, dtype=np.float64) + penalty)
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
    inputs: Floats, offset: Floats, targets: Floats, scale: Doubles, penalty: float
) -> Callable[[Doubles], tuple[float, Doubles]]:
    """The loss, and its gradient, of weights given as ``scale * weights``, flat."""

    def loss(scaled: Doubles) -> tuple[float, Doubles]:
        weights = scaled.reshape(scale.shape) / scale
        logits = offset + inputs @ weights.astype(np.float32)
        value = (np.logaddexp(0, logits) - targets * logits).sum(dtype=np.float64) + penalty / 2 * np.square(weights).sum()
        slope = (inputs.T @ (expit(logits) - targets)).astype(np.float64) + penalty * weights
        return float(value), (slope / scale).ravel()

    return loss


def _derivatives(inputs: Floats, targets: Floats, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Gradient (L, P) and Hessian (L, P, P) of the log loss, summed in double precision over portions of products."""
    labels, width = weights.shape
    slope, curvature = np.zeros((labels, width)), np.zeros((labels, width, width))
    single = weights.astype(np.float32)
    for start in range(0, len(inputs), CHUNK):
        x = np.ascontiguousarray(inputs[start : start + CHUNK].transpose(1, 0, 2))
        p = expit(np.einsum("pnl,lp->nl", x, single))
        slope += np.einsum("pnl,nl->lp", x, p - targets[start : start + CHUNK])
        bent = x * (p * (1 - p))
        for i in range(width):
            for j in range(i + 1):
                curvature[:, i, j] += np.einsum("nl,nl->l", bent[i], x[j])
    return slope, curvature + np.tril(curvature, -1).transpose(0, 2, 1)


def _own_weights(inputs: Floats, targets: Floats, shrink: float) -> Floats:
    """Weights (L, P) of every label's own inputs (N, P, L), drawn towards those that all labels share."""
    shared = fit_logistic(inputs, targets, np.zeros((1, inputs.shape[1])), SHARED_PENALTY)
    return fit_logistic(inputs, targets, np.repeat(shared, targets.shape[1], axis=0), shrink).astype(np.float32)


def _moments(outputs: MemberOutputs) -> tuple[Floats, Floats, Floats]:
    """Where present: the means (2, M) of logits and log shares over all labels; mean and spread (M, L) of the logits."""
    logits, able = _logits(outputs.scores), outputs.present[:, :, None]
    count = np.maximum(outputs.present.sum(axis=0), 1)[:, None]
    shares = logits - logsumexp(logits, axis=2, keepdims=True)
    centre = np.stack([(np.where(able, said, 0).sum(axis=0, dtype=np.float64) / count).mean(axis=1) for said in (logits, shares)])
    mean = np.where(able, logits, 0).sum(axis=0, dtype=np.float64) / count
    variance = np.where(able, np.square(logits - mean), 0).sum(axis=0, dtype=np.float64) / count
    return centre.astype(np.float32), mean.astype(np.float32), np.sqrt(np.maximum(variance, LEAST_SPREAD**2)).astype(np.float32)


def _able(present: Bools) -> Rows:
    """The products that have all members of `present` (N, K); if these are too few, any of them; if there is none, all."""
    for able in (present.all(axis=1), present.any(axis=1)):
        if able.sum() >= FEWEST:
            return np.flatnonzero(able)
    return np.flatnonzero(able) if able.any() else np.arange(len(present))


def _members(pattern: int, members: int) -> Rows:
    return np.flatnonzero([pattern >> m & 1 for m in range(members)])


def _logits(scores: Floats) -> Floats:
    sure = np.clip(scores, CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log(sure / (1 - sure)), np.float32)
