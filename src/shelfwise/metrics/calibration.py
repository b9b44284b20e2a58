"""Are scores probabilities: expected calibration error, Brier score, log loss, reliability curve.

Dimensions: N products, L labels, B bins. Targets are (N, L), bool or 0 and 1; scores (N, L) in [0, 1]; both
dense or sparse.

All N * L decisions are pooled (micro). Nearly all of them are easy zeros that make any error look small, so
everything can also be restricted to the labels that each product scores highest.

Where there is nothing to count, every figure is 0.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from shelfwise.core.growing_array import GrowingArray
from shelfwise.core.sparse_scores import dense
from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, MultiHot, Scores
from shelfwise.metrics.counts import mean, ratio, row_blocks
from shelfwise.metrics.highest_pairs import HighestPairs
from shelfwise.metrics.scored_hits import ScoredHits, count_positive
from shelfwise.metrics.scored_pairs import values_at

EPSILON = 1e-4
"""Scores and probabilities nearer to 0 or 1 count as this near: few catalogues have the products to tell."""

BINS = 15

TOP_LABELS = 5
"""The labels each product scores highest, where the easy zeros are left out."""

DECISIONS_PER_BLOCK = 1 << 20
"""Decisions that are counted at a time: bounds the memory."""


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: how often decisions come true, against how sure the scores were.

    Args:
        score: (B,) mean score of each bin that is not empty, rising.
        frequency: (B,) the share of its decisions that is true.
        count: (B,) how many decisions.
    """

    score: Float64Array
    frequency: Float64Array
    count: Float64Array

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between score and frequency, weighted by count.

        Source: Naeini, Cooper and Hauskrecht 2015.
        """
        gaps = np.abs(self.score - self.frequency)
        # without a decision the sum is 0, and so is the error
        return float(self.count @ gaps / max(self.count.sum(), 1))


def reliability(
    pooled: PooledDecisions, bins: int = BINS, spacing: Literal["mass", "width"] = "mass"
) -> Reliability:
    """The reliability curve of some decisions.

    Args:
        bins: most bins there are; equal scores share one, and empty ones are left out.
        spacing: bins of about as many decisions each ("mass", adaptive), or equally wide in score ("width").

    >>> pooled = PooledDecisions.of(np.array([[1, 0]]), np.array([[0.9, 0.2]]))
    >>> round(reliability(pooled, bins=2).error, 4)
    0.15
    """
    limits = np.arange(1, bins) / bins
    if spacing == "mass" and len(pooled):
        # edges are scores that occur, so that equal scores fall on the same side
        limits = np.unique(pooled.quantiles(limits))
    sums = np.zeros((3, len(limits) + 1))
    for true, predicted, counts in pooled.blocks():
        bin_of = np.searchsorted(limits, predicted)
        for total, values in zip(sums, (1, predicted, true), strict=True):
            # one after the other, so that blocks of any size add up to the same digits
            np.add.at(total, bin_of, values * counts)
    count, score_sum, true_sum = sums
    # bins without a decision have no mean, and are left out
    used = count > 0
    return Reliability(
        score=ratio(score_sum[used], count[used]),
        frequency=ratio(true_sum[used], count[used]),
        count=count[used],
    )


def width_bins(predicted: Float64Array, bins: int) -> Int64Array:
    """(E,) the bin of each score, from 0 on, in bins of equal width; an edge belongs to the bin below it."""
    return np.searchsorted(np.arange(1, bins) / bins, predicted)


@dataclass(frozen=True)
class PooledDecisions:
    """Targets and scores, flat, E in all.

    Args:
        true: (E,) whether each is true.
        predicted: (E,) scores, in the precision that they came in.
        unscored: of sparse scores how many decisions the last two stand for, the true ones and the others
            that are scored 0; every other decision stands for itself. None: all do.
    """

    true: Bools
    predicted: Scores
    unscored: tuple[float, float] | None = None

    @classmethod
    def of(cls, targets: MultiHot, scores: Matrix, top: int | None = None) -> PooledDecisions:
        """Those of all labels, or of the `top` that each product scores highest.

        Of equal scores the first label comes first.
        """
        if sp.issparse(scores):
            return cls._of_sparse(targets, scores, top)
        true = dense(targets) > 0
        predicted = np.asarray(scores, np.float64)
        if top is not None:
            # a stable sort leaves equal scores in label order
            columns = np.argsort(-predicted, axis=1, kind="stable")[:, :top]
            true = np.take_along_axis(true, columns, axis=1)
            predicted = np.take_along_axis(predicted, columns, axis=1)
        return cls(true.ravel(), predicted.ravel())

    @classmethod
    def _of_sparse(cls, targets: MultiHot, scores: Matrix, top: int | None) -> PooledDecisions:
        if top is not None:
            return cls._top_of_sparse(targets, scores, top)
        pairs = ScoredHits.of(targets, scores)
        # all decisions scored 0 are two numbers: the true ones and the others
        missed = count_positive(targets) - np.count_nonzero(pairs.hits)
        others = np.prod(scores.shape, dtype=np.float64) - len(pairs.hits) - missed
        unscored = (float(missed), float(others))
        return cls(np.append(pairs.hits, [True, False]), _with_zeros(pairs.scores, 2), unscored)

    @classmethod
    def _top_of_sparse(cls, targets: MultiHot, scores: Matrix, top: int) -> PooledDecisions:
        pairs = HighestPairs.of(scores, top)
        lacking = top - np.bincount(pairs.rows, minlength=scores.shape[0])
        # where fewer are scored, the first labels that are not: these are among the first `top`
        short = np.flatnonzero(lacking > 0)
        unscored = dense(scores[short][:, :top]) == 0
        chosen = unscored & (np.cumsum(unscored, axis=1) <= lacking[short, None])
        places, labels = np.nonzero(chosen)
        rows = np.append(pairs.rows, short[places])
        true = values_at(targets, rows, np.append(pairs.labels, labels)) > 0
        return cls(true, _with_zeros(pairs.scores, len(places)))

    def __len__(self) -> int:
        return len(self.true)

    @property
    def total(self) -> float:
        """How many decisions there are."""
        return len(self) if self.unscored is None else len(self) - 2 + sum(self.unscored)

    def blocks(self) -> Iterator[tuple[Bools, Float64Array, Any]]:
        """Some at a time: ``true``, ``predicted`` in double precision, how many decisions each stands for."""
        alone = len(self) if self.unscored is None else len(self) - 2
        for rows in row_blocks(alone, 1, DECISIONS_PER_BLOCK):
            yield self.true[rows], self.predicted[rows].astype(np.float64), 1.0
        if self.unscored is not None:
            yield self.true[-2:], np.zeros(2), np.array(self.unscored)

    def quantiles(self, shares: Float64Array) -> Float64Array:
        """The lowest scores (Q,) that at least these `shares` (Q,) of the decisions do not exceed."""
        if self.unscored is None:
            return np.asarray(np.quantile(self.predicted, shares, method="inverted_cdf"))
        ranked = np.sort(self.predicted[:-2])
        zeros = sum(self.unscored)
        # how many scores above 0 are needed beside those of 0; weights of millions would take much memory
        needed = [
            bisect_left(range(len(ranked)), share, key=lambda k: (zeros + k) / self.total)
            for share in shares.tolist()
        ]
        return np.array([ranked[k - 1] if k else 0.0 for k in needed], np.float64)

    def mean(self, loss: Callable[[Bools, Float64Array], Float64Array]) -> float:
        """The mean loss of all decisions; 0 of none.

        Args:
            loss: of some decisions, given whether they are true and their scores.
        """
        losses = GrowingArray(np.float64)
        for true, predicted, counts in self.blocks():
            losses.add(loss(true, predicted) * counts)
        # summed up at once: sums of blocks would have other last digits
        return ratio(losses.finished().sum(), self.total).item()


def _with_zeros(scores: Scores, count: int) -> Scores:
    return np.append(scores, np.zeros(count, scores.dtype))


def brier(pooled: PooledDecisions) -> float:
    """The mean squared difference of score and truth (Brier 1950), a decision.

    >>> round(brier(PooledDecisions.of(np.array([[1, 0]]), np.array([[0.9, 0.2]]))), 4)
    0.025
    """
    return pooled.mean(squared_errors)


def squared_errors(true: Bools, predicted: Float64Array) -> Float64Array:
    """The squared difference (E,) of score and truth of each decision."""
    return np.square(true - predicted)


def log_loss(hits: Bools, probabilities: Float64Array) -> float:
    """The mean log loss of E pairs, probabilities kept 0.0001 away from 0 and 1; 0 without a pair.

    >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    return mean(log_losses(hits, probabilities))


def log_losses(hits: Bools, probabilities: Float64Array) -> Float64Array:
    """The log loss (E,) of each pair, as in :func:`log_loss`."""
    # one certain mistake would make the mean infinite
    clipped = np.clip(probabilities, EPSILON, 1 - EPSILON)
    return np.asarray(-np.log(np.where(hits, clipped, 1 - clipped)))


def calibration_figures(targets: MultiHot, scores: Matrix) -> dict[str, Any]:
    """Everything about one system's probabilities, JSON-ready.

    Returns:
        ``ece_mass``, ``ece_width``, ``brier`` and ``log_loss`` over all decisions; the same ending in
        ``_top`` over the five highest scored labels of each product; and ``curve``, lists ``score``,
        ``frequency`` and ``count`` for a drawing of these.
    """
    figures: dict[str, Any] = {}
    for ending, top in (("", None), ("_top", TOP_LABELS)):
        # pooled once: of many labels this takes more memory than all the rest
        pooled = PooledDecisions.of(targets, scores, top)
        figures[f"ece_mass{ending}"] = reliability(pooled, BINS, "mass").error
        figures[f"ece_width{ending}"] = reliability(pooled, BINS, "width").error
        figures[f"brier{ending}"] = brier(pooled)
        figures[f"log_loss{ending}"] = pooled.mean(log_losses)
    # drawn over the top labels, pooled last, in bins of equal width, as readers know the diagram
    curve = reliability(pooled, BINS, "width")
    figures["curve"] = {
        "score": curve.score.tolist(),
        "frequency": curve.frequency.tolist(),
        "count": curve.count.tolist(),
    }
    return figures
