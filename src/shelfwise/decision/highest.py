"""The few pairs that a best threshold can depend on, out of very many: thresholds are exact, and most scores are never sorted.

A threshold that accepts A pairs of a label with T products has an F1 of at most ``2 T / (A + T)``. So once the K highest
pairs of a label hold a threshold better than ``2 T / (K + T)``, no lower pair can change the answer. How far down they reach
is guessed from some of the products; where the guess was too high, the next one goes deeper.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.decision.pairs import Doubles, Matrix, Pairs

T = TypeVar("T")
Doubts = Doubles
"""(L + 1,) of each label, and last of all labels pooled, how many pairs for each true one would make its answer sure; 0: it is."""

FEW = 1 << 17
"""Cells that are sorted whole: looking for what to leave out would take longer."""
SAMPLE = 1 << 22
"""Cells that floors are guessed from."""
DEPTH = 4.0
"""Pairs for each true one at first: enough where the best F1 is above 0.4."""
MARGIN = 1.25
"""Of the next depth: the sample may put a floor too high."""
LEAST = 16
"""Sampled pairs a label at least, so that the floor of a rare label is more than luck."""


def settle(scores: Matrix, targets: Matrix, work: Callable[[Pairs], tuple[T, Doubts]], each: bool = True) -> T:
    """The answer of `work` on all pairs of `scores` and `targets` (N, L), found from as few of the highest as leave no doubt.

    Args:
        work: gives an answer and its doubts, see :func:`doubts`.
        each: whether it looks at every label by itself too; otherwise only at all of them pooled.
    """
    if sp.issparse(scores) or np.size(scores) <= FEW:
        return work(Pairs.of(scores, targets))[0]
    some = np.asarray(scores)[:: max(1, np.size(scores) // SAMPLE)]
    share, ranked = len(some) / len(scores), np.sort(some.T, axis=1)
    marked = sp.coo_array(targets).col if sp.issparse(targets) else np.flatnonzero(targets) % len(ranked)
    support = np.bincount(marked, minlength=len(ranked))
    pooled, depth = np.sort(ranked, axis=None)[None], np.full(len(ranked) + 1, DEPTH)
    while True:
        wanted = depth * share * np.append(support, support.sum())
        floors = np.tile(_reached(pooled, wanted[-1:]), len(ranked))
        if each:
            floors = np.minimum(floors, _reached(ranked, wanted[:-1]))
        answer, open_ = work(Pairs.of(scores, targets, floors))
        if not open_.any():
            return answer
        depth = np.where(open_ > 0, np.clip(open_, 2 * depth, 8 * depth), depth)


def doubts(pairs: Pairs, best: Doubles) -> Doubts:
    """The doubts (L,) of labels whose best F1 among `pairs` is `best` (L,)."""
    accepted = np.bincount(pairs.labels, minlength=len(best))
    possible = 2 * pairs.support / np.maximum(accepted + pairs.support, 1)
    enough = MARGIN * (2 / np.maximum(best, 1e-9) - 1)
    return np.where((pairs.floors > 0) & (pairs.support > 0) & (best <= possible), enough, 0.0)


def _reached(ranked: NDArray[np.floating], wanted: NDArray[np.floating]) -> Doubles:
    """What the `wanted` (L,) highest of the ascending rows (L, n) reach; 0 where they are all."""
    count = ranked.shape[1]
    rank = np.maximum(np.ceil(wanted), LEAST).astype(np.int64)
    reached = ranked[np.arange(len(ranked)), np.maximum(count - rank, 0)].astype(np.float64)
    return np.where(rank < count, reached, 0.0)
