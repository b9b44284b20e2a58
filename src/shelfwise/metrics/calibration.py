"""Are scores probabilities: expected calibration error, Brier score, log loss, reliability curve.

Dimensions: N products, L labels, B bins. Targets are (N, L), bool or 0 and 1; scores (N, L) in [0, 1].
All N * L decisions are pooled (micro). Nearly all of them are easy zeros that make any error look small, so
everything can also be restricted to the labels that each product scores highest.

Where there is nothing to count, every figure is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from shelfwise.core.types import Bools, Float64Array, MultiHot, Scores
from shelfwise.metrics.counts import mean, ratio

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
    targets: MultiHot,
    scores: Scores,
    bins: int = BINS,
    spacing: Literal["mass", "width"] = "mass",
    top: int | None = None,
) -> Reliability:
    """The reliability curve of all decisions, or of the `top` highest scored labels of each product.

    Args:
        bins: most bins there are; equal scores share one, and empty ones are left out.
        spacing: bins of about as many decisions each ("mass", adaptive), or equally wide in score ("width").

    >>> round(reliability(np.array([[1, 0]]), np.array([[0.9, 0.2]]), bins=2).error, 4)
    0.15
    """
    true, predicted = pooled_decisions(targets, scores, top)
    edges = np.arange(1, bins) / bins
    if spacing == "mass" and len(predicted):
        # edges are scores that occur, so that equal scores fall on the same side
        edges = np.quantile(predicted, edges, method="inverted_cdf")
    bin_of = np.searchsorted(np.unique(edges), predicted)
    count = np.bincount(bin_of, minlength=1)
    score_sum = np.bincount(bin_of, predicted, minlength=1)
    true_sum = np.bincount(bin_of, true, minlength=1)
    # bins without a decision have no mean, and are left out
    used = count > 0
    return Reliability(
        score=ratio(score_sum[used], count[used]),
        frequency=ratio(true_sum[used], count[used]),
        count=count[used].astype(np.float64),
    )


def pooled_decisions(
    targets: MultiHot, scores: Scores, top: int | None
) -> tuple[Float64Array, Float64Array]:
    """Targets and scores, flat: of all labels, or of the `top` that each product scores highest.

    Of equal scores the first label comes first.
    """
    true = np.asarray(targets) > 0
    predicted = np.asarray(scores, np.float64)
    if top is not None:
        # a stable sort leaves equal scores in label order
        columns = np.argsort(-predicted, axis=1, kind="stable")[:, :top]
        true = np.take_along_axis(true, columns, axis=1)
        predicted = np.take_along_axis(predicted, columns, axis=1)
    return true.ravel().astype(np.float64), predicted.ravel()


def brier(targets: MultiHot, scores: Scores, top: int | None = None) -> float:
    """The mean squared difference of score and truth (Brier 1950), a decision.

    >>> round(brier(np.array([[1, 0]]), np.array([[0.9, 0.2]])), 4)
    0.025
    """
    true, predicted = pooled_decisions(targets, scores, top)
    return mean(np.square(true - predicted))


def log_loss(hits: Bools, probabilities: Float64Array) -> float:
    """The mean log loss of E pairs, probabilities kept 0.0001 away from 0 and 1; 0 without a pair.

    >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    # one certain mistake would make the mean infinite
    clipped = np.clip(probabilities, EPSILON, 1 - EPSILON)
    of_the_truth = np.where(hits, clipped, 1 - clipped)
    return float(-np.log(of_the_truth).mean()) if len(hits) else 0.0


def calibration_figures(targets: MultiHot, scores: Scores) -> dict[str, Any]:
    """Everything about one system's probabilities, JSON-ready.

    Returns:
        ``ece_mass``, ``ece_width``, ``brier`` and ``log_loss`` over all decisions; the same ending in
        ``_top`` over the five highest scored labels of each product; and ``curve``, lists ``score``,
        ``frequency`` and ``count`` for a drawing of these.
    """
    figures: dict[str, Any] = {}
    for ending, top in (("", None), ("_top", TOP_LABELS)):
        true, predicted = pooled_decisions(targets, scores, top)
        figures[f"ece_mass{ending}"] = reliability(targets, scores, spacing="mass", top=top).error
        figures[f"ece_width{ending}"] = reliability(targets, scores, spacing="width", top=top).error
        figures[f"brier{ending}"] = brier(targets, scores, top)
        figures[f"log_loss{ending}"] = log_loss(true > 0, predicted)
    # drawn over the top labels in bins of equal width, as readers know the diagram
    curve = reliability(targets, scores, spacing="width", top=TOP_LABELS)
    figures["curve"] = {
        "score": curve.score.tolist(),
        "frequency": curve.frequency.tolist(),
        "count": curve.count.tolist(),
    }
    return figures
