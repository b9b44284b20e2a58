"""Arithmetic on rows of vectors."""

from __future__ import annotations

import numpy as np

from shelfwise.core.types import Floats


def unit(features: Floats) -> Floats:
    """Rows (N, D) scaled to length 1; rows of 0 stay as they are."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(np.divide(features, length, out=np.zeros_like(features), where=length > 0))
