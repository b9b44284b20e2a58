"""The Gaussian kernel of centred vectors, counted pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np

from shelfwise.core.types import Floats


def gaussian(known: Floats, new: Floats, gamma: float) -> Any:
    """exp(-gamma * squared distance) of vectors less the known ones' mean, scaled to length 1.

    0 with one that is all 0.
    """
    centre = known[known.any(axis=1)].mean(axis=0)

    def pair(a: Floats, b: Floats) -> float:
        if not a.any() or not b.any():
            return 0.0
        a, b = ((v - centre) / np.linalg.norm(v - centre) for v in (a, b))
        return float(np.exp(-gamma * ((a - b) ** 2).sum()))

    return tuple(np.array([[pair(a, b) for b in known] for a in rows]) for rows in (known, new))
