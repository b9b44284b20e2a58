"""Predictions and scores as what checkpoints keep: plain arrays, also where they are sparse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Matrix, Prediction, State

_PROBABILITIES = "probabilities"


def prediction_state(prediction: Prediction) -> State:
    """A prediction as a state."""
    probabilities = matrix_arrays(_PROBABILITIES, prediction.probabilities)
    return State({**probabilities, "features": prediction.features, "present": prediction.present})


def prediction_from(state: State) -> Prediction:
    """The prediction that `state` was taken from."""
    arrays = state.arrays
    return Prediction(matrix_from(arrays, _PROBABILITIES), arrays["features"], arrays["present"])


def matrix_arrays(name: str, matrix: Matrix) -> dict[str, NDArray[Any]]:
    """A matrix as itself, and a sparse one as its parts."""
    if not sp.issparse(matrix):
        return {name: matrix}
    parts = {"values": matrix.data, "columns": matrix.indices, "rows": matrix.indptr}
    parts["shape"] = np.array(matrix.shape)
    return {f"{name}.{part}": values for part, values in parts.items()}


def matrix_from(arrays: Mapping[str, NDArray[Any]], name: str) -> Matrix:
    """The matrix that :func:`matrix_arrays` took apart under this name."""
    if name in arrays:
        return arrays[name]
    values, columns, rows, shape = (
        arrays[f"{name}.{part}"] for part in ("values", "columns", "rows", "shape")
    )
    return sp.csr_array((values, columns, rows), shape=tuple(shape.tolist()))
