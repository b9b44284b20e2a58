"""Exact Shapley values: how much each member contributed to a score."""

from __future__ import annotations

import itertools
import math

import numpy as np

from shelfwise.core.types import Floats, MemberOutputs
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions


def contributions(model: Model, answers: MemberPredictions) -> Floats:
    """Exact Shapley values (N, M, L) of the deciding system's members: 2 ** M fusions; they sum to its scores."""
    outputs = answers.outputs(model.members_of(model.decide_with))
    if model.decide_with not in model.policies:
        return outputs.scores
    policy, count = model.policies[model.decide_with], outputs.present.shape[1]
    values = {}
    for subset in itertools.product([False, True], repeat=count):
        present = outputs.present & np.array(subset)
        masked = MemberOutputs(
            np.where(present[:, :, None], outputs.scores, np.float32(0)),
            present,
            tuple(np.where(present[:, i, None], f, np.float32(0)) for i, f in enumerate(outputs.features)),
        )
        values[subset] = model.calibrated(masked.zero_where_absent(policy.fuse(masked)))
    shares = np.zeros_like(outputs.scores)
    for subset, value in values.items():
        size = sum(subset)
        for i in range(count):
            weight = (
                math.factorial(size - subset[i])
                * math.factorial(count - 1 - size + subset[i])
                / math.factorial(count)
            )
            shares[:, i] += np.float32(weight if subset[i] else -weight) * value
    return shares
