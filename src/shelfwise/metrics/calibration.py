"""Are scores probabilities: expected calibration error, Brier score, log loss, reliability curve.

Dimensions: N products, L labels, B bins. Targets are (N, L), bool or 0 and 1; scores (N, L) in [0, 1]; both
dense or sparse.

All N * L decisions are pooled (micro). Nearly all of them are easy zeros that make any error look small, so
everything can also be restricted to the labels that each product scores highest.

Where there is nothing to count, every figure is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from shelfwise.core.sparse_scores import dense
from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, MultiHot
from shelfwise.metrics.counts import mean, ratio
from shelfwise.metrics.highest_pairs import HighestPairs
from shelfwise.metrics.scored_pairs import positive_cells, values_at

EPSILON = 1e-4
"""Scores and probabilities nearer to 0 or 1 count as this near: few catalogues have the products to tell."""

BINS = 15

TOP_LABELS = 5
"""The labels each product scores highest, where the easy zeros are left out."""


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
    predicted = pooled.predicted
    bin_of = width_bins(predicted, bins)
    if spacing == "mass" and len(predicted):
        shares = np.arange(1, bins) / bins
        # edges are scores that occur, so that equal scores fall on the same side
        edges = np.quantile(predicted, shares, method="inverted_cdf", weights=pooled.counts)
        bin_of = np.searchsorted(np.unique(edges), predicted)
    count = np.bincount(bin_of, pooled.counts, minlength=1)
    score_sum = np.bincount(bin_of, pooled.times_counts(predicted), minlength=1)
    true_sum = np.bincount(bin_of, pooled.times_counts(pooled.true), minlength=1)
    # bins without a decision have no mean, and are left out
    used = count > 0
    return Reliability(
        score=ratio(score_sum[used], count[used]),
        frequency=ratio(true_sum[used], count[used]),
        count=count[used].astype(np.float64),
    )


def width_bins(predicted: Float64Array, bins: int) -> Int64Array:
    """(E,) the bin of each score, from 0 on, in bins of equal width; an edge belongs to the bin below it."""
    return np.searchsorted(np.arange(1, bins) / bins, predicted)


@dataclass(frozen=True)
class PooledDecisions:
    """Targets and scores, flat, E in all.

    Args:
        true: (E,) 0 or 1.
        predicted: (E,) scores.
        counts: (E,) how many decisions each stands for; None: for one.
    """

    true: Float64Array
    predicted: Float64Array
    counts: Float64Array | None = None

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
        return cls(true.ravel().astype(np.float64), predicted.ravel())

    @classmethod
    def _of_sparse(cls, targets: MultiHot, scores: Matrix, top: int | None) -> PooledDecisions:
        if top is not None:
            return cls._top_of_sparse(targets, scores, top)
        rows, labels, values = positive_cells(scores)
        true = _are_true(targets, rows, labels)
        # all decisions scored 0 are two numbers: the true ones and the others
        missed = len(positive_cells(targets)[0]) - true.sum()
        cells = np.prod(scores.shape, dtype=np.float64)
        others = cells - len(true) - missed
        counts = np.append(np.ones(len(true)), [missed, others])
        return cls(np.append(true, [1, 0]), np.append(values, [0, 0]), counts)

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
        true = _are_true(targets, rows, np.append(pairs.labels, labels))
        return cls(true, np.append(pairs.scores, np.zeros(len(places))))

    def times_counts(self, values: Float64Array) -> Float64Array:
        """Values (E,), each times the number of decisions that it stands for."""
        return values if self.counts is None else values * self.counts

    def mean(self, values: Float64Array) -> float:
        """The mean of values (E,) over all decisions; 0 of none."""
        if self.counts is None:
            return mean(values)
        return ratio(self.times_counts(values).sum(), self.counts.sum()).item()


def _are_true(targets: MultiHot, rows: Int64Array, labels: Int64Array) -> Float64Array:
    """(E,) 1 for pairs of a product and a label that it has, else 0."""
    return (values_at(targets, rows, labels) > 0).astype(np.float64)


def brier(pooled: PooledDecisions) -> float:
    """The mean squared difference of score and truth (Brier 1950), a decision.

    >>> round(brier(PooledDecisions.of(np.array([[1, 0]]), np.array([[0.9, 0.2]]))), 4)
    0.025
    """
    return pooled.mean(np.square(pooled.true - pooled.predicted))


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
        losses = log_losses(pooled.true > 0, pooled.predicted)
        figures[f"log_loss{ending}"] = pooled.mean(losses)
    # drawn over the top labels, pooled last, in bins of equal width, as readers know the diagram
    curve = reliability(pooled, BINS, "width")
    figures["curve"] = {
        "score": curve.score.tolist(),
        "frequency": curve.frequency.tolist(),
        "count": curve.count.tolist(),
    }
    return figures
