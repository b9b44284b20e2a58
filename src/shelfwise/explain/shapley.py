"""Exact Shapley values: how much each member contributed to a score."""

from __future__ import annotations

import itertools
import math

import numpy as np

from shelfwise.core.plugin_calls import fused
from shelfwise.core.types import Floats, MemberOutputs
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions

Subset = tuple[bool, ...]


def contributions(model: Model, answers: MemberPredictions) -> Floats:
    """Exact Shapley values (N, M, L) of the final system's members (Shapley 1953); they sum to its scores.

    Every subset of the members is fused once: 2 ** M fusions.
    """
    outputs = answers.outputs(model.members_of(model.decide_with))
    if model.decide_with not in model.policies:
        # a member alone has contributed its whole score
        return outputs.scores
    policy = model.policies[model.decide_with]
    count = outputs.present.shape[1]
    values: dict[Subset, Floats] = {}
    for subset in itertools.product([False, True], repeat=count):
        masked = _only_members(outputs, subset)
        # Calibrated, so that the values sum to the score that the user sees.
        values[subset] = model.calibrated(masked.zero_where_absent(fused(policy, masked)))
    shares = np.zeros_like(outputs.scores)
    for subset, value in values.items():
        for member in range(count):
            shares[:, member] += _weight(subset, member) * value
    return shares


def _only_members(outputs: MemberOutputs, subset: Subset) -> MemberOutputs:
    """The outputs as if the members outside `subset` were absent from every product."""
    present = outputs.present & np.array(subset)
    zero = np.float32(0)
    # as of a product that lacks the field: policies read scores and features of 0 there
    scores = np.where(present[:, :, None], outputs.scores, zero)
    features = [
        np.where(present[:, i, None], values, zero) for i, values in enumerate(outputs.features)
    ]
    return MemberOutputs(scores, present, tuple(features))


def _weight(subset: Subset, member: int) -> np.float32:
    """What the value of `subset` counts for `member`: with it for, without it against."""
    count = len(subset)
    others_in = sum(subset) - subset[member]
    others_out = count - 1 - others_in
    # the share of all orders of the members in which exactly these come before this one
    weight = math.factorial(others_in) * math.factorial(others_out) / math.factorial(count)
    return np.float32(weight if subset[member] else -weight)
