"""Out-of-fold scores: every product is scored by a model that saw neither it nor its fold."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from functools import partial

import numpy as np

from shelfwise.core.modality import Modality, ModalityTask
from shelfwise.core.presence import fit_each_present, fit_present, predict_present
from shelfwise.core.sparse_scores import in_row_order
from shelfwise.core.types import Context, Examples, Prediction, Rows
from shelfwise.nn.device import device
from shelfwise.nn.side_by_side import side_by_side

log = logging.getLogger(__name__)

Compute = Callable[[], Prediction]


def out_of_fold(  # noqa: PLR0913 (one member over all folds: what is learnt from, and how)
    make: Callable[[], Modality],
    train: Examples,
    folds: Rows,
    validation: Examples | None,
    context: Context,
    keep: Callable[[int, Compute], Prediction] = lambda fold, compute: compute(),
    highest_only: bool = False,
    at_once: bool = False,
) -> Prediction:
    """Predictions for N products, each by a model fitted on the products of all other folds.

    Args:
        make: gives an unfitted modality, once a fold.
        folds: (N,) the fold of every product. Those of a negative fold are used for fitting but never
            predicted (probability 0, not present), so one fold 0 among -1 is a plain hold-out.
        validation: watched by early stopping in every fold; must share no product with `train`.
        keep: called with a fold and how to compute its prediction (of that fold's products, in row order).
            A caller that resumes an interrupted run answers from disk instead.
        highest_only: as in :func:`~shelfwise.core.presence.predict_present`.
        at_once: whether the models of several folds may be fitted at the same time (`fits_in_threads`).

    Returns:
        In row order. Features of different folds come from different networks, each with a space of its own.

    Raises:
        LabelError: no product outside a fold has the field.
    """
    inputs = train.inputs
    n_labels = train.targets.shape[1]

    # Negative folds are never held out, but belong to the others of every fold.
    each_fold: list[int] = np.unique(folds[folds >= 0]).tolist()
    ahead: dict[int, Prediction] = {}

    def task_of(own_context: Context, fold: int) -> ModalityTask:
        log.info(
            "%s: fold %d, %d of %d products held out",
            context.title,
            fold,
            np.count_nonzero(folds == fold),
            len(inputs),
        )
        return ModalityTask(make(), train.take(np.flatnonzero(folds != fold)), own_context)

    def answer(model: Modality, own_context: Context, fold: int) -> Prediction:
        asked = inputs.take(np.flatnonzero(folds == fold))
        return predict_present(model, asked, n_labels, own_context, highest_only)

    def predict_fold(own_context: Context, fold: int) -> Prediction:
        task = task_of(own_context, fold)
        model = fit_present(task.modality, task.train, validation, own_context)
        return answer(model, own_context, fold)

    def beside_others(fold: int) -> Context:
        # each keeps what it has learnt so far under a name of its own
        return dataclasses.replace(context, loops=context.loops.part(f"without{fold}"))

    def predicted_at_once(some: list[int]) -> list[Prediction]:
        # in threads; only on a GPU networks are joined, and these cannot stop one by one
        if device().type == "cpu" or validation is not None:
            return side_by_side(lambda fold: predict_fold(beside_others(fold), fold), some)
        tasks = [task_of(beside_others(fold), fold) for fold in some]
        fit_each_present(tasks)
        return [
            answer(task.modality, task.context, fold)
            for task, fold in zip(tasks, some, strict=True)
        ]

    def predicted(fold: int) -> Prediction:
        if not at_once:
            return predict_fold(context, fold)
        # the first that is not on disk comes with all that follow it
        if fold not in ahead:
            following = each_fold[each_fold.index(fold) :]
            ahead.update(zip(following, predicted_at_once(following), strict=True))
        return ahead.pop(fold)

    parts = [
        (np.flatnonzero(folds == fold), keep(fold, partial(predicted, fold))) for fold in each_fold
    ]
    return _in_row_order(parts, (len(inputs), n_labels))


def _in_row_order(parts: list[tuple[Rows, Prediction]], shape: tuple[int, int]) -> Prediction:
    """The folds' predictions as one. A fold with narrower features (none present) is filled up with 0."""
    # A fold without a present product has features of width 0.
    width = max((part.features.shape[1] for _, part in parts), default=0)
    probabilities = in_row_order([(rows, part.probabilities) for rows, part in parts], shape)
    features = np.zeros((shape[0], width), np.float32)
    present = np.zeros(shape[0], np.bool_)
    for rows, part in parts:
        features[rows, : part.features.shape[1]] = part.features
        present[rows] = part.present
    return Prediction(probabilities, features, present)
