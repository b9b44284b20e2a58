"""Fit a modality on present rows only, predict them, and scatter its predictions back to all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from shelfwise.core.modality import Modality, ModalityTask
from shelfwise.core.plugin_calls import checked
from shelfwise.core.read_only import changes_refused, lent
from shelfwise.core.sparse_rows import one_below_another
from shelfwise.core.sparse_scores import dense, highest_scores, in_row_order, row_slices
from shelfwise.core.types import Context, Examples, FieldInputs, Prediction
from shelfwise.errors import LabelError

_SPARSE_NUMBERS = 256
"""Probabilities of a product that are reckoned with, where a modality gives sparse ones."""


def fit_present(
    modality: Modality, train: Examples, validation: Examples | None, context: Context
) -> Modality:
    """Fit `modality` in place on those of the products that have its field; returns it.

    A validation part without a single such product counts as none.

    Raises:
        LabelError: no training product has the field.
        PluginError: the modality changes what it is given.
    """
    present = _present_rows(modality, train)
    watched = validation.present() if validation is not None else None
    # early stopping on no product would stop at once
    if watched is not None and not watched.targets.shape[0]:
        watched = None
    if watched is not None and not modality.takes_sparse_targets:
        watched = _with_dense_targets(watched)
    with changes_refused(modality):
        return modality.fit(lent(modality, present), lent(modality, watched), context)


def fit_each_present(tasks: Sequence[ModalityTask]) -> None:
    """As :func:`fit_present`, of several modalities of one kind, field and equal settings.

    Raises:
        LabelError, PluginError: as there.
    """
    some = tasks[0].modality
    known = [
        replace(task, train=lent(some, _present_rows(task.modality, task.train))) for task in tasks
    ]
    with changes_refused(some):
        type(some).fit_each(known)


def _present_rows(modality: Modality, train: Examples) -> Examples:
    """The products that have the field, with targets as `modality` takes them.

    Raises:
        LabelError: there is none.
    """
    present = train.present()
    if not present.targets.shape[0]:
        count = train.targets.shape[0]
        field = modality.field
        raise LabelError(
            f"none of the {count} training products has a usable value in {field}; leave the member out"
        )
    return present if modality.takes_sparse_targets else _with_dense_targets(present)


def _with_dense_targets(examples: Examples) -> Examples:
    return replace(examples, targets=dense(examples.targets))


def predict_present(
    modality: Modality,
    inputs: FieldInputs,
    labels: int,
    context: Context,
    highest_only: bool = False,
) -> Prediction:
    """Predict those of the N products that have the field; zeros for the others.

    Args:
        labels: L, the width of the prediction where no product has the field.
        highest_only: keep each product's highest probabilities alone, as sparse rows.

    Returns:
        Probabilities (N, L) and features (N, D); D is 0 where no product has the field.

    Raises:
        PluginError: the modality gave arrays of another shape, or values that are no finite numbers; or it
            changes what it is given.
    """
    if highest_only:
        return _predict_highest(modality, inputs, labels, context)
    prediction = _predict(modality, inputs, labels, context)
    probabilities = np.asarray(dense(prediction.probabilities), np.float32)
    return replace(prediction, probabilities=probabilities)


def _predict(modality: Modality, inputs: FieldInputs, labels: int, context: Context) -> Prediction:
    """As :func:`predict_present`; probabilities are sparse where the modality gives such ones."""
    count = len(inputs)
    rows = np.flatnonzero(inputs.present)
    if not len(rows):
        nothing = sp.csr_array((count, labels), dtype=np.float32)
        return Prediction(nothing, np.zeros((count, 0), np.float32), inputs.present)
    # taking all rows would copy them for nothing
    asked = inputs if len(rows) == count else inputs.take(rows)
    with changes_refused(modality):
        probabilities, features = modality.predict(lent(modality, asked), context)
    probabilities = checked(modality, probabilities, len(rows), labels)
    features = checked(modality, features, len(rows))
    if len(rows) < count:
        probabilities = in_row_order([(rows, probabilities)], (count, labels))
        features = in_row_order([(rows, features)], (count, features.shape[1]))
    return Prediction(probabilities, np.asarray(features, np.float32), inputs.present)


def _predict_highest(
    modality: Modality, inputs: FieldInputs, labels: int, context: Context
) -> Prediction:
    """As :func:`predict_present`, some products at a time, of which the highest probabilities stay."""
    count = len(inputs)
    # sparse probabilities take little memory, and more products at a time less time
    numbers = _SPARSE_NUMBERS if modality.predicts_sparse else labels
    features = np.zeros((count, 0), np.float32)

    def highest() -> Iterator[sp.csr_array]:
        nonlocal features
        for rows in row_slices(count, numbers):
            some = inputs.take(np.arange(rows.start, rows.stop))
            part = _predict(modality, some, labels, context)
            width = part.features.shape[1]
            # features have no width until a product has the field
            if width > features.shape[1]:
                features = np.zeros((count, width), np.float32)
            features[rows, :width] = part.features
            yield highest_scores(part.probabilities)
            progress.advance(len(some))

    with context.progress(context.title, count) as progress:
        probabilities = one_below_another(highest(), labels)
    return Prediction(probabilities, features, inputs.present)
