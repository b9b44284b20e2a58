"""From scores to decisions: where to cut so that F1 is largest.

Dimensions: N products, L labels, E scored pairs. Tune on products the model was not fitted on. Scores to tune on may be dense or
scipy sparse; those to decide on are dense.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.contracts import State
from shelfwise.decision.expected_f1 import best_sets
from shelfwise.decision.highest import Doubts, doubts, settle
from shelfwise.decision.pairs import Doubles, Matrix, Pairs, parts

Scores = NDArray[np.floating]
Rule = Literal["fixed", "global", "per_label", "per_product"]
DEFAULT = 0.5
"""The paper's threshold; also the answer where nothing can be tuned."""
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
    values: Doubles
    shrink: float | None = None

    @classmethod
    def fit(cls, scores: Matrix, targets: Matrix, rule: Rule, fixed: float = DEFAULT, seed: int = 0) -> Self:
        """Tune on `scores` (N, L) of products that the model had not seen, and their `targets` (N, L).

        How far rare labels are drawn is settled by cross-validation over these products.

        Args:
            fixed: the threshold of the rule ``fixed``.
            seed: of the parts of the cross-validation.
        """
        if rule == "per_label":
            shrink = best_shrink(targets, scores, seed=seed)
            return cls(rule, per_label_thresholds(targets, scores, shrink), shrink)
        values = {"fixed": lambda: fixed, "global": lambda: best_threshold(targets, scores), "per_product": lambda: 0.0}
        return cls(rule, np.asarray(values[rule](), np.float64))

    def decide(self, scores: Scores) -> NDArray[np.bool_]:
        """Decisions (N, L)."""
        return best_sets(scores) if self.rule == "per_product" else decide(scores, self.values)

    def state(self) -> State:
        """Everything :meth:`restored` needs; an infinite `shrink` (the global threshold for all) is an array's number, not JSON's."""
        return State({"values": self.values, "shrink": np.array([] if self.shrink is None else [self.shrink])}, {"rule": self.rule})

    @classmethod
    def restored(cls, state: State) -> Self:
        """The thresholds that `state` was taken from."""
        shrink = state.arrays["shrink"]
        return cls(state.facts["rule"], state.arrays["values"], float(shrink[0]) if len(shrink) else None)


def best_threshold(targets: Matrix, scores: Matrix) -> float:
    """The single threshold with the largest micro-F1, exactly: every distinct score is tried.

    The answer lies midway between the lowest accepted and the highest refused score. Among equally good thresholds
    the highest is given. A score of 0 means "knows nothing" and is never accepted, so the answer is above 0.
    Without any positive target, or none that is scored above 0, it is :data:`DEFAULT`.

    Args:
        targets: (N, L) or (N,), bool or 0 and 1.
        scores: the same shape, not negative.

    >>> best_threshold(np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.6, 0.2]))
    0.4
    """
    if np.ndim(scores) == 1 and not hasattr(scores, "tocsr"):
        scores, targets = np.reshape(scores, (-1, 1)), np.reshape(targets, (-1, 1))

    def work(pairs: Pairs) -> tuple[float, Doubts]:
        (threshold,), open_ = _own(pairs.pooled())
        return float(threshold), np.append(np.zeros(pairs.shape[1]), open_)

    return settle(scores, targets, work, each=False)


def per_label_thresholds(targets: Matrix, scores: Matrix, shrink: float) -> Doubles:
    """One threshold a label (L,), drawn towards the global one where the label is rare.

    A label with n positives gets ``w * own + (1 - w) * global`` with ``w = n / (n + shrink)``: its own best threshold
    rests on n products only. Labels without positives get the global threshold.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L), not negative.
        shrink: in products, at least 0; 0 trusts every label's own threshold, infinity none.
    """

    def work(pairs: Pairs) -> tuple[Doubles, Doubts]:
        thresholds, open_ = _shrunk(pairs)
        return thresholds(shrink), open_

    return settle(scores, targets, work)


def best_shrink(targets: Matrix, scores: Matrix, folds: int = 5, seed: int = 0) -> float:
    """The one of :data:`SHRINKS` whose per-label thresholds give the largest micro-F1 on products they were not tuned on.

    Of equally good ones the largest: it trusts single labels least.
    """

    def work(pairs: Pairs) -> tuple[float, Doubts]:
        hits, accepted, all_open = np.zeros(len(SHRINKS)), np.zeros(len(SHRINKS)), np.zeros(pairs.shape[1] + 1)
        for part in parts(pairs.shape[0], folds, seed):
            (thresholds, open_), held = _shrunk(pairs.of_products(~part)), pairs.of_products(part)
            all_open = np.maximum(all_open, open_)
            for i, shrink in enumerate(SHRINKS):
                given = held.scores >= thresholds(shrink)[held.labels]
                hits[i] += np.count_nonzero(given & held.hits)
                accepted[i] += np.count_nonzero(given)
        f1 = 2 * hits / np.maximum(accepted + len(pairs.true_rows), 1)
        return SHRINKS[len(SHRINKS) - 1 - int(f1[::-1].argmax())], all_open

    return settle(scores, targets, work)


def decide(scores: Scores, by: ArrayLike | Thresholds) -> NDArray[np.bool_]:
    """Decisions (N, L): by fitted thresholds, or score >= a number for all or one a label (L,).

    >>> decide(np.array([[0.5, 0.4]]), 0.5)
    array([[ True, False]])
    """
    if isinstance(by, Thresholds):
        return by.decide(scores)
    # as an array: a bare Python float would be rounded to the scores' float32 and could swallow a score it excludes
    return np.asarray(scores >= np.asarray(by, dtype=np.float64))


def sweep(targets: NDArray[np.generic], scores: Scores) -> tuple[Scores, Scores, NDArray[np.int64], NDArray[np.int64]]:
    """What every threshold worth trying would do; (N, L) or (N,) are taken as one list.

    Returns:
        All scores, ascending; the P scores of the positive targets, ascending; and for each of these, as the threshold,
        how many positives and how many scores in all reach it.
    """
    ranked = np.sort(scores, axis=None)
    positives = np.sort(np.asarray(scores)[np.asarray(targets, dtype=bool)])
    return ranked, positives, len(positives) - np.searchsorted(positives, positives), len(ranked) - np.searchsorted(ranked, positives)


def _shrunk(pairs: Pairs) -> tuple[Callable[[float], Doubles], Doubts]:
    """The per-label thresholds for any shrink, what takes long done once; and their doubts."""
    (own, open_), (whole, whole_open), support = _own(pairs), _own(pairs.pooled()), pairs.support

    def thresholds(shrink: float) -> Doubles:
        weight = np.divide(support, support + shrink, out=np.zeros(len(support)), where=support > 0)
        return np.asarray(weight * own + (1 - weight) * whole)

    return thresholds, np.append(open_, whole_open)


def _own(pairs: Pairs) -> tuple[Doubles, Doubts]:
    """Each label's threshold (L,) with the largest F1, the highest of equal ones; :data:`DEFAULT` where none finds any; and doubts (L,)."""
    thresholds, highest = np.full(len(pairs.support), DEFAULT), np.zeros(len(pairs.support))
    if not len(pairs.labels):
        return thresholds, doubts(pairs, highest)
    first = np.flatnonzero(np.diff(pairs.labels, prepend=-1))
    place = np.cumsum(np.diff(pairs.labels, prepend=pairs.labels[0]) > 0)  # which of the labels that were scored at all
    accepted = np.arange(len(pairs.labels)) - first[place] + 1
    found = np.cumsum(pairs.hits)
    found = found - (found - pairs.hits)[first][place]
    below = np.append(np.where(np.diff(pairs.labels) == 0, pairs.scores[1:], 0), 0)  # the next lower score of the label
    # in a run of equal scores only the last stands for a threshold: all of them are accepted, or none
    f1 = np.where(below < pairs.scores, 2 * found / (accepted + pairs.support[pairs.labels]), 0.0)
    best = np.maximum.reduceat(f1, first)
    at_best = np.flatnonzero(f1 == best[place])
    chosen = at_best[np.diff(place[at_best], prepend=-1) > 0]
    midway = (pairs.scores[chosen] + below[chosen]) / 2
    midway = np.where(midway > below[chosen], midway, pairs.scores[chosen])  # neighbouring floats have no number between them
    thresholds[pairs.labels[chosen]] = np.where(best > 0, midway, DEFAULT)
    highest[pairs.labels[first]] = best
    return thresholds, doubts(pairs, highest)
