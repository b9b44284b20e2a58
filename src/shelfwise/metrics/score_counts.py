"""How often each label got which score, and how often rightly: all that a rising curve is fitted on.

Scores are rounded to steps of their logit. A label then has some hundred different ones however many products
there are, and curves are fitted on these, each with the number of its pairs. Most pairs are nearly 0, and
share one.

Dimensions: N products, L labels, F folds, K different scores of all labels together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from shelfwise.core.types import Float64Array, Int64Array, Matrix
from shelfwise.metrics.calibration import EPSILON
from shelfwise.metrics.counts import row_blocks
from shelfwise.metrics.scored_pairs import positive_cells, scores_of_a_row, values_at

STEPS_PER_LOGIT = 32
"""A probability is off by less than a hundredth of itself."""

LOWEST_STEP: int = round(np.log(EPSILON / (1 - EPSILON)) * STEPS_PER_LOGIT)
"""Of the lowest score that is told apart; the highest is as far on the other side of 0."""

STEPS = 1 - 2 * LOWEST_STEP
"""Different scores that a label can have."""

CELLS_PER_BLOCK = 1 << 21
"""Scores that are counted at a time: bounds the memory."""


@dataclass(frozen=True)
class ScoreCounts:
    """The different scores of every label, and how many pairs have each.

    Args:
        labels: (K,) rising.
        scores: (K,) above 0, rising within a label.
        pairs: (K,) how many products have this score for this label.
        hits: (K,) how many of them have the label.
        n_labels: L, those without any score included.
    """

    labels: Int64Array
    scores: Float64Array
    pairs: Float64Array
    hits: Float64Array
    n_labels: int

    def pooled(self) -> ScoreCounts:
        """All labels as one."""
        scores, place = np.unique(self.scores, return_inverse=True)
        return ScoreCounts(
            labels=np.zeros(len(scores), np.int64),
            scores=scores,
            pairs=_summed(place, self.pairs, len(scores)),
            hits=_summed(place, self.hits, len(scores)),
            n_labels=1,
        )


@dataclass(frozen=True)
class FoldCounts:
    """The same for every fold of the products.

    Args:
        labels, scores: (K,) as in :class:`ScoreCounts`.
        pairs, hits: (F, K).
        n_labels: L.
    """

    labels: Int64Array
    scores: Float64Array
    pairs: Float64Array
    hits: Float64Array
    n_labels: int

    @classmethod
    def of(cls, scores: Matrix, targets: Matrix, fold_of: Int64Array) -> FoldCounts:
        """Count the `scores` (N, L) above 0, dense or sparse, and those with the target.

        Args:
            targets: (N, L), bool or 0 and 1.
            fold_of: (N,) from 0 on.
        """
        n_labels = scores.shape[1]
        width = scores_of_a_row(scores)
        n_folds = int(fold_of.max(initial=0)) + 1
        keys = np.zeros(0, np.int64)
        counts = np.zeros(0)
        for block in row_blocks(scores.shape[0], width, CELLS_PER_BLOCK):
            rows, labels, values = positive_cells(scores[block])
            is_hit = values_at(targets[block], rows, labels) > 0
            # label, score, fold and hit in one number, so that one sort groups all four
            key = (labels * STEPS + _step_of(values)) * n_folds + fold_of[block][rows]
            new_keys, new_counts = np.unique(2 * key + is_hit, return_counts=True)
            # added up block by block: there are far fewer different keys than pairs
            keys, place = np.unique(np.append(keys, new_keys), return_inverse=True)
            counts = _summed(place, np.append(counts, new_counts), len(keys))
        group, fold_and_hit = np.divmod(keys, 2 * n_folds)
        fold, is_hit = np.divmod(fold_and_hit, 2)
        groups, place = np.unique(group, return_inverse=True)
        label, step = np.divmod(groups, STEPS)
        shape = (n_folds, len(groups))
        places = fold * len(groups) + place
        pairs = _summed(places, counts, n_folds * len(groups)).reshape(shape)
        hits = _summed(places, counts * is_hit, n_folds * len(groups)).reshape(shape)
        return cls(label, _score_of(step), pairs, hits, n_labels)

    def without(self, fold: int | None = None) -> ScoreCounts:
        """The counts of all folds but one; of all where it is None."""
        pairs = self.pairs.sum(axis=0)
        hits = self.hits.sum(axis=0)
        if fold is not None:
            pairs -= self.pairs[fold]
            hits -= self.hits[fold]
        # what only the fold left out has is not there
        used = pairs > 0
        return ScoreCounts(
            self.labels[used], self.scores[used], pairs[used], hits[used], self.n_labels
        )


def rounded(scores: Float64Array) -> Float64Array:
    """Scores above 0 as they are counted.

    >>> rounded(np.array([0.5, 0.501, 1e-9])).tolist()
    [0.5, 0.5, 0.0001]
    """
    return _score_of(_step_of(scores))


def _summed(places: Int64Array, values: Float64Array, count: int) -> Float64Array:
    """The sum of the values (E,) in each of `count` places."""
    return np.asarray(np.bincount(places, values, count), np.float64)


def _step_of(scores: Float64Array) -> Int64Array:
    """The step of each score, from 0 on."""
    clipped = np.clip(scores, EPSILON, 1 - EPSILON)
    logits = np.log(clipped / (1 - clipped))
    return np.asarray(np.rint(logits * STEPS_PER_LOGIT), np.int64) - LOWEST_STEP


def _score_of(step: Int64Array) -> Float64Array:
    """The score in the middle of each step."""
    middle = expit((step + LOWEST_STEP) / STEPS_PER_LOGIT)
    return np.asarray(np.clip(middle, EPSILON, 1 - EPSILON))
