"""What thresholds need of the columns of a matrix of scores: each label's best threshold, and how many scores reach given ones.

All scores of a label are sorted, some labels at a time, so that memory does not grow with their number. A best threshold lies at the
score of a true pair, for lower ones that accept no further true pair only lose precision.

Dimensions: N products, L labels, E true pairs. Scores are dense or scipy sparse, not negative; 0 is never accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Float64Array, Int64Array, MultiHot, Scores
from shelfwise.metrics.scored_pairs import BLOCK, Matrix, ScoredPairs, by_label

DEFAULT_THRESHOLD = 0.5
"""The paper's threshold; also the answer where nothing can be tuned."""
LABELS_PER_BLOCK = 32
"""Labels sorted at a time, one by one."""


def best_threshold_of_ranked(
    ranked: NDArray[np.floating], positives: NDArray[np.floating], true: int
) -> tuple[float, float]:
    """The threshold with the largest F1, the highest of equal ones, and that F1; :data:`DEFAULT_THRESHOLD` and 0 where none finds any.

    It lies midway between the lowest accepted score and the next lower one.

    Args:
        ranked: all scores, ascending.
        positives: those of true pairs, ascending and above 0.
        true: true pairs, those scored 0 included.

    >>> best_threshold_of_ranked(np.array([0.1, 0.2, 0.6, 0.9]), np.array([0.6, 0.9]), 2)
    (0.4, 1.0)
    """
    if not len(positives):
        return DEFAULT_THRESHOLD, 0.0
    f1 = f1_at(ranked, positives, true, positives)
    # of equally good thresholds the last is the highest
    place = len(f1) - 1 - int(f1[::-1].argmax())
    accepted = float(positives[place])
    below = int(np.searchsorted(ranked, positives[place]))
    refused = float(ranked[below - 1]) if below else 0.0
    midway = (accepted + refused) / 2
    # neighbouring floats have no number between them
    threshold = midway if midway > refused else accepted
    return threshold, float(f1[place])


def best_micro_f1(targets: MultiHot, scores: Scores, thresholds: NDArray[np.floating] | None = None) -> float:
    """The largest micro-F1 that any threshold gives, exactly; 0 where none finds a true pair.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L), not negative.
        thresholds: (T,) rising, the only ones to try; unset: every threshold above 0, exactly.

    >>> best_micro_f1(np.array([[1, 0]]), np.array([[0.3, 0.2]]))
    1.0
    >>> round(best_micro_f1(np.array([[1, 0]]), np.array([[0.3, 0.2]]), np.array([0.1, 0.4])), 3)
    0.667
    """
    wanted = targets > 0
    ranked = np.sort(scores, axis=None)
    positives = np.sort(scores[wanted])
    if thresholds is not None:
        return float(f1_at(ranked, positives, len(positives), thresholds).max())
    return best_threshold_of_ranked(ranked, positives[positives > 0], len(positives))[1]


def f1_at(
    ranked: NDArray[np.floating],
    positives: NDArray[np.floating],
    true: int,
    thresholds: NDArray[np.floating],
) -> Float64Array:
    """The F1 (T,) of accepting all scores from each of T thresholds on; 0 where nothing is accepted and nothing true.

    Args:
        ranked: all scores, ascending.
        positives: those of true pairs, ascending; what is not in here is accepted by no threshold.
        true: true pairs in all.
        thresholds: (T,).

    >>> f1_at(np.array([0.1, 0.6, 0.9]), np.array([0.6, 0.9]), 2, np.array([0.05, 0.5, 0.95])).tolist()
    [0.8, 1.0, 0.0]
    """
    accepted = len(ranked) - np.searchsorted(ranked, thresholds)
    hits = len(positives) - np.searchsorted(positives, thresholds)
    f1: Float64Array = 2 * hits / np.maximum(accepted + true, 1)
    return f1


def own_thresholds(
    scores: Matrix, rows: Int64Array, labels: Int64Array, wanted: Bools | None = None
) -> Float64Array:
    """Each label's own best threshold (L,).

    Args:
        rows, labels: (E,) the true pairs.
        wanted: (N,) the products to look at, unset: all.
    """
    width = scores.shape[1]
    if wanted is not None:
        rows, labels = rows[wanted[rows]], labels[wanted[rows]]
    true, positives = np.bincount(labels, minlength=width), scores_at(scores, rows, labels)
    order = np.lexsort((positives, labels))
    order = order[positives[order] > 0]
    each = np.split(positives[order], np.cumsum(np.bincount(labels[order], minlength=width))[:-1])
    thresholds = np.full(width, DEFAULT_THRESHOLD)
    for label, ranked in _ranked(scores, wanted, np.array([len(own) > 0 for own in each])):
        thresholds[label] = best_threshold_of_ranked(ranked, each[label], int(true[label]))[0]
    return thresholds


def scores_at(scores: Matrix, rows: Int64Array, labels: Int64Array) -> NDArray[np.floating]:
    """The scores (E,) of given pairs."""
    if not len(rows):
        return np.zeros(0, np.float32)
    return np.asarray((scores.tocsr() if sp.issparse(scores) else scores)[rows, labels]).reshape(-1)


def count_reaching(scores: Matrix, thresholds: Float64Array, wanted: Bools) -> Int64Array:
    """How many scores of the products `wanted` (N,) reach each row of `thresholds` (T, L), all of them above 0."""
    counts, rows = np.zeros(len(thresholds), np.int64), np.flatnonzero(wanted)
    if sp.issparse(scores):
        some = sp.coo_array(scores.tocsr()[rows])
        return np.array([np.count_nonzero(some.data >= row[some.col]) for row in thresholds], np.int64)
    step = max(1, BLOCK // max(scores.shape[1], 1))
    for start in range(0, len(rows), step):
        block = scores[rows[start : start + step]]
        counts += [np.count_nonzero(block >= row) for row in thresholds]
    return counts


def _ranked(scores: Matrix, wanted: Bools | None, used: Bools) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """Of each label that is `used` (L,) the scores, ascending; sparse ones without the zeros."""
    if sp.issparse(scores):
        columns = (scores if wanted is None else scores.tocsr()[np.flatnonzero(wanted)]).tocsc()
        for label in np.flatnonzero(used):
            yield int(label), np.sort(columns.data[columns.indptr[label] : columns.indptr[label + 1]])
        return
    for start in range(0, scores.shape[1], LABELS_PER_BLOCK):
        some = np.flatnonzero(used[start : start + LABELS_PER_BLOCK])
        if len(some):
            block = by_label(scores[:, start : start + LABELS_PER_BLOCK])[some]
            block = block if wanted is None else block[:, wanted]
            block.sort(axis=1)
            yield from zip((start + some).tolist(), block, strict=True)


T = TypeVar("T")


SORTED_WHOLE = 1 << 17
"""Cells that are sorted whole: looking for what to leave out would take longer."""


SAMPLE_EVERY = 16
"""Floors are guessed from one product in so many."""


PAIRS_PER_POSITIVE = 4.0
"""Pairs for each true one at first: enough where the best F1 is above 0.4."""


MARGIN = 1.25
"""Of the next depth: the sample may put a floor too high."""


MIN_SAMPLED = 16
"""Sampled pairs at least, so that a floor is more than luck."""


def solve_on_top_pairs(scores: Matrix, targets: Matrix, work: Callable[[ScoredPairs], tuple[T, float]]) -> T:
    """The answer of `work` on all pairs of `scores` and `targets` (N, L), found from as few of the highest as leave no doubt.

    Args:
        work: gives an answer and how much it is in doubt, see :func:`pairs_needed`.
    """
    if sp.issparse(scores) or np.size(scores) <= SORTED_WHOLE:
        return work(ScoredPairs.of(scores, targets))[0]
    some = np.asarray(scores)[::SAMPLE_EVERY]
    true = targets.count_nonzero() if sp.issparse(targets) else np.count_nonzero(targets)
    sampled = true * len(some) / len(scores)
    wanted = max(PAIRS_PER_POSITIVE * sampled, MIN_SAMPLED)
    while True:
        answer, open_ = work(ScoredPairs.of(scores, targets, np.full(scores.shape[1], _lowest(some, wanted))))
        if not open_:
            return answer
        wanted = min(max(open_ * sampled, 2 * wanted), 8 * wanted)


def pairs_needed(pairs: ScoredPairs, kept: int, true: int, best: float) -> float:
    """How many pairs for each true one would make an answer sure; 0: it is.

    Args:
        kept: the `pairs` that were looked at.
        true: the true ones among these products, whether looked at or not.
        best: the largest F1 that was found.
    """
    if not true or not pairs.floors.any() or best > 2 * true / (kept + true):
        return 0.0
    return MARGIN * (2 / max(best, 1e-9) - 1)


def _lowest(values: NDArray[np.floating], wanted: float) -> float:
    """What the `wanted` highest of all `values` reach; 0 where they are all."""
    place = values.size - int(np.ceil(wanted))
    return float(np.partition(values, place, axis=None)[place]) if place > 0 else 0.0
