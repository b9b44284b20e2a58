"""The pairs of a product and a label that were scored above 0, in few bytes: a large catalogue has many.

Dimensions: N products, L labels, E pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.growing_array import GrowingArray
from shelfwise.core.types import Bools, Matrix, MultiHot, Scores
from shelfwise.metrics.counts import row_blocks
from shelfwise.metrics.scored_pairs import positive_cells, scores_of_a_row, values_at

CELLS_PER_BLOCK = 1 << 20
"""Scores that are looked through at a time: their places take 24 bytes each."""


@dataclass(frozen=True)
class ScoredHits:
    """Pairs, product by product.

    Args:
        rows: (E,) the product of each, rising.
        scores: (E,) above 0, in the precision that they came in.
        hits: (E,) whether the product has the label.
    """

    rows: NDArray[np.int32]
    scores: Scores
    hits: Bools

    @classmethod
    def of(cls, targets: MultiHot, scores: Matrix) -> Self:
        """Those of `scores` (N, L), not negative, with their `targets` (N, L), both dense or sparse."""
        rows = GrowingArray(np.int32)
        values = GrowingArray(scores.dtype)
        hits = GrowingArray(np.bool_)
        scores = scores.tocsr() if sp.issparse(scores) else scores
        targets = targets.tocsr() if sp.issparse(targets) else targets
        for block in row_blocks(scores.shape[0], scores_of_a_row(scores), CELLS_PER_BLOCK):
            own_rows, labels, own = positive_cells(scores[block])
            hits.add(values_at(targets[block], own_rows, labels) > 0)
            rows.add(own_rows + block.start)
            values.add(own)
        return cls(rows.finished(), values.finished(), hits.finished())


def count_positive(targets: MultiHot) -> int:
    """How many cells of `targets` (N, L), dense or sparse, are above 0."""
    stored = targets.data if sp.issparse(targets) else np.asarray(targets)
    return int(np.count_nonzero(stored > 0))
