"""Calls of plug-ins, whose code may be wrong: answers are checked, and what they are given stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from shelfwise.core.fusion_policy import FusionPolicy, PolicyTask
from shelfwise.core.read_only import changes_refused, lent
from shelfwise.core.sparse_scores import highest_scores, row_slices
from shelfwise.core.types import Context, Floats, Matrix, MemberOutputs, Prediction
from shelfwise.errors import PluginError


def checked(plugin: object, answer: Matrix, rows: int, columns: int | None = None) -> Matrix:
    """The answer of a modality or a fusion policy, (rows, columns), dense or sparse.

    Args:
        columns: None where any number will do.

    Raises:
        PluginError: it has another shape, which numpy might spread over the wrong products, or holds values
            that are no finite numbers.
    """
    name = type(plugin).__name__
    shape = np.shape(answer)
    # any width is right where none is demanded
    wide = shape[1] if columns is None and len(shape) == 2 else columns
    if shape != (rows, wide):
        wanted = f"({rows}, {'any' if columns is None else columns})"
        raise PluginError(
            f"the plug-in {name} answered with an array {shape}, expected {wanted}; correct the plug-in"
        )
    # a NaN is below every threshold: its product would lose labels without a word
    numbers = answer.data if sp.issparse(answer) else answer
    if not np.isfinite(numbers).all():
        raise PluginError(
            f"the plug-in {name} answered with infinite values or with none; correct the plug-in"
        )
    return answer


def fused(policy: FusionPolicy, outputs: MemberOutputs) -> Floats:
    """The policy's scores (N, L), checked.

    Raises:
        PluginError: see :func:`checked`.
    """
    rows, _, labels = outputs.scores.shape
    with changes_refused(policy):
        answer = policy.fuse(lent(policy, outputs))
    return np.asarray(checked(policy, answer, rows, labels))


def fused_predictions(policy: FusionPolicy, predictions: Sequence[Prediction]) -> Matrix:
    """As :func:`fused`, (N, L), of the members' predictions for N products.

    Where these are sparse, some products are fused at a time, and their highest scores stay.
    """
    shape = predictions[0].probabilities.shape
    if not sp.issparse(predictions[0].probabilities):
        return fused(policy, MemberOutputs.stack(predictions))
    parts = []
    for rows in row_slices(shape[0], len(predictions) * shape[1]):
        # stacked they are dense, which only some products at a time have room for
        some = [one.take(np.arange(rows.start, rows.stop)) for one in predictions]
        parts.append(highest_scores(fused(policy, MemberOutputs.stack(some))))
    return sp.csr_array(sp.vstack(parts, format="csr"))


def fit_policy(
    policy: FusionPolicy,
    outputs: MemberOutputs,
    targets: Floats,
    validation: tuple[MemberOutputs, Floats] | None,
    context: Context,
) -> FusionPolicy:
    """Fit a policy on what it cannot change.

    Raises:
        PluginError: it tries to.
    """
    with changes_refused(policy):
        return policy.fit(
            lent(policy, outputs), lent(policy, targets), lent(policy, validation), context
        )


def fit_each_policy(tasks: Sequence[PolicyTask]) -> None:
    """As :func:`fit_policy`, of several policies of one kind and equal settings.

    Raises:
        PluginError: as there.
    """
    some = tasks[0].policy
    with changes_refused(some):
        safe_tasks = []
        for task in tasks:
            outputs = lent(some, task.outputs)
            targets = lent(some, task.targets)
            safe_tasks.append(dataclasses.replace(task, outputs=outputs, targets=targets))
        type(some).fit_each(safe_tasks)
