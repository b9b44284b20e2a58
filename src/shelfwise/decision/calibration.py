"""From scores to probabilities: of the labels scored 0.8, eight in ten shall be right. Rare labels lean on all labels together.

Methods, each of a curve a label that never falls:
    * ``sigmoid``: ``logit p = a logit s + c``, a >= 0 (Platt 1999);
    * ``beta``: ``logit p = a ln s - b ln(1 - s) + c``, a and b >= 0 (Kull, Silva Filho and Flach 2017);
    * ``isotonic``: the best rising curve (Zadrozny and Elkan 2002), straight between its bends;
    * ``none``: scores as they are.

Dimensions: N products, L labels, E scored pairs. Scores may be dense or scipy sparse. A score of 0 ("knows nothing", or too
small to be kept) stays 0 and takes no part in a fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit

from shelfwise.core.types import Float64Array, Int64Array, State
from shelfwise.decision.calibration_curves import IsotonicCurves, bent_columns, rising_logistic
from shelfwise.metrics.calibration import EPSILON, log_loss
from shelfwise.metrics.scored_pairs import Matrix, ScoredPairs, map_scores, random_parts

Method = Literal["none", "sigmoid", "beta", "isotonic"]
Arrays = Mapping[str, NDArray[Any]]

METHODS: tuple[Method, ...] = ("none", "sigmoid", "beta", "isotonic")
SHRINKS = (1.0, 10.0, 100.0, 1000.0)
FOLDS = 3
TOP_LABELS = 5
"""A product's highest scored labels, by which methods are compared: decisions fall among these, the others are nearly all near 0."""

SHARED_PENALTY = (
    1e-2  # on the curve that all labels share: only against data that can be told apart without a mistake
)
TIES = {"sigmoid": np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), "beta": np.eye(3)}
"""How the weights of a method make up those of ``ln s``, ``-ln(1 - s)`` and 1."""


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration: a rising curve for each of L labels.

    Args:
        method: how curves are drawn.
        shrink: how strongly a label's curve is drawn towards the one that all labels share. ``sigmoid``, ``beta``: the penalty on
            the squared distance of its weights from the shared ones. ``isotonic``: of a label with n positives
            ``n / (n + shrink)`` is its own curve, the rest the shared one.
        arrays: the curves.
        losses: cross-validated log loss of what was tried, over the foremost labels, by "method shrink"; empty where there was
            nothing to choose.
    """

    method: Method
    shrink: float
    arrays: Arrays
    losses: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        scores: Matrix,
        targets: Matrix,
        method: Method | Literal["auto"] = "auto",
        shrink: float | None = None,
        seed: int = 0,
    ) -> Self:
        """Learn from `scores` (N, L) in [0, 1] of products that the model had not seen, and their `targets` (N, L).

        The method ``auto``, and an unset `shrink`, are settled by the smallest cross-validated log loss over every product's five
        highest scored labels.

        Args:
            seed: of the parts of the cross-validation.
        """
        strengths = SHRINKS if shrink is None else (shrink,)
        tried = [
            (m, s)
            for m in (METHODS if method == "auto" else (method,))
            for s in (strengths if m != "none" else (0.0,))
        ]
        pairs = ScoredPairs.of(scores, targets)
        losses = _losses(pairs, tried, seed) if len(tried) > 1 else {}
        chosen = min(losses, key=lambda one: losses[one]) if losses else tried[0]
        return cls(
            *chosen,
            _drawn(pairs, chosen[0])(chosen[1]),
            {f"{m} {s:g}": loss for (m, s), loss in losses.items()},
        )

    def apply(self, scores: Matrix) -> Matrix:
        """Probabilities (N, L), float32, dense or sparse as `scores`; 0 stays 0."""
        return map_scores(
            scores, lambda labels, values: _probabilities(self.method, self.arrays, labels, values)
        )

    def out_of_fold(self, scores: Matrix, targets: Matrix, folds: int = 5, seed: int = 0) -> Matrix:
        """As :meth:`apply` for the products that this was fitted on, each by curves of the same kind fitted on the others.

        Fit thresholds and acceptance limits on these: a calibration flatters the products that it learnt from.
        """
        pairs = ScoredPairs.of(scores, targets)
        likely = np.zeros(len(pairs.scores))
        for part in random_parts(pairs.shape[0], folds, seed):
            asked = part[pairs.rows]
            arrays = _drawn(pairs.of_products(~part), self.method)(self.shrink)
            likely[asked] = _probabilities(self.method, arrays, pairs.labels[asked], pairs.scores[asked])
        crossed = sp.csr_matrix((likely.astype(np.float32), (pairs.rows, pairs.labels)), pairs.shape)
        return crossed if sp.issparse(scores) else crossed.toarray()

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        return State(self.arrays, {"method": self.method, "shrink": self.shrink, "losses": dict(self.losses)})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The calibration that `state` was taken from."""
        return cls(
            state.facts["method"], state.facts["shrink"], dict(state.arrays), dict(state.facts["losses"])
        )


def _losses(
    pairs: ScoredPairs, tried: list[tuple[Method, float]], seed: int
) -> dict[tuple[Method, float], float]:
    """The log loss of each of `tried` on the foremost pairs, by curves that were not fitted on them."""
    likely = {one: np.zeros(len(pairs.scores)) for one in tried}
    for part in random_parts(pairs.shape[0], FOLDS, seed):
        learnt, asked = pairs.of_products(~part), part[pairs.rows]
        drawn = {method: _drawn(learnt, method) for method, _ in tried}
        for method, shrink in tried:
            likely[method, shrink][asked] = _probabilities(
                method, drawn[method](shrink), pairs.labels[asked], pairs.scores[asked]
            )
    counted = _foremost(pairs)
    return {one: log_loss(pairs.hits[counted], values[counted]) for one, values in likely.items()}


def _foremost(pairs: ScoredPairs) -> Int64Array:
    """The pairs that are among the highest scored of their product."""
    order = np.lexsort((-pairs.scores, pairs.rows))
    starts = np.searchsorted(pairs.rows[order], np.arange(pairs.shape[0]))
    return np.sort(order[np.arange(len(order)) - starts[pairs.rows[order]] < TOP_LABELS])


def _drawn(pairs: ScoredPairs, method: Method) -> Callable[[float], Arrays]:
    """The curves for any shrink; what does not depend on it is done once."""
    if method == "none":
        return lambda shrink: {}
    return _drawn_steps(pairs) if method == "isotonic" else _drawn_weights(pairs, TIES[method])


def _drawn_steps(pairs: ScoredPairs) -> Callable[[float], Arrays]:
    positives = np.bincount(pairs.labels, pairs.hits, len(pairs.support))
    curves = {"own": IsotonicCurves.fit(pairs), "shared": IsotonicCurves.fit(pairs.pooled())}
    arrays = {
        f"{kind}.{name}": values for kind, curve in curves.items() for name, values in vars(curve).items()
    }

    def steps(shrink: float) -> Arrays:
        return {
            "trust": np.divide(
                positives, positives + shrink, out=np.zeros(len(positives)), where=positives > 0
            ),
            **arrays,
        }

    return steps


def _drawn_weights(pairs: ScoredPairs, tie: Float64Array) -> Callable[[float], Arrays]:
    inputs, as_they_are = bent_columns(pairs.scores) @ tie.T, np.append(np.ones(len(tie) - 1), 0)[None]
    shared = rising_logistic(inputs, pairs.hits, np.zeros_like(pairs.labels), as_they_are, SHARED_PENALTY)
    start = np.repeat(shared, len(pairs.support), axis=0)
    return lambda shrink: {"weights": rising_logistic(inputs, pairs.hits, pairs.labels, start, shrink) @ tie}


def _probabilities(method: Method, arrays: Arrays, labels: Int64Array, scores: Float64Array) -> Float64Array:
    """The height (E,) of each label's curve at `scores` (E,), which are above 0."""
    if method == "none":
        return scores
    if method == "isotonic":
        own, shared = (
            IsotonicCurves(*(arrays[f"{kind}.{name}"] for name in IsotonicCurves.__annotations__))
            for kind in ("own", "shared")
        )
        trust = arrays["trust"][labels]
        likely = trust * own.at(labels, scores) + (1 - trust) * shared.at(np.zeros_like(labels), scores)
    else:
        likely = expit(np.einsum("ep,ep->e", bent_columns(scores), arrays["weights"][labels]))
    return np.clip(likely, EPSILON, 1 - EPSILON)
