"""Do scores mean what they say, and what may be decided without a person: ECE, Brier score, reliability curve, coverage.

Dimensions: N products, L labels, B bins. Targets are (N, L), bool or 0 and 1; scores (N, L) in [0, 1]. All N * L decisions are
pooled (micro). Nearly all of them are easy zeros that make any error look small, so everything can also be restricted to
the labels that each product scores highest.

Where there is nothing to count, every figure is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Float64Array, MultiHot, Scores
from shelfwise.metrics.multilabel import ratio

EPSILON = 1e-4
"""Scores and probabilities nearer to 0 or 1 count as this near: hardly any catalogue has the products to tell."""

BINS = 15
TOP = 5
"""The labels each product scores highest, where the easy zeros are left out."""


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: how often decisions come true, against how sure the scores were.

    Args:
        score: (B,) mean score of each bin that is not empty, rising.
        frequency: (B,) the share of them that is true.
        count: (B,) how many decisions.
    """

    score: Float64Array
    frequency: Float64Array
    count: Float64Array

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015): the mean gap between score and frequency, weighted by count."""
        return float(self.count @ np.abs(self.score - self.frequency) / max(self.count.sum(), 1))


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
    true, said = highest(targets, scores, top)
    inner = np.arange(1, bins) / bins
    edges = inner if spacing == "width" or not len(said) else np.quantile(said, inner, method="inverted_cdf")
    place = np.searchsorted(np.unique(edges), said)
    count = np.bincount(place, minlength=1)
    used = count > 0
    sums = (np.bincount(place, values, minlength=1)[used] for values in (said, true))
    score, frequency = (ratio(total, count[used]) for total in sums)
    return Reliability(score, frequency, count[used].astype(np.float64))


def highest(targets: MultiHot, scores: Scores, top: int | None) -> tuple[Float64Array, Float64Array]:
    """Targets and scores, flat: of all labels, or of the `top` that each product scores highest (of equal ones the first)."""
    true, said = np.asarray(targets) > 0, np.asarray(scores, np.float64)
    if top is not None:
        columns = np.argsort(-said, axis=1, kind="stable")[:, :top]
        true, said = np.take_along_axis(true, columns, axis=1), np.take_along_axis(said, columns, axis=1)
    return true.ravel().astype(np.float64), said.ravel()


def brier(targets: MultiHot, scores: Scores, top: int | None = None) -> float:
    """The mean squared difference of score and truth (Brier 1950), a decision.

    >>> round(brier(np.array([[1, 0]]), np.array([[0.9, 0.2]])), 4)
    0.025
    """
    true, said = highest(targets, scores, top)
    return float(np.square(true - said).mean()) if len(said) else 0.0


def calibration_figures(targets: MultiHot, scores: Scores) -> dict[str, Any]:
    """Everything about one system's probabilities, JSON-ready.

    Returns:
        ``ece_mass``, ``ece_width``, ``brier`` and ``log_loss`` over all decisions, the same ending in ``_top`` over the five
        highest scored labels of each product, and ``curve``: lists ``score``, ``frequency``, ``count`` for a drawing of these.
    """
    figures: dict[str, Any] = {}
    for ending, top in (("", None), ("_top", TOP)):
        true, said = highest(targets, scores, top)
        figures |= {
            f"ece_{spacing}{ending}": reliability(targets, scores, spacing=spacing, top=top).error
            for spacing in ("mass", "width")
        }
        figures |= {
            f"brier{ending}": brier(targets, scores, top),
            f"log_loss{ending}": log_loss(true > 0, said),
        }
    curve = reliability(targets, scores, spacing="width", top=TOP)
    return {**figures, "curve": {name: values.tolist() for name, values in vars(curve).items()}}


def log_loss(hits: NDArray[np.bool_], probabilities: Float64Array) -> float:
    """The mean log loss of E pairs, probabilities kept 0.0001 away from 0 and 1; 0 without a pair.

    >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    sure = np.clip(probabilities, EPSILON, 1 - EPSILON)
    return float(-np.log(np.where(hits, sure, 1 - sure)).mean()) if len(hits) else 0.0
