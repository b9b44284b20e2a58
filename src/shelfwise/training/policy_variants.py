"""Which variant of a fusion policy is kept, by products that it was not fitted on.

A network looks worse on them than it is. It learns from scores of members that had seen the products held out
here, and the more it can learn, the more that misleads it. So what comes first is kept unless it is clearly
worse.

Dimensions: C held-out products of a fold, N products, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.plugin_calls import fused_predictions
from shelfwise.core.sparse_scores import dense
from shelfwise.core.types import Matrix, Prediction, Rows
from shelfwise.metrics.calibration import log_loss

TOLERANCE = 0.04
"""Share by which the log loss of a kept variant may be higher.

That of the blend in the preset `quick` was 4 % too high, against members, scores and policies that were
fitted anew without the held-out fold (docs/tried.md).
"""

MAX_SCORES = 1 << 22
"""Of a fold, those of evenly spaced products, that a variant is judged by."""


@dataclass(frozen=True)
class CrossedPolicy:
    """A policy fitted without one fold.

    Args:
        rows: (C,) the products of that fold.
        variants: what the policy may become.
    """

    rows: Rows
    variants: Sequence[FusionPolicy]


def kept_variant(
    crossed: Sequence[CrossedPolicy], predictions: Sequence[Prediction], targets: Matrix
) -> int:
    """The place of the first variant whose log loss is at most :data:`TOLERANCE` above the smallest.

    Args:
        crossed: one a fold.
        predictions: one a member, for N products, out of fold.
        targets: (N, L).
    """
    losses = np.zeros(len(crossed[0].variants))
    # most policies have nothing to choose
    if len(losses) == 1:
        return 0
    most = max(1, MAX_SCORES // targets.shape[1])
    for part in crossed:
        # of thousands of labels not all scores have room
        rows = part.rows[:: 1 + (len(part.rows) - 1) // most]
        asked = [one.take(rows) for one in predictions]
        true = dense(targets[rows]) > 0
        for place, policy in enumerate(part.variants):
            scores = dense(fused_predictions(policy, asked)).astype(np.float64)
            losses[place] += len(rows) * log_loss(true, scores)
    return int(np.argmax(losses <= (1 + TOLERANCE) * losses.min()))
