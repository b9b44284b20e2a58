"""From scores to probabilities: of the labels scored 0.8, eight in ten shall be right.

Methods, each of a curve a label that never falls:
    * ``sigmoid``: ``logit p = a logit s + c``, a >= 0 (Platt 1999);
    * ``beta``: ``logit p = a ln s - b ln(1 - s) + c``, a and b >= 0 (Kull, Silva Filho and Flach 2017);
    * ``isotonic``: the best rising curve (Zadrozny and Elkan 2002), straight between its bends;
    * ``none``: scores as they are.

Curves of rare labels are drawn towards one that all labels share. They are fitted on rounded scores with the
number of pairs that have them, so that the time hardly grows with the number of products.

Dimensions: N products, L labels, E scored pairs. Scores may be dense or scipy sparse. A score of 0 ("knows
nothing", or too small to be kept) stays 0 and takes no part in a fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit

from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, State
from shelfwise.decision.calibration_curves import IsotonicCurves, bent_columns, rising_logistic
from shelfwise.metrics.calibration import EPSILON, TOP_LABELS, log_loss
from shelfwise.metrics.highest_pairs import HighestPairs
from shelfwise.metrics.score_counts import FoldCounts, ScoreCounts
from shelfwise.metrics.scored_pairs import map_scores, random_folds, values_at

Method = Literal["none", "sigmoid", "beta", "isotonic"]
Arrays = Mapping[str, NDArray[Any]]
Candidate = tuple[Method, float]
"""A method and its shrink."""

CurvesByShrink = Callable[[float], Arrays]
"""From a shrink to the arrays of the curves."""

METHODS: tuple[Method, ...] = ("none", "sigmoid", "beta", "isotonic")
SHRINKS = (1.0, 10.0, 100.0, 1000.0)
FOLDS = 3
SHARED_PENALTY = 1e-2
"""On the curve that all labels share: only against data that can be told apart without a mistake."""

TIES = {"sigmoid": np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), "beta": np.eye(3)}
"""How the weights of a method make up those of ``ln s``, ``-ln(1 - s)`` and 1."""


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration: a rising curve for each of L labels.

    Args:
        method: how curves are drawn.
        shrink: how strongly a label's curve is drawn towards the one that all labels share. ``sigmoid``,
            ``beta``: the penalty on the squared distance of its weights from the shared ones. ``isotonic``:
            of a label with n positives ``n / (n + shrink)`` is its own curve, the rest the shared one.
        arrays: the curves.
        losses: cross-validated log loss of what was tried, over the top labels, by "method shrink"; empty
            where there was nothing to choose.
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
        """Learn from `scores` (N, L) in [0, 1] of products that the model had not seen, and their `targets`.

        The method ``auto``, and an unset `shrink`, are chosen by the smallest cross-validated log loss over
        every product's five highest scored labels.

        Args:
            targets: (N, L), bool or 0 and 1.
            seed: of the parts of the cross-validation.
        """
        candidates = _candidates(method, shrink)
        # counted once for each fold: any training part is then a sum of the others
        fold_of = random_folds(scores.shape[0], FOLDS, seed)
        counts = FoldCounts.of(scores, targets, fold_of)
        losses: dict[Candidate, float] = {}
        chosen = candidates[0]
        if len(candidates) > 1:
            top = _TopPairs.of(scores, targets, fold_of)
            losses = _cross_validated_losses(counts, top, candidates)
            chosen = min(losses, key=lambda candidate: losses[candidate])
        chosen_method, chosen_shrink = chosen
        # what was chosen on parts is fitted on all products
        arrays = _curves(counts.without(), chosen_method)(chosen_shrink)
        named = {}
        for (tried_method, tried_shrink), loss in losses.items():
            named[f"{tried_method} {tried_shrink:g}"] = loss
        return cls(chosen_method, chosen_shrink, arrays, named)

    def apply(self, scores: Matrix) -> Matrix:
        """Probabilities (N, L), float32, dense or sparse as `scores`; 0 stays 0."""

        def probabilities(labels: Int64Array, values: Float64Array) -> Float64Array:
            return _probabilities(self.method, self.arrays, labels, values)

        return map_scores(scores, probabilities)

    def out_of_fold(self, scores: Matrix, targets: Matrix, folds: int = 5, seed: int = 0) -> Matrix:
        """As :meth:`apply`, (N, L), for the products this was fitted on, each by curves fitted on others.

        Fit thresholds and acceptance limits on these: a calibration flatters the products it was fitted on.
        """
        fold_of = random_folds(scores.shape[0], folds, seed)
        counts = FoldCounts.of(scores, targets, fold_of)
        parts: list[Matrix] = []
        for fold in range(len(counts.pairs)):
            # the curves are fitted anew; method and shrink stay those that were chosen on all products
            arrays = _curves(counts.without(fold), self.method)(self.shrink)
            of_fold = replace(self, arrays=arrays)
            parts.append(of_fold.apply(scores[fold_of == fold]))
        # products come fold by fold, and go back to their places
        place = np.argsort(np.argsort(fold_of, kind="stable"))
        if sp.issparse(scores):
            return sp.vstack(parts, format="csr")[place]
        return np.concatenate(parts)[place]

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        facts = {"method": self.method, "shrink": self.shrink, "losses": dict(self.losses)}
        return State(self.arrays, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The calibration that `state` was taken from."""
        return cls(
            method=state.facts["method"],
            shrink=state.facts["shrink"],
            arrays=dict(state.arrays),
            losses=dict(state.facts["losses"]),
        )


def _candidates(method: Method | Literal["auto"], shrink: float | None) -> list[Candidate]:
    """What is tried; ``none`` has nothing to shrink."""
    methods = METHODS if method == "auto" else (method,)
    shrinks = SHRINKS if shrink is None else (shrink,)
    candidates: list[Candidate] = []
    for one in methods:
        if one == "none":
            candidates.append((one, 0.0))
        else:
            candidates += [(one, strength) for strength in shrinks]
    return candidates


@dataclass(frozen=True)
class _TopPairs:
    """The highest scored labels of each product, by which methods are compared, E pairs in all.

    The many pairs near 0 would drown these few, among which decisions fall.

    Args:
        labels, scores, hits, fold: (E,).
    """

    labels: Int64Array
    scores: Float64Array
    hits: Bools
    fold: Int64Array

    @classmethod
    def of(cls, scores: Matrix, targets: Matrix, fold_of: Int64Array) -> _TopPairs:
        """Those of `scores` (N, L), whose products are in the folds `fold_of` (N,)."""
        top = HighestPairs.of(scores, TOP_LABELS)
        hits = values_at(targets, top.rows, top.labels) > 0
        return cls(top.labels, top.scores, hits, fold_of[top.rows])


def _cross_validated_losses(
    counts: FoldCounts, top: _TopPairs, candidates: list[Candidate]
) -> dict[Candidate, float]:
    """The log loss of each candidate on the top pairs, by curves that were not fitted on them."""
    likely = {candidate: np.zeros(len(top.scores)) for candidate in candidates}
    for fold in range(len(counts.pairs)):
        training = counts.without(fold)
        held_out = top.fold == fold
        labels = top.labels[held_out]
        scores = top.scores[held_out]
        # what does not depend on the shrink is done once a method
        curves = {method: _curves(training, method) for method, _ in candidates}
        for method, shrink in candidates:
            arrays = curves[method](shrink)
            likely[method, shrink][held_out] = _probabilities(method, arrays, labels, scores)
    return {candidate: log_loss(top.hits, values) for candidate, values in likely.items()}


def _curves(counts: ScoreCounts, method: Method) -> CurvesByShrink:
    """The curves for any shrink; what does not depend on it is done once, here."""
    if method == "none":
        return lambda shrink: {}
    if method == "isotonic":
        return _isotonic_curves(counts)
    return _logistic_curves(counts, TIES[method])


def _isotonic_curves(counts: ScoreCounts) -> CurvesByShrink:
    """Each label's own steps, and those of all labels as one, with how much its own count."""
    n_positives = np.bincount(counts.labels, counts.hits, counts.n_labels)
    arrays: dict[str, NDArray[Any]] = {}
    for kind, of_kind in (("own", counts), ("shared", counts.pooled())):
        for name, values in vars(IsotonicCurves.fit(of_kind)).items():
            arrays[f"{kind}.{name}"] = values

    def steps(shrink: float) -> Arrays:
        # without a positive a label's own steps are all 0, and count nothing
        trust = np.zeros(len(n_positives))
        np.divide(n_positives, n_positives + shrink, out=trust, where=n_positives > 0)
        return {"trust": trust, **arrays}

    return steps


def _logistic_curves(counts: ScoreCounts, tie: Float64Array) -> CurvesByShrink:
    """Each label's weights, drawn towards those that all labels share.

    Args:
        tie: (P, 3) how the P weights of the method make up those of the three columns.
    """
    # the shared curve is drawn towards scores as they are: slope 1 and constant 0
    unchanged = np.append(np.ones(len(tie) - 1), 0)[None]
    pooled = counts.pooled()
    pooled_inputs = bent_columns(pooled.scores) @ tie.T
    shared = rising_logistic(pooled_inputs, pooled, unchanged, SHARED_PENALTY)
    start = np.repeat(shared, counts.n_labels, axis=0)
    inputs = bent_columns(counts.scores) @ tie.T

    def weights(shrink: float) -> Arrays:
        own = rising_logistic(inputs, counts, start, shrink)
        return {"weights": own @ tie}

    return weights


def _probabilities(
    method: Method, arrays: Arrays, labels: Int64Array, scores: Float64Array
) -> Float64Array:
    """The height (E,) of each label's curve at `scores` (E,), which are above 0."""
    if method == "none":
        return scores
    if method == "isotonic":
        own = _restored_curves(arrays, "own").at(labels, scores)
        shared = _restored_curves(arrays, "shared").at(np.zeros_like(labels), scores)
        trust = arrays["trust"][labels]
        likely = trust * own + (1 - trust) * shared
    else:
        likely = expit(np.einsum("ep,ep->e", bent_columns(scores), arrays["weights"][labels]))
    # no catalogue has the products to tell a probability from 0 or 1
    return np.clip(likely, EPSILON, 1 - EPSILON)


def _restored_curves(arrays: Arrays, kind: str) -> IsotonicCurves:
    """The steps of one kind from the arrays of a calibration."""
    return IsotonicCurves(
        places=arrays[f"{kind}.places"],
        heights=arrays[f"{kind}.heights"],
        lowest=arrays[f"{kind}.lowest"],
        highest=arrays[f"{kind}.highest"],
    )
