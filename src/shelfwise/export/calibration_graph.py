"""A calibration as the last part of the graph: scores (B, L) to probabilities.

Dimensions: B products, L labels, K points of a curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.decision.calibration import Calibration
from shelfwise.metrics.calibration import EPSILON

Arrays = Mapping[str, NDArray[Any]]

PARTS = ("places", "heights", "lowest", "highest")
"""Arrays of a set of isotonic curves."""

BEYOND = 2.0
"""A place to the right of every score, where curves of fewer points are filled up."""


def calibration_network(calibration: Calibration) -> nn.Module:
    """Scores (B, L) to probabilities, as :meth:`~shelfwise.decision.calibration.Calibration.apply`."""
    if calibration.method == "none":
        return nn.Identity()
    if calibration.method == "isotonic":
        return IsotonicCalibration(calibration.arrays)
    return LogisticCalibration(calibration.arrays)


class LogisticCalibration(nn.Module):
    """A rising logistic curve a label, of the logarithms of the score and of its complement."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        self.weights = _buffer(arrays["weights"], np.float32)  # (L, 3)

    def forward(self, scores: Tensor) -> Tensor:
        """Probabilities (B, L); a score of 0 stays 0."""
        clipped = scores.clamp(EPSILON, 1 - EPSILON)
        rising, falling, constant = self.weights.unbind(dim=1)
        logits = rising * clipped.log() - falling * (1 - clipped).log() + constant
        likely = logits.sigmoid().clamp(EPSILON, 1 - EPSILON)
        return torch.where(scores > 0, likely, 0.0)


class IsotonicCalibration(nn.Module):
    """A rising curve a label, straight between its points, mixed with the one that all labels share."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        labels = len(arrays["trust"])
        own = {name: arrays[f"own.{name}"] for name in PARTS}
        shared = {name: arrays[f"shared.{name}"] for name in PARTS}
        self.own = PiecewiseLinear(own, labels)
        self.shared = PiecewiseLinear(shared, 1)
        # how much of a label's own curve counts: less for labels with few products
        self.trust = _buffer(arrays["trust"], np.float32)

    def forward(self, scores: Tensor) -> Tensor:
        """Probabilities (B, L); a score of 0 stays 0."""
        own = self.own(scores)
        shared = self.shared(scores)
        likely = self.trust * own + (1 - self.trust) * shared
        return torch.where(scores > 0, likely.clamp(EPSILON, 1 - EPSILON), 0.0)


class PiecewiseLinear(nn.Module):
    """Curves of up to K points as sums of ramps from point to point; one for each label, or one for all."""

    def __init__(self, curves: Arrays, labels: int) -> None:
        super().__init__()
        places, heights = _filled_up(curves, labels)
        rises = np.diff(heights, axis=1)
        # ramps between the filling points have no length; they do not rise either
        lengths = np.maximum(np.diff(places, axis=1), 1e-12)
        self.first = _buffer(heights[:, 0], np.float32)
        self.rise = _buffer(rises, np.float32)
        # in double precision, as ramps may be as short as the distance of two single-precision scores
        self.start = _buffer(places[:, :-1])
        self.length = _buffer(lengths)
        # beyond its first and last training score a curve is level
        self.lowest = _buffer(curves["lowest"])
        self.highest = _buffer(curves["highest"])

    def forward(self, scores: Tensor) -> Tensor:
        """Heights (B, L) of the curves at `scores`."""
        kept = torch.minimum(torch.maximum(scores.double(), self.lowest), self.highest)
        # how far a score has climbed each ramp, 0 before and 1 behind it
        distance = kept.unsqueeze(2) - self.start
        along = (distance / self.length).clamp(0, 1).float()
        return self.first + (along * self.rise).sum(dim=2)


def _buffer(array: NDArray[Any], dtype: type[np.generic] | None = None) -> nn.Buffer:
    """A copy of `array` that goes with the graph and is not trained."""
    return nn.Buffer(torch.from_numpy(np.array(array, dtype)))


def _filled_up(curves: Arrays, labels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places and heights (L, K) of the points; curves of fewer points go on level to the right."""
    # the curves lie end to end, that of label l between 2 l and 2 l + 1
    label_of = curves["places"] // 2
    rows_of = [np.flatnonzero(label_of == label) for label in range(labels)]
    width = max(2, *(len(rows) for rows in rows_of))
    places = np.full((labels, width), BEYOND)
    heights = np.zeros((labels, width))
    for label, rows in enumerate(rows_of):
        # a label without any training product has no curve, and height 0
        if len(rows):
            places[label, : len(rows)] = curves["places"][rows] - 2 * label
            heights[label, : len(rows)] = curves["heights"][rows]
            heights[label, len(rows) :] = curves["heights"][rows[-1]]
    return places, heights
