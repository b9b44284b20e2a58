"""The few pairs that a best threshold can depend on, out of very many: it is exact, and most scores are never sorted.

A threshold that accepts A pairs, of which T are true in all, has an F1 of at most ``2 T / (A + T)``. So once the K highest pairs
hold a threshold better than ``2 T / (K + T)``, no lower pair can change the answer. How far down they reach is guessed from some of
the products; where the guess was too high, the next one goes deeper.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.decision.pairs import Matrix, Pairs

T = TypeVar("T")

FEW = 1 << 17
"""Cells that are sorted whole: looking for what to leave out would take longer."""
EVERY = 16
"""Floors are guessed from one product in so many."""
DEPTH = 4.0
"""Pairs for each true one at first: enough where the best F1 is above 0.4."""
MARGIN = 1.25
"""Of the next depth: the sample may put a floor too high."""
LEAST = 16
"""Sampled pairs at least, so that a floor is more than luck."""


def settle(scores: Matrix, targets: Matrix, work: Callable[[Pairs], tuple[T, float]]) -> T:
    """The answer of `work` on all pairs of `scores` and `targets` (N, L), found from as few of the highest as leave no doubt.

    Args:
        work: gives an answer and how much it is in doubt, see :func:`doubt`.
    """
    if sp.issparse(scores) or np.size(scores) <= FEW:
        return work(Pairs.of(scores, targets))[0]
    some = np.asarray(scores)[::EVERY]
    true = targets.count_nonzero() if sp.issparse(targets) else np.count_nonzero(targets)
    sampled = true * len(some) / len(scores)
    wanted = max(DEPTH * sampled, LEAST)
    while True:
        answer, open_ = work(Pairs.of(scores, targets, np.full(scores.shape[1], _lowest(some, wanted))))
        if not open_:
            return answer
        wanted = min(max(open_ * sampled, 2 * wanted), 8 * wanted)


def doubt(pairs: Pairs, kept: int, true: int, best: float) -> float:
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
