"""Fit and ask a modality on present rows only, and scatter its answers back to all rows."""

from __future__ import annotations

import numpy as np

from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, FieldInputs, Floats, Prediction, Rows
from shelfwise.errors import LabelError


def fit_present(
    modality: Modality, train: Examples, validation: Examples | None, context: Context
) -> Modality:
    """Fit `modality` in place on those of the products that have its field; returns it.

    A validation part without a single such product counts as none.

    Raises:
        LabelError: no training product has the field.
    """
    able = train.present()
    if not len(able.targets):
        raise LabelError(
            f"none of the {len(train.targets)} training products has a usable {modality.field}; leave the member out"
        )
    watched = validation.present() if validation is not None else None
    return modality.fit(able, watched if watched is not None and len(watched.targets) else None, context)


def predict_present(modality: Modality, inputs: FieldInputs, labels: int, context: Context) -> Prediction:
    """Ask `modality` about those of the N products that have its field; zeros for the others.

    Args:
        labels: L, the width of the answer where no product has the field.

    Returns:
        Probabilities (N, L) and features (N, D); D is 0 where no product has the field.
    """
    rows = np.flatnonzero(inputs.present)
    if not len(rows):
        return Prediction(
            np.zeros((len(inputs), labels), np.float32),
            np.zeros((len(inputs), 0), np.float32),
            inputs.present,
        )
    probabilities, features = modality.predict(
        inputs if len(rows) == len(inputs) else inputs.take(rows), context
    )
    return Prediction(
        _scattered(probabilities, rows, len(inputs)), _scattered(features, rows, len(inputs)), inputs.present
    )


def _scattered(values: Floats, rows: Rows, count: int) -> Floats:
    """`values` (R, W) at `rows` of an otherwise zero (count, W)."""
    whole = np.zeros((count, values.shape[1]), np.float32)
    whole[rows] = values
    return whole
