"""What a label's regression reads of a product: its own scores by all members, and how they compare.

Dimensions: N products, M members, L labels, P = 2M + 1 inputs of a label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shelfwise.core.sparse_scores import row_slices
from shelfwise.core.types import Floats, MemberOutputs, Rows

EPSILON = 1e-4
"""Scores nearer to 0 or 1 count as this near: a member's last digits of certainty mean nothing."""

CELLS_PER_BLOCK = 1 << 23
"""Scores of all members that are looked at together: 32 MiB."""


def logits_and_shares(scores: Floats) -> tuple[Floats, Floats]:
    """Both (N, M, L): the logits, and the logarithms of each label's softmax share of its member's labels."""
    clipped = np.clip(scores, EPSILON, 1 - EPSILON)
    # a softmax of logits divides the odds by their sum
    odds = clipped / (1 - clipped)
    logits = np.asarray(np.log(odds), np.float32)
    return logits, logits - np.log(odds.sum(axis=2, keepdims=True, dtype=np.float32))


def mean_inputs(outputs: MemberOutputs) -> Floats:
    """Where members are present: their means (2, M) over products and labels, of logits and of log shares."""
    members, labels = outputs.scores.shape[1:]
    total = np.zeros((2, members, labels))
    # some products at a time: each step would be another copy of all scores
    for rows in row_slices(len(outputs), members * labels, CELLS_PER_BLOCK):
        present = outputs.present[rows, :, None]
        for i, values in enumerate(logits_and_shares(outputs.scores[rows])):
            total[i] += np.where(present, values, 0).sum(axis=0, dtype=np.float64)
    # a member that is present nowhere has sums of 0
    count = np.maximum(outputs.present.sum(axis=0), 1)[:, None]
    return np.asarray((total / count).mean(axis=2), np.float32)


def label_inputs(outputs: MemberOutputs, centre: Floats) -> Floats:
    """A label's own inputs (L, P, N): 1, then the logits, then the log shares of all members.

    Both are centred, so that 0, which stands for an absent member, is what members give on average.

    Args:
        centre: (2, M) as :func:`mean_inputs` gives it.
    """
    members, labels = outputs.scores.shape[1:]
    # label by label, as the regressions read them
    inputs = np.empty((labels, 1 + 2 * members, len(outputs)), np.float32)
    inputs[:, 0] = 1
    for rows in row_slices(len(outputs), members * labels, CELLS_PER_BLOCK):
        present = outputs.present[rows, :, None]
        for i, values in enumerate(logits_and_shares(outputs.scores[rows])):
            places = slice(1 + i * members, 1 + (i + 1) * members)
            centred = np.where(present, values - centre[i, :, None], 0)
            inputs[:, places, rows] = centred.transpose(2, 1, 0)
    return inputs


def some_inputs(inputs: Floats, columns: Sequence[int], rows: Rows) -> Floats:
    """The given columns and products (rising) of inputs (L, P, N); themselves where these are all.

    What is copied is contiguous, and copied once, as an index by both would not be.
    """
    if len(columns) == inputs.shape[1] and len(rows) == inputs.shape[2]:
        return inputs
    some = np.empty((len(inputs), len(columns), len(rows)), np.float32)
    for place, column in enumerate(columns):
        some[:, place] = inputs[:, column, rows]
    return some
