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

from shelfwise.decision.acceptance import ACCEPT, REJECT, REVIEW, Queues
from shelfwise.decision.calibration import log_loss
from shelfwise.decision.thresholds import Scores
from shelfwise.evaluation.metrics import Counts, Hot, Values, ratio

BINS = 15
TOP = 5
"""The labels each product scores highest, where the easy zeros are left out."""
QUEUES = {"accepted": ACCEPT, "reviewed": REVIEW, "rejected": REJECT}


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: how often decisions come true, against how sure the scores were.

    Args:
        score: (B,) mean score of each bin that is not empty, rising.
        frequency: (B,) the share of them that is true.
        count: (B,) how many decisions.
    """

    score: Values
    frequency: Values
    count: Values

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015): the mean gap between score and frequency, weighted by count."""
        return float(self.count @ np.abs(self.score - self.frequency) / max(self.count.sum(), 1))


def reliability(
    targets: Hot, scores: Scores, bins: int = BINS, spacing: Literal["mass", "width"] = "mass", top: int | None = None
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


def highest(targets: Hot, scores: Scores, top: int | None) -> tuple[Values, Values]:
    """Targets and scores, flat: of all labels, or of the `top` that each product scores highest (of equal ones the first)."""
    true, said = np.asarray(targets) > 0, np.asarray(scores, np.float64)
    if top is not None:
        columns = np.argsort(-said, axis=1, kind="stable")[:, :top]
        true, said = np.take_along_axis(true, columns, axis=1), np.take_along_axis(said, columns, axis=1)
    return true.ravel().astype(np.float64), said.ravel()


def brier(targets: Hot, scores: Scores, top: int | None = None) -> float:
    """The mean squared difference of score and truth (Brier 1950), a decision.

    >>> round(brier(np.array([[1, 0]]), np.array([[0.9, 0.2]])), 4)
    0.025
    """
    true, said = highest(targets, scores, top)
    return float(np.square(true - said).mean()) if len(said) else 0.0


def calibration_figures(targets: Hot, scores: Scores) -> dict[str, Any]:
    """Everything about one system's probabilities, JSON-ready.

    Returns:
        ``ece_mass``, ``ece_width``, ``brier`` and ``log_loss`` over all decisions, the same ending in ``_top`` over the five
        highest scored labels of each product, and ``curve``: lists ``score``, ``frequency``, ``count`` for a drawing of these.
    """
    figures: dict[str, Any] = {}
    for ending, top in (("", None), ("_top", TOP)):
        true, said = highest(targets, scores, top)
        figures |= {f"ece_{spacing}{ending}": reliability(targets, scores, spacing=spacing, top=top).error for spacing in ("mass", "width")}
        figures |= {f"brier{ending}": brier(targets, scores, top), f"log_loss{ending}": log_loss(true > 0, said)}
    curve = reliability(targets, scores, spacing="width", top=TOP)
    return {**figures, "curve": {name: values.tolist() for name, values in vars(curve).items()}}


def coverage_at_precision(targets: Hot, scores: Scores, precision: float) -> dict[str, float | None]:
    """How much could be decided at a precision, had the limit been chosen with the truth in sight: an optimist's figure.

    Returns:
        ``threshold``, the lowest score whose acceptance keeps the precision (None: there is none); ``labels``, the share of the true
        labels that are then accepted; ``products``, the share of products with an accepted label.
    """
    true, said = np.asarray(targets) > 0, np.asarray(scores, np.float64)
    order = np.argsort(-said, axis=None, kind="stable")
    ranked = said.ravel()[order]
    kept = np.cumsum(true.ravel()[order]) >= precision * np.arange(1, len(ranked) + 1)
    possible = np.flatnonzero(kept & (np.diff(ranked, append=-1) < 0) & (ranked > 0))  # of equal scores all are accepted, or none
    if not len(possible):
        return {"threshold": None, "labels": 0.0, "products": 0.0}
    accepted = said >= ranked[possible[-1]]
    share = float(ratio(np.count_nonzero(true & accepted), np.count_nonzero(true)))
    return {"threshold": float(ranked[possible[-1]]), "labels": share, "products": float(accepted.any(axis=1).mean())}


def queue_figures(targets: Hot, decided: Hot, labels: Queues, products: Queues) -> dict[str, float]:
    """What sorting into accept, review and reject brought, and the work that is left; see :mod:`shelfwise.decision.acceptance`.

    Args:
        decided: (N, L) the labels that products are given.
        labels: (N, L), as ``Acceptance.sort`` gives them.
        products: (N,), as ``Acceptance.sort_products`` gives them.

    Returns:
        Of labels: ``precision`` of the accepted; ``recall``, the share of the true ones that is accepted or reviewed; ``accepted_true``,
        the share of the true ones that is accepted; ``automatic``, the share of the accepted or reviewed ones that is accepted;
        ``with_accepted``, the share of products with an accepted label; ``reviews``, labels to look at, a product.
        Of products: ``products_accepted``, ``products_reviewed``, ``products_rejected``, shares that sum to 1; and of the accepted
        ones, which need no person, ``whole_precision`` and ``whole_recall`` of their labels, and ``whole_exact``, the share that
        is given exactly the true ones.
    """
    true, given = np.asarray(targets) > 0, np.asarray(decided) > 0
    accepted, open_, whole = labels == ACCEPT, labels == REVIEW, products == ACCEPT
    right, passed = true & accepted, Counts.of(true[whole], given[whole], axis=None)
    shares = {
        "precision": (right.sum(), accepted.sum()),
        "recall": (right.sum() + (true & open_).sum(), true.sum()),
        "accepted_true": (right.sum(), true.sum()),
        "automatic": (accepted.sum(), accepted.sum() + open_.sum()),
        "with_accepted": (accepted.any(axis=1).sum(), len(true)),
        "reviews": (open_.sum(), len(true)),
        **{f"products_{name}": ((products == queue).sum(), len(true)) for name, queue in QUEUES.items()},
        "whole_precision": (passed.hits, passed.predicted),
        "whole_recall": (passed.hits, passed.true),
        "whole_exact": ((true == given)[whole].all(axis=1).sum(), whole.sum()),
    }
    return {name: float(ratio(above, below)) for name, (above, below) in shares.items()}
