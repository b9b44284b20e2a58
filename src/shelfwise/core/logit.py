"""The logit of probabilities that may be 0 or 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit


def clipped_logit(probabilities: NDArray[Any], lowest: float, highest: float) -> NDArray[Any]:
    """``log(p / (1 - p))``, where probabilities outside `lowest` to `highest` count as these.

    The bounds say how much certainty is believed: a member's last digits near 0 or 1 are seldom meant.

    >>> clipped_logit(np.array([0.0, 0.5, 1.0]), 0.1, 0.9).round(2).tolist()
    [-2.2, 0.0, 2.2]
    """
    return np.asarray(logit(np.clip(probabilities, lowest, highest)))
