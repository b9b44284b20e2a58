"""What a product can be printed with: x and y, in repeats of the pattern, to whether there is ink."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _stripes(x: Floats, y: Floats) -> Bools:
    return np.asarray(y % 1 < 0.45)


def _dots(x: Floats, y: Floats) -> Bools:
    # every second row is shifted by half a repeat
    across = (x + (y // 1) / 2) % 1 - 0.5
    down = y % 1 - 0.5
    return np.asarray(across**2 + down**2 < 0.07)


def _checks(x: Floats, y: Floats) -> Bools:
    return np.asarray((x % 1 < 0.5) ^ (y % 1 < 0.5))


def _flowers(x: Floats, y: Floats) -> Bools:
    # larger than dots, shifted like them
    row = y * 0.8
    across = (x * 0.8 + (row // 1) / 2) % 1 - 0.5
    down = row % 1 - 0.5
    radius = np.hypot(across, down)
    # five petals round an empty centre
    petals = 0.28 + 0.13 * np.cos(5 * np.arctan2(down, across))
    return np.asarray((radius < petals) & (radius > 0.1))


PATTERNS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "stripes": _stripes,
    "dots": _dots,
    "checks": _checks,
    "flowers": _flowers,
}
