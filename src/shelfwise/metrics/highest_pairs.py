"""The highest scored labels of each product: what decisions fall among; the others are nearly all near 0.

Dimensions: N products, L labels, E pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from shelfwise.core.types import Float64Array, Int64Array, Matrix
from shelfwise.metrics.counts import row_blocks
from shelfwise.metrics.scored_pairs import positive_cells, scores_of_a_row

CELLS_PER_BLOCK = 1 << 20
"""Scores that are looked through at a time: bounds the memory."""


@dataclass(frozen=True)
class HighestPairs:
    """Some pairs of each product, product by product, each from its highest score down.

    Args:
        rows: (E,) the product of each pair, rising.
        labels: (E,) its label.
        scores: (E,) above 0.
    """

    rows: Int64Array
    labels: Int64Array
    scores: Float64Array

    @classmethod
    def of(cls, scores: Matrix, count: int) -> HighestPairs:
        """The `count` highest of the `scores` (N, L), dense or sparse, of each product; fewer where 0.

        Of equal scores the first labels are taken.
        """
        found: list[tuple[Int64Array, Int64Array, Float64Array]] = []
        for block in row_blocks(scores.shape[0], scores_of_a_row(scores), CELLS_PER_BLOCK):
            rows, labels, values = _highest(scores[block], count)
            found.append((rows + block.start, labels, values))
        if not found:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        # the parts of all blocks, by what they are
        every_row, every_label, every_value = zip(*found, strict=True)
        return cls(
            np.concatenate(every_row), np.concatenate(every_label), np.concatenate(every_value)
        )


def _highest(block: Matrix, count: int) -> tuple[Int64Array, Int64Array, Float64Array]:
    """The highest pairs of a few products."""
    if count < block.shape[1] and not sp.issparse(block):
        # only what reaches the last score that can be taken has to be sorted
        place = block.shape[1] - count
        lowest = np.partition(block, place, axis=1)[:, place : place + 1]
        block = np.where(block >= lowest, block, 0)
    rows, labels, values = positive_cells(block)
    order = np.lexsort((labels, -values, rows))
    rows = rows[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    # more than `count` reach the last score where several are equal
    kept = order[rank < count]
    return rows[rank < count], labels[kept], values[kept]
