"""Best thresholds by F1, one for all labels or one a label, and how many scores reach given ones.

All scores of a label are sorted, some labels at a time, so that memory does not grow with their number. A
best threshold lies at the score of a true pair: lower ones that accept no further true pair only lose
precision.

Dimensions: N products, L labels, E true pairs. Scores are dense or scipy sparse, not negative; 0 is never
accepted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, MultiHot, Scores
from shelfwise.metrics.counts import CELLS_PER_BLOCK, row_blocks
from shelfwise.metrics.scored_pairs import label_major, values_at

DEFAULT_THRESHOLD = 0.5
"""The paper's threshold; also the answer where nothing can be tuned."""

LABELS_PER_BLOCK = 32
"""Labels whose scores are sorted together, one by one."""


def best_threshold_of_ranked(ranked: Scores, positives: Scores, true: int) -> tuple[float, float]:
    """The threshold with the largest F1, the highest of equal ones, and that F1.

    It lies midway between the lowest accepted score and the next lower one. Where no threshold finds a true
    pair it is :data:`DEFAULT_THRESHOLD`, and F1 is 0.

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
    from_the_end = int(f1[::-1].argmax())
    place = len(f1) - 1 - from_the_end
    accepted = float(positives[place])
    below = int(np.searchsorted(ranked, positives[place]))
    refused = float(ranked[below - 1]) if below else 0.0
    midway = (accepted + refused) / 2
    # neighbouring floats have no number between them
    threshold = midway if midway > refused else accepted
    return threshold, float(f1[place])


def best_micro_f1(
    targets: MultiHot, scores: Scores, thresholds: NDArray[np.floating] | None = None
) -> float:
    """The largest micro-F1 that any threshold gives, exactly; 0 where none finds a true pair.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L), not negative.
        thresholds: (T,) rising, the only ones to try; unset: every threshold above 0.

    >>> best_micro_f1(np.array([[1, 0]]), np.array([[0.3, 0.2]]))
    1.0
    >>> round(best_micro_f1(np.array([[1, 0]]), np.array([[0.3, 0.2]]), np.array([0.1, 0.4])), 3)
    0.667
    """
    wanted = targets > 0
    # pooled: all labels are one list
    ranked = np.sort(scores, axis=None)
    positives = np.sort(scores[wanted])
    if thresholds is not None:
        return float(f1_at(ranked, positives, len(positives), thresholds).max())
    # true pairs scored 0 are never accepted, yet count as missed
    _, f1 = best_threshold_of_ranked(ranked, positives[positives > 0], len(positives))
    return f1


def f1_at(
    ranked: Scores, positives: Scores, true: int, thresholds: NDArray[np.floating]
) -> Float64Array:
    """The F1 (T,) of accepting all scores from each of T thresholds on.

    It is 0 where nothing is accepted and nothing true.

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
    n_labels = scores.shape[1]
    if wanted is not None:
        kept = wanted[rows]
        rows = rows[kept]
        labels = labels[kept]
    true = np.bincount(labels, minlength=n_labels)
    # the scores above 0 of each label's true pairs, ascending
    values = values_at(scores, rows, labels)
    order = np.lexsort((values, labels))
    order = order[values[order] > 0]
    ends = np.cumsum(np.bincount(labels[order], minlength=n_labels))
    positives = np.split(values[order], ends[:-1])
    # labels without any keep the default, and their scores need no sorting
    has_positives = np.array([len(own) > 0 for own in positives])
    thresholds = np.full(n_labels, DEFAULT_THRESHOLD)
    for label, ranked in _ranked_by_label(scores, wanted, has_positives):
        best, _ = best_threshold_of_ranked(ranked, positives[label], int(true[label]))
        thresholds[label] = best
    return thresholds


def count_reaching(scores: Matrix, thresholds: Float64Array, wanted: Bools) -> Int64Array:
    """How many scores of the products `wanted` (N,) reach each row of `thresholds` (T, L), all above 0."""
    rows = np.flatnonzero(wanted)
    counts = np.zeros(len(thresholds), np.int64)
    if sp.issparse(scores):
        stored = sp.coo_array(scores.tocsr()[rows])
        counts += [np.count_nonzero(stored.data >= row[stored.col]) for row in thresholds]
        return counts
    # block by block, so that each is compared with all thresholds while it is in the cache
    for block_rows in row_blocks(len(rows), scores.shape[1], CELLS_PER_BLOCK):
        block = scores[rows[block_rows]]
        counts += [np.count_nonzero(block >= row) for row in thresholds]
    return counts


def _ranked_by_label(
    scores: Matrix, wanted: Bools | None, used: Bools
) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """Of each label that is `used` (L,) the scores of the products `wanted` (N,), ascending.

    Of sparse scores the zeros are left out: no threshold reaches them.
    """
    if sp.issparse(scores):
        some = scores if wanted is None else scores.tocsr()[np.flatnonzero(wanted)]
        columns = some.tocsc()
        for label in np.flatnonzero(used):
            stored = slice(columns.indptr[label], columns.indptr[label + 1])
            yield int(label), np.sort(columns.data[stored])
        return
    for start in range(0, scores.shape[1], LABELS_PER_BLOCK):
        of_block = np.flatnonzero(used[start : start + LABELS_PER_BLOCK])
        if not len(of_block):
            continue
        # a label a row, contiguous: sorting columns in place would miss the cache at every step
        block = label_major(scores[:, start : start + LABELS_PER_BLOCK])[of_block]
        if wanted is not None:
            block = block[:, wanted]
        block.sort(axis=1)
        yield from zip((start + of_block).tolist(), block, strict=True)
