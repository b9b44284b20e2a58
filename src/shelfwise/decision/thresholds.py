"""From scores to decisions: where to cut so that F1 is largest.

Dimensions: N products, L labels. Tune on products the model was not fitted on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.floating]
DEFAULT = 0.5
"""The paper's threshold; also the answer where nothing can be tuned."""


def best_threshold(targets: NDArray[np.generic], scores: Scores) -> float:
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
    ranked, positives, hits, accepted = sweep(targets, scores)
    # only a positive's own score is worth cutting at: to accept negatives below it costs precision and finds nothing
    f1 = np.where(positives > 0, 2 * hits / (accepted + len(positives)), 0.0)
    if not f1.any():
        return DEFAULT
    best = len(f1) - 1 - int(f1[::-1].argmax())
    lowest, below = float(positives[best]), len(ranked) - int(accepted[best]) - 1
    highest = max(float(ranked[below]), 0.0) if below >= 0 else 0.0
    midpoint = (lowest + highest) / 2
    return midpoint if midpoint > highest else lowest  # neighbouring floats have no number between them


def sweep(targets: NDArray[np.generic], scores: Scores) -> tuple[Scores, Scores, NDArray[np.int64], NDArray[np.int64]]:
    """What every threshold worth trying would do; (N, L) or (N,) are taken as one list.

    Returns:
        All scores, ascending; the P scores of the positive targets, ascending; and for each of these, as the threshold,
        how many positives and how many scores in all reach it.
    """
    ranked = np.sort(scores, axis=None)
    positives = np.sort(np.asarray(scores)[np.asarray(targets, dtype=bool)])
    return ranked, positives, len(positives) - np.searchsorted(positives, positives), len(ranked) - np.searchsorted(ranked, positives)


def per_label_thresholds(targets: NDArray[np.generic], scores: Scores, shrink: float) -> NDArray[np.float64]:
    """One threshold a label (L,), drawn towards the global one where the label is rare.

    A label with n positives gets ``w * own + (1 - w) * global`` with ``w = n / (n + shrink)``: its own best threshold
    rests on n products only. Labels without positives get the global threshold.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L), not negative.
        shrink: in products, at least 0; 0 trusts every label's own threshold, infinity none.
    """
    support = np.count_nonzero(targets, axis=0)
    own = np.array([best_threshold(targets[:, label], scores[:, label]) for label in range(len(support))])
    weight = np.divide(support, support + shrink, out=np.zeros(len(support)), where=support > 0)
    return np.asarray(weight * own + (1 - weight) * best_threshold(targets, scores))


def decide(scores: Scores, thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Decisions (N, L): score >= threshold, one for all or one a label (L,).

    >>> decide(np.array([[0.5, 0.4]]), 0.5)
    array([[ True, False]])
    """
    # as an array: a bare Python float would be rounded to the scores' float32 and could swallow a score it excludes
    return np.asarray(scores >= np.asarray(thresholds, dtype=np.float64))
