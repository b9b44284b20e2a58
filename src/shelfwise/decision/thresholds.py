"""From scores to decisions: the thresholds at which F1 is largest.

Dimensions: N products, L labels, E scored pairs. Tune on products the model was not fitted on. Scores may be
dense or scipy sparse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, State
from shelfwise.decision.expected_f1 import best_sets
from shelfwise.metrics.scored_pairs import (
    ScoredPairs,
    positive_cells,
    random_parts,
    values_at,
)
from shelfwise.metrics.threshold_search import (
    DEFAULT_THRESHOLD,
    best_threshold_of_ranked,
    count_reaching,
    own_thresholds,
)
from shelfwise.metrics.top_pairs import pairs_needed, solve_on_top_pairs

Rule = Literal["fixed", "global", "per_label", "per_product"]
SHRINKS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, float("inf"))
"""In products, what is tried for per-label thresholds."""


@dataclass(frozen=True)
class Thresholds:
    """How scores become decisions.

    Args:
        rule: ``fixed``, one number that was given. ``global``, the one number with the largest micro-F1.
            ``per_label``, a number a label, drawn towards the global one where the label is rare.
            ``per_product``, no number: each product gets the set of labels with the largest expected F1, for
            which scores must be calibrated (:func:`~shelfwise.decision.expected_f1.best_sets`).
        values: () or (L,), from which score on a label is given; of ``per_product`` unused, and 0.
        shrink: of ``per_label``, in products, as :func:`per_label_thresholds` has it.
    """

    rule: Rule
    values: Float64Array
    shrink: float | None = None

    @classmethod
    def fit(
        cls,
        scores: Matrix,
        targets: Matrix,
        rule: Rule,
        fixed: float = DEFAULT_THRESHOLD,
        seed: int = 0,
    ) -> Self:
        """Tune on `scores` (N, L) of products that the model had not seen, and their `targets` (N, L).

        How far rare labels are drawn is chosen by cross-validation over these products.

        Args:
            fixed: the threshold of the rule ``fixed``.
            seed: of the parts of the cross-validation.
        """
        if rule == "per_label":
            shrink = best_shrink(targets, scores, seed=seed)
            return cls(rule, per_label_thresholds(targets, scores, shrink), shrink)
        value = 0.0
        if rule == "fixed":
            value = fixed
        elif rule == "global":
            value = best_threshold(targets, scores)
        return cls(rule, np.asarray(value, np.float64))

    def decide(self, scores: Matrix) -> Matrix:
        """Decisions (N, L), dense or sparse as the scores are."""
        return best_sets(scores) if self.rule == "per_product" else decide(scores, self.values)

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        # an infinite shrink (the global threshold for all) is an array's number, not JSON's
        shrink = np.array([] if self.shrink is None else [self.shrink])
        return State({"values": self.values, "shrink": shrink}, {"rule": self.rule})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The thresholds that `state` was taken from."""
        stored = state.arrays["shrink"]
        shrink = float(stored[0]) if len(stored) else None
        return cls(state.facts["rule"], state.arrays["values"], shrink)


def decide(scores: Matrix, by: ArrayLike | Thresholds) -> Matrix:
    """Decisions (N, L): by fitted thresholds, or score >= a number for all or one a label (L,).

    Of sparse scores none that is 0 is given, and decisions are sparse.

    >>> decide(np.array([[0.5, 0.4]]), 0.5)
    array([[ True, False]])
    """
    if isinstance(by, Thresholds):
        return by.decide(scores)
    # as an array: a bare Python float would be rounded to the scores' float32 and could swallow a score it
    # excludes
    limits = np.asarray(by, dtype=np.float64)
    if not sp.issparse(scores):
        return np.asarray(scores >= limits)
    stored = scores.tocoo()
    limits_of_stored = np.broadcast_to(limits, scores.shape[1:])[stored.col]
    given = (stored.data > 0) & (stored.data >= limits_of_stored)
    places = (stored.row[given], stored.col[given])
    return sp.csr_array((np.ones(int(given.sum()), np.bool_), places), shape=scores.shape)


def best_threshold(targets: Matrix, scores: Matrix) -> float:
    """The single threshold with the largest micro-F1, exactly: every distinct score is tried.

    It lies midway between the lowest accepted and the highest refused score. Among equally good thresholds
    the highest is given. A score of 0 means "knows nothing" and is never accepted, so the threshold is above
    0. Without any positive target, or none that is scored above 0, it is :data:`DEFAULT_THRESHOLD`.

    Args:
        targets: (N, L) or (N,), bool or 0 and 1.
        scores: the same shape, not negative.

    >>> best_threshold(np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.6, 0.2]))
    0.4
    """
    # one list of decisions is a matrix with one label
    if not sp.issparse(scores) and np.ndim(scores) == 1:
        scores = np.reshape(scores, (-1, 1))
        targets = np.reshape(targets, (-1, 1))
    return solve_on_top_pairs(scores, targets, _pooled_threshold)


def per_label_thresholds(targets: Matrix, scores: Matrix, shrink: float) -> Float64Array:
    """One threshold a label (L,), drawn towards the global one where the label is rare.

    A label with n positives gets ``w * own + (1 - w) * global`` with ``w = n / (n + shrink)``: its own best
    threshold rests on n products only. Labels without positives get the global threshold.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L), not negative.
        shrink: in products, at least 0; 0 trusts every label's own threshold, infinity none.
    """
    rows, labels, _ = positive_cells(targets)
    support = np.bincount(labels, minlength=scores.shape[1])
    own = own_thresholds(scores, rows, labels)
    return _shrunk(own, best_threshold(targets, scores), support, shrink)


def best_shrink(targets: Matrix, scores: Matrix, folds: int = 5, seed: int = 0) -> float:
    """The shrink whose per-label thresholds give the largest micro-F1 on products they were not tuned on.

    Of equally good :data:`SHRINKS` the largest: it trusts single labels least.
    """
    n_labels = scores.shape[1]
    parts = list(random_parts(scores.shape[0], folds, seed))
    rows, labels, _ = positive_cells(targets)
    true_scores = values_at(scores, rows, labels)
    hits = np.zeros(len(SHRINKS), np.int64)
    accepted = np.zeros(len(SHRINKS), np.int64)
    for part, pooled in zip(parts, _pooled_thresholds(targets, scores, parts), strict=True):
        # tuned on the products outside the part, counted on those inside
        held_out = part[rows]
        support = np.bincount(labels[~held_out], minlength=n_labels)
        own = own_thresholds(scores, rows, labels, ~part)
        thresholds = np.array([_shrunk(own, pooled, support, shrink) for shrink in SHRINKS])
        is_hit = true_scores[held_out] >= thresholds[:, labels[held_out]]
        hits += np.count_nonzero(is_hit, axis=1)
        accepted += count_reaching(scores, thresholds, part)
    f1 = 2 * hits / np.maximum(accepted + len(rows), 1)
    # the last of the largest
    from_the_end = int(f1[::-1].argmax())
    return SHRINKS[len(SHRINKS) - 1 - from_the_end]


def _pooled_thresholds(targets: Matrix, scores: Matrix, parts: list[Bools]) -> list[float]:
    """For each part the best threshold for all labels of the products outside it."""

    def solve(pairs: ScoredPairs) -> tuple[list[float], float]:
        found = [_pooled_threshold(pairs, ~part) for part in parts]
        thresholds = [threshold for threshold, _ in found]
        # the pairs must do for all parts
        return thresholds, max((needed for _, needed in found), default=0.0)

    return solve_on_top_pairs(scores, targets, solve)


def _pooled_threshold(pairs: ScoredPairs, wanted: Bools | None = None) -> tuple[float, float]:
    """The best threshold for all labels, and how many pairs for each true one would make it sure.

    Args:
        wanted: (N,) the products that count; unset: all.
    """
    scores = pairs.scores
    hits = pairs.hits
    true = len(pairs.true_rows)
    if wanted is not None:
        kept = wanted[pairs.rows]
        scores = scores[kept]
        hits = hits[kept]
        true = int(np.count_nonzero(wanted[pairs.true_rows]))
    # sorted once: counts above any threshold are then a search
    ranked = np.sort(scores)
    positives = np.sort(scores[hits])
    threshold, best = best_threshold_of_ranked(ranked, positives, true)
    return threshold, pairs_needed(pairs, len(scores), true, best)


def _shrunk(own: Float64Array, pooled: float, support: Int64Array, shrink: float) -> Float64Array:
    """Thresholds (L,): each label's own, drawn towards the pooled one where its support (L,) is small."""
    # without support, 0 / (0 + shrink) would not be a number where the shrink is 0
    weight = np.zeros(len(support))
    np.divide(support, support + shrink, out=weight, where=support > 0)
    return np.asarray(weight * own + (1 - weight) * pooled)
