"""Fit a modality on present rows only, predict them, and scatter its predictions back to all rows."""

from __future__ import annotations

import numpy as np

from shelfwise.core.modality import Modality
from shelfwise.core.plugin_answers import checked
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
    present = train.present()
    if not len(present.targets):
        count = len(train.targets)
        field = modality.field
        raise LabelError(
            f"none of the {count} training products has a usable {field}; leave the member out"
        )
    watched = validation.present() if validation is not None else None
    if watched is not None and not len(watched.targets):
        watched = None
    return modality.fit(present, watched, context)


def predict_present(
    modality: Modality, inputs: FieldInputs, labels: int, context: Context
) -> Prediction:
    """Predict those of the N products that have the field; zeros for the others.

    Args:
        labels: L, the width of the prediction where no product has the field.

    Returns:
        Probabilities (N, L) and features (N, D); D is 0 where no product has the field.

    Raises:
        PluginError: the modality gave arrays of another shape, or values that are no finite numbers.
    """
    count = len(inputs)
    rows = np.flatnonzero(inputs.present)
    if not len(rows):
        nothing = np.zeros((count, labels), np.float32)
        return Prediction(nothing, np.zeros((count, 0), np.float32), inputs.present)
    # taking all rows would copy them for nothing
    asked = inputs if len(rows) == count else inputs.take(rows)
    probabilities, features = modality.predict(asked, context)
    probabilities = checked(modality, probabilities, len(rows), labels)
    features = checked(modality, features, len(rows))
    return Prediction(
        _scattered(probabilities, rows, count), _scattered(features, rows, count), inputs.present
    )


def _scattered(values: Floats, rows: Rows, count: int) -> Floats:
    """`values` (R, W) at `rows` of an otherwise zero (count, W)."""
    # where all products have the field, a copy would only take memory
    if len(rows) == count:
        return np.asarray(values, np.float32)
    whole = np.zeros((count, values.shape[1]), np.float32)
    whole[rows] = values
    return whole
