"""How well a model's final system is calibrated, and what its queues hold.

Dimensions: N test products, L labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shelfwise.core.sparse_scores import dense, row_slices
from shelfwise.core.types import Int64Array, Matrix, MultiHot
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.metrics.calibration import calibration_figures
from shelfwise.metrics.selective import coverage_at_precision, queue_counts, queue_rates
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions


def decision_figures(
    model: Model, answers: MemberPredictions, truth: MultiHot
) -> dict[str, Any] | None:
    """How well the final system is calibrated, and what the queues hold; None without a decision rule."""
    rule = model.decision_rule
    if rule is None:
        return None
    scores = model.scores(answers)
    decided = model.decide(scores)
    queues = {}
    for precision in rule.acceptances:
        figures = queue_rates(_queue_counts(rule, precision, truth, decided, scores))
        # what the best limit would have been, had the test products' labels been known
        hindsight = coverage_at_precision(truth, scores, precision)
        queues[f"{precision:g}"] = {**figures, "coverage_in_hindsight": hindsight}
    # before calibration, for the comparison alone: decisions rest on the calibrated ones
    raw = model.raw_scores(answers, model.decide_with)
    return {
        **rule.facts(),
        "before": calibration_figures(truth, raw),
        "after": calibration_figures(truth, scores),
        "queues": queues,
    }


def _queue_counts(
    rule: DecisionRule, precision: float, truth: MultiHot, decided: MultiHot, scores: Matrix
) -> dict[str, Int64Array]:
    """What is in the queues at a promised precision, counted for some products at a time."""
    total: dict[str, Int64Array] = {}
    # some products at a time: dense arrays of all would take N x L numbers, three times
    for rows in row_slices(*truth.shape):
        likely = dense(scores[rows])
        given = dense(decided[rows])
        queued = rule.queues(likely, given, precision)
        counts = queue_counts(dense(truth[rows]), given, queued.labels, queued.products)
        for name, counted in counts.items():
            total[name] = total.get(name, np.zeros(2, np.int64)) + counted
    return total
