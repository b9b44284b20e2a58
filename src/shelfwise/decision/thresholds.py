"""From scores to decisions: where to cut so that F1 is largest.

Dimensions: N products, L labels, E scored pairs. Tune on products the model was not fitted on. Scores to tune on may be dense or
scipy sparse; those to decide on are dense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.core.types import Float64Array, Int64Array, Scores, State
from shelfwise.decision.expected_f1 import best_sets
from shelfwise.metrics.scored_pairs import Matrix, ScoredPairs, positive_cells, random_parts
from shelfwise.metrics.threshold_search import (
    DEFAULT_THRESHOLD,
    best_threshold_of_ranked,
    count_reaching,
    own_thresholds,
    scores_at,
)
from shelfwise.metrics.top_pairs import pairs_needed, solve_on_top_pairs

Rule = Literal["fixed", "global", "per_label", "per_product"]
SHRINKS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, float("inf"))
"""In products, what is tried for per-label thresholds."""


@dataclass(frozen=True)
class Thresholds:
    """How scores become decisions.

    Args:
        rule: ``fixed``, one number that was given; ``global``, the one number with the largest micro-F1; ``per_label``, a number a
            label, drawn towards the global one where the label is rare; ``per_product``, no number: each product gets the set of
            labels with the largest expected F1, for which scores must be calibrated (:func:`~shelfwise.decision.expected_f1.best_sets`).
        values: () or (L,), from which score on a label is given; of ``per_product`` unused, and 0.
        shrink: of ``per_label``, in products, as :func:`per_label_thresholds` has it.
    """

    rule: Rule
    values: Float64Array
    shrink: float | None = None

    @classmethod
    def fit(
        cls, scores: Matrix, targets: Matrix, rule: Rule, fixed: float = DEFAULT_THRESHOLD, seed: int = 0
    ) -> Self:
        """Tune on `scores` (N, L) of products that the model had not seen, and their `targets` (N, L).

        How far rare labels are drawn is settled by cross-validation over these products.

        Args:
            fixed: the threshold of the rule ``fixed``.
            seed: of the parts of the cross-validation.
        """
        if rule == "per_label":
            shrink = best_shrink(targets, scores, seed=seed)
            return cls(rule, per_label_thresholds(targets, scores, shrink), shrink)
        values = {
            "fixed": lambda: fixed,
            "global": lambda: best_threshold(targets, scores),
            "per_product": lambda: 0.0,
        }
        return cls(rule, np.asarray(values[rule](), np.float64))

    def decide(self, scores: Scores) -> NDArray[np.bool_]:
        """Decisions (N, L)."""
        return best_sets(scores) if self.rule == "per_product" else decide(scores, self.values)

    def state(self) -> State:
        """Everything :meth:`from_state` needs; an infinite `shrink` (the global threshold for all) is an array's number, not JSON's."""
        return State(
            {"values": self.values, "shrink": np.array([] if self.shrink is None else [self.shrink])},
            {"rule": self.rule},
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The thresholds that `state` was taken from."""
        shrink = state.arrays["shrink"]
        return cls(state.facts["rule"], state.arrays["values"], float(shrink[0]) if len(shrink) else None)


def best_threshold(targets: Matrix, scores: Matrix) -> float:
    """The single threshold with the largest micro-F1, exactly: every distinct score is tried.

    The answer lies midway between the lowest accepted and the highest refused score. Among equally good thresholds
    the highest is given. A score of 0 means "knows nothing" and is never accepted, so the answer is above 0.
    Without any positive target, or none that is scored above 0, it is :data:`DEFAULT_THRESHOLD`.

    Args:
        targets: (N, L) or (N,), bool or 0 and 1.
        scores: the same shape, not negative.

    >>> best_threshold(np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.6, 0.2]))
    0.4
    """
    if np.ndim(scores) == 1 and not hasattr(scores, "tocsr"):
        scores, targets = np.reshape(scores, (-1, 1)), np.reshape(targets, (-1, 1))
    return solve_on_top_pairs(scores, targets, _pooled)


def per_label_thresholds(targets: Matrix, scores: Matrix, shrink: float) -> Float64Array:
    """One threshold a label (L,), drawn towards the global one where the label is rare.

    A label with n positives gets ``w * own + (1 - w) * global`` with ``w = n / (n + shrink)``: its own best threshold
    rests on n products only. Labels without positives get the global threshold.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L), not negative.
        shrink: in products, at least 0; 0 trusts every label's own threshold, infinity none.
    """
    rows, labels, _ = positive_cells(targets)
    support = np.bincount(labels, minlength=scores.shape[1])
    return _drawn(own_thresholds(scores, rows, labels), best_threshold(targets, scores), support, shrink)


def best_shrink(targets: Matrix, scores: Matrix, folds: int = 5, seed: int = 0) -> float:
    """The one of :data:`SHRINKS` whose per-label thresholds give the largest micro-F1 on products they were not tuned on.

    Of equally good ones the largest: it trusts single labels least.
    """
    split = list(random_parts(scores.shape[0], folds, seed))

    def work(pairs: ScoredPairs) -> tuple[list[float], float]:
        found = [_pooled(pairs, ~part) for part in split]
        return [threshold for threshold, _ in found], max((open_ for _, open_ in found), default=0.0)

    rows, labels, _ = positive_cells(targets)
    likely, hits, accepted = (
        scores_at(scores, rows, labels),
        np.zeros(len(SHRINKS), np.int64),
        np.zeros(len(SHRINKS), np.int64),
    )
    for part, whole in zip(split, solve_on_top_pairs(scores, targets, work), strict=True):
        own, support = (
            own_thresholds(scores, rows, labels, ~part),
            np.bincount(labels[~part[rows]], minlength=scores.shape[1]),
        )
        thresholds, held = np.array([_drawn(own, whole, support, shrink) for shrink in SHRINKS]), part[rows]
        hits += np.count_nonzero(likely[held] >= thresholds[:, labels[held]], axis=1)
        accepted += count_reaching(scores, thresholds, part)
    f1 = 2 * hits / np.maximum(accepted + len(rows), 1)
    return SHRINKS[len(SHRINKS) - 1 - int(f1[::-1].argmax())]


def decide(scores: Scores, by: ArrayLike | Thresholds) -> NDArray[np.bool_]:
    """Decisions (N, L): by fitted thresholds, or score >= a number for all or one a label (L,).

    >>> decide(np.array([[0.5, 0.4]]), 0.5)
    array([[ True, False]])
    """
    if isinstance(by, Thresholds):
        return by.decide(scores)
    # as an array: a bare Python float would be rounded to the scores' float32 and could swallow a score it excludes
    return np.asarray(scores >= np.asarray(by, dtype=np.float64))


def _drawn(own: Float64Array, whole: float, support: Int64Array, shrink: float) -> Float64Array:
    """Thresholds (L,): `own` ones drawn towards the `whole` one where the `support`, the products that have the label, is small."""
    weight = np.divide(support, support + shrink, out=np.zeros(len(support)), where=support > 0)
    return np.asarray(weight * own + (1 - weight) * whole)


def _pooled(pairs: ScoredPairs, wanted: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """The best threshold for all labels of the products `wanted` (N,), unset: of all; and how much it is in doubt."""
    scores, hits, true = pairs.scores, pairs.hits, len(pairs.true_rows)
    if wanted is not None:
        some = wanted[pairs.rows]
        scores, hits, true = scores[some], hits[some], int(np.count_nonzero(wanted[pairs.true_rows]))
    threshold, best = best_threshold_of_ranked(np.sort(scores), np.sort(scores[hits]), true)
    return threshold, pairs_needed(pairs, len(scores), true, best)
