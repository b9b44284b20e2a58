"""What a ridge regression needs to know of products: sums, from which it is solved for any of its inputs.

Dimensions: N products, M members, L labels, C inputs of one ridge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shelfwise.core.types import Float64Array, Floats, Rows

CHUNK_ROWS = 8192
"""Products whose scores are in double precision at a time."""

RANK_TOLERANCE = 1e-12
"""Of a Gram matrix, hence 1e-6 of the scores, which are single precision."""

Solution = tuple[Floats, Floats]
"""The weights (C, L) and the intercept (L,) of one ridge."""


@dataclass(frozen=True)
class RidgeStatistics:
    """All that a ridge needs to know of some products; those of two parts add up to those of the whole.

    Args:
        count: products.
        x, y: (M * L,) and (L,) sums of scores and of targets.
        xx, xy: (M * L, M * L) and (M * L, L) sums of products.
    """

    count: float
    x: Float64Array
    y: Float64Array
    xx: Float64Array
    xy: Float64Array

    @classmethod
    def of(cls, scores: Floats, targets: Floats, rows: Rows, columns: Rows) -> RidgeStatistics:
        """Those of some `rows`, in double precision; 0 beside `columns` (C,).

        Args:
            scores: (N, M * L).
            targets: (N, L).
        """
        width = scores.shape[1]
        labels = targets.shape[1]
        x = np.zeros(width)
        y = np.zeros(labels)
        xx = np.zeros((width, width))
        xy = np.zeros((width, labels))
        square = np.ix_(columns, columns)
        # a chunk at a time: the scores of all products in double precision would take twice the memory again
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows[start : start + CHUNK_ROWS]
            chunk_scores = take_block(scores, chunk, columns).astype(np.float64)
            chunk_targets = targets[chunk].astype(np.float64)
            x[columns] += chunk_scores.sum(axis=0)
            y += chunk_targets.sum(axis=0)
            xx[square] += chunk_scores.T @ chunk_scores
            xy[columns] += chunk_scores.T @ chunk_targets
        return cls(len(rows), x, y, xx, xy)

    def __add__(self, other: RidgeStatistics) -> RidgeStatistics:
        return RidgeStatistics(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
        )

    def solve(self, columns: Rows, alpha: float) -> Solution:
        """The ridge on the inputs `columns` (C,) only; the intercept is not penalised."""
        mean_x = self.x[columns] / self.count
        mean_y = self.y / self.count
        # centred, which takes the intercept out of the problem
        xx = self.xx[np.ix_(columns, columns)] - self.count * np.outer(mean_x, mean_x)
        xy = self.xy[columns] - self.count * np.outer(mean_x, mean_y)
        if alpha > 0:
            weights = np.linalg.solve(xx + alpha * np.eye(len(columns)), xy)
        else:
            # scores that depend on each other have many least-squares solutions: lstsq takes the smallest
            weights = np.linalg.lstsq(xx, xy, rcond=RANK_TOLERANCE)[0]
        intercept = mean_y - mean_x @ weights
        return weights.astype(np.float32), intercept.astype(np.float32)


def take_block(scores: Floats, rows: Rows, columns: Rows) -> Floats:
    """Some rows and columns, (rows, columns); of all columns in one step."""
    chosen = scores[rows]
    return chosen if len(columns) == scores.shape[1] else chosen[:, columns]
