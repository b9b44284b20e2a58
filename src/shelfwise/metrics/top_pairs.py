"""The best threshold from the highest pairs alone: nearly all pairs are easy zeros that no threshold accepts.

Dimensions: N products, L labels. Scores are dense or scipy sparse, not negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Matrix
from shelfwise.metrics.scored_pairs import ScoredPairs

MAX_CELLS_SORTED_WHOLE = 1 << 17
"""Cells that are sorted whole: looking for what to leave out would take longer."""

SAMPLE_EVERY = 16
"""Floors are guessed from one product in so many."""

PAIRS_PER_POSITIVE = 4.0
"""Pairs for each true one at first: enough where the best F1 is above 0.4."""

DEPTH_MARGIN = 1.25
"""Factor on the next number of pairs: the sample may put a floor too high."""

MIN_SAMPLED_PAIRS = 16
"""Sampled pairs at least, so that a floor is more than luck."""

T = TypeVar("T")


def solve_on_top_pairs(
    scores: Matrix, targets: Matrix, solve: Callable[[ScoredPairs], tuple[T, float]]
) -> T:
    """The answer of `solve` on all pairs of `scores` and `targets` (N, L), from as few as will do.

    Args:
        solve: gives an answer, and how many pairs for each true one would make it sure; see
            :func:`pairs_needed`.
    """
    if sp.issparse(scores) or np.size(scores) <= MAX_CELLS_SORTED_WHOLE:
        answer, _ = solve(ScoredPairs.of(scores, targets))
        return answer
    sample = np.asarray(scores)[::SAMPLE_EVERY]
    n_true = targets.count_nonzero() if sp.issparse(targets) else np.count_nonzero(targets)
    true_in_sample = n_true * len(sample) / len(scores)
    wanted = max(PAIRS_PER_POSITIVE * true_in_sample, MIN_SAMPLED_PAIRS)
    while True:
        floor = _kth_highest(sample, wanted)
        pairs = ScoredPairs.of(scores, targets, np.full(scores.shape[1], floor))
        answer, needed = solve(pairs)
        if not needed:
            return answer
        # at least twice as deep, so that it ends soon; at most eight times, as the need is an upper bound
        wanted = min(max(needed * true_in_sample, 2 * wanted), 8 * wanted)


def pairs_needed(pairs: ScoredPairs, kept: int, true: int, best: float) -> float:
    """How many pairs for each true one would make an answer sure; 0: it is.

    Args:
        kept: the `pairs` that were looked at.
        true: the true ones among these products, whether looked at or not.
        best: the largest F1 that was found.
    """
    if not true or not pairs.floors.any():
        return 0.0
    # deeper thresholds accept more than `kept` pairs, and at best all true ones: no F1 there is above this
    best_below = 2 * true / (kept + true)
    if best > best_below:
        return 0.0
    # the number of pairs, in units of `true`, at which that bound falls to the best that was found
    return DEPTH_MARGIN * (2 / max(best, 1e-9) - 1)


def _kth_highest(values: NDArray[np.floating], wanted: float) -> float:
    """What the `wanted` highest of all `values` reach; 0 where they are all."""
    place = values.size - int(np.ceil(wanted))
    return float(np.partition(values, place, axis=None)[place]) if place > 0 else 0.0
