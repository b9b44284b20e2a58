"""Arithmetic on rows of vectors. A row of zeros is a product without the field, and stays a row of zeros."""

from __future__ import annotations

import numpy as np

from shelfwise.core.types import Floats


def unit(vectors: Floats) -> Floats:
    """Rows (N, D) scaled to length 1.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    # divided where there is a length, as 0 / 0 would be no number
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def present_mean(vectors: Floats) -> Floats:
    """The mean (D,) of those rows (N, D) that are not 0; 0 if there are none."""
    present = np.any(vectors, axis=1)
    if not present.any():
        return np.zeros(vectors.shape[1], np.float32)
    return np.asarray(vectors[present].mean(axis=0), np.float32)


def centred_unit(vectors: Floats, centre: Floats) -> Floats:
    """Rows (N, D) less `centre` (D,), scaled to length 1.

    What all products have in common is in their mean. Without it, the cosine tells them apart better.
    """
    present = np.any(vectors, axis=1, keepdims=True)
    centred = np.where(present, vectors - centre, 0)
    return np.asarray(unit(centred), np.float32)
