"""What calibration figures are computed from, counted of some products; counts of parts add up.

Bins are equally wide in score, as only these are the same whatever products there are: bins of equal mass
need all scores at once.

Dimensions: N products, L labels, E decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from shelfwise.core.types import Bools, Float64Array, Matrix, MultiHot
from shelfwise.metrics.calibration import (
    BINS,
    PooledDecisions,
    log_losses,
    squared_errors,
    width_bins,
)
from shelfwise.metrics.counts import row_blocks
from shelfwise.metrics.scored_pairs import scores_of_a_row
from shelfwise.metrics.sums import UNITS, Sums, in_units, mean_of

CELLS_PER_BLOCK = 1 << 20
"""Scores that are counted at a time: bounds the memory."""


@dataclass(frozen=True)
class CalibrationSums(Sums):
    """Sums over the N * L decisions of N products, or over the highest scored ones of each product.

    Args:
        decisions: how many.
        true: by bin, from 0 on: true decisions.
        score: by bin, the scores summed up, in units.
        brier, log_loss: the decisions' squared differences and log losses summed up, in units.
    """

    decisions: int
    true: dict[str, int]
    score: dict[str, int]
    brier: int
    log_loss: int

    @classmethod
    def of(cls, targets: MultiHot, scores: Matrix, top: int | None = None) -> Self:
        """Count targets and scores (N, L).

        Args:
            top: count this many labels of each product, those it scores highest; None: all.
        """
        bins = [str(place) for place in range(BINS)]
        total = cls(0, dict.fromkeys(bins, 0), dict.fromkeys(bins, 0), 0, 0)
        for rows in row_blocks(scores.shape[0], scores_of_a_row(scores), CELLS_PER_BLOCK):
            total += cls._of_block(PooledDecisions.of(targets[rows], scores[rows], top))
        return total

    @classmethod
    def _of_block(cls, pooled: PooledDecisions) -> Self:
        true_values = pooled.true.astype(np.float64)
        predicted = pooled.predicted.astype(np.float64)
        bin_of = width_bins(predicted, BINS)
        everywhere = np.ones(len(bin_of), np.bool_)
        true: dict[str, int] = {}
        score: dict[str, int] = {}
        for place in np.unique(bin_of):
            inside = bin_of == place
            # whole numbers of decisions, none of them a fraction
            true[str(place)] = _units(pooled, true_values, inside) // UNITS
            score[str(place)] = _units(pooled, predicted, inside)
        return cls(
            decisions=_units(pooled, np.ones(len(bin_of)), everywhere) // UNITS,
            true=true,
            score=score,
            brier=_units(pooled, squared_errors(pooled.true, predicted), everywhere),
            log_loss=_units(pooled, log_losses(pooled.true, predicted), everywhere),
        )

    def figures(self, ending: str) -> dict[str, float]:
        """``ece_width``, ``brier`` and ``log_loss``, with this ending, as in
        :func:`~shelfwise.metrics.calibration.calibration_figures`.
        """
        # the gap between mean score and frequency times the number of decisions, which cancels out
        gaps = [abs(score - self.true[place] * UNITS) for place, score in self.score.items()]
        return {
            f"ece_width{ending}": mean_of(sum(gaps), self.decisions),
            f"brier{ending}": mean_of(self.brier, self.decisions),
            f"log_loss{ending}": mean_of(self.log_loss, self.decisions),
        }


def _units(pooled: PooledDecisions, values: Float64Array, chosen: Bools) -> int:
    """The sum, in units, of values (E,) over the chosen decisions (E,)."""
    # of sparse scores the last two stand for all that are not stored: too many to be machine numbers
    alone = len(pooled) if pooled.unscored is None else len(pooled) - 2
    total = in_units(values[:alone][chosen[:alone]])
    for place, count in enumerate(pooled.unscored or (), alone):
        if chosen[place]:
            total += in_units(values[place : place + 1]) * int(count)
    return total
