"""Numbers that look random, the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)


def splitmix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number that looks random for each number: the finalizer of splitmix64 (Steele et al. 2014)."""
    # shifts spread the high bits downwards, products spread the low bits upwards
    values = values ^ (values >> np.uint64(30))
    values = values * _FIRST_FACTOR
    values = values ^ (values >> np.uint64(27))
    values = values * _SECOND_FACTOR
    return values ^ (values >> np.uint64(31))
