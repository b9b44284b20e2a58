"""Honest scores for stacking: every product is answered for by a model that never saw it, nor its fold."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from shelfwise.core.modality import Modality
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.types import Context, Examples, Prediction, Rows

log = logging.getLogger(__name__)

Compute = Callable[[], Prediction]


def out_of_fold(
    make: Callable[[], Modality],
    train: Examples,
    folds: Rows,
    validation: Examples | None,
    context: Context,
    keep: Callable[[int, Compute], Prediction] = lambda fold, compute: compute(),
) -> Prediction:
    """Predictions for N products, each by a model fitted on the products of all other folds.

    Args:
        make: gives an unfitted modality, once a fold.
        folds: (N,) the fold of every product; those of a negative fold are learnt from and never asked about
            (their answers are 0, their presence False), so one fold 0 among -1 is a plain hold-out.
        validation: watched by early stopping in every fold; must share no product with `train`.
        keep: called with a fold and how to compute its prediction (of that fold's products, in row order);
            a caller that wants to continue a broken-off run answers from disk instead.

    Returns:
        In row order. The features of different folds come from different networks, each with a space of its own.

    Raises:
        LabelError: a fold's model has no product with the field to learn from.
    """
    inputs, labels = train.inputs, train.targets.shape[1]
    parts: list[tuple[Rows, Prediction]] = []
    for fold in np.unique(folds[folds >= 0]).tolist():
        asked, learnt = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)

        def compute(asked: Rows = asked, learnt: Rows = learnt) -> Prediction:
            model = fit_present(make(), train.take(learnt), validation, context)
            return predict_present(model, inputs.take(asked), labels, context)

        log.info("%s: fold %d, %d products held out of %d", context.title, fold, len(asked), len(inputs))
        parts.append((asked, keep(fold, compute)))
    return _joined(parts, len(inputs), labels)


def _joined(parts: list[tuple[Rows, Prediction]], count: int, labels: int) -> Prediction:
    """The folds' predictions in row order; a fold whose features are narrower (none present) is filled up with 0."""
    width = max((part.features.shape[1] for _, part in parts), default=0)
    probabilities, features = np.zeros((count, labels), np.float32), np.zeros((count, width), np.float32)
    present = np.zeros(count, np.bool_)
    for rows, part in parts:
        probabilities[rows] = part.probabilities
        features[rows, : part.features.shape[1]] = part.features
        present[rows] = part.present
    return Prediction(probabilities, features, present)
