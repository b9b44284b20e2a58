"""Torch's optimisers with the settings of this package, and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn

Kind = Literal["adam", "adamw", "adadelta"]
Schedule = Literal["constant", "cosine"]

KERAS_EPSILON = 1e-7
"""Keras's, for the paper's figures; torch's own is 1e-8."""


def make_optimizer(
    parameters: Iterable[nn.Parameter], kind: Kind, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Torch's optimiser `kind` of `parameters`; one without a gradient stays as it is in a step.

    Args:
        kind: ``adam`` or ``adamw`` with Keras's epsilon (Kingma and Ba 2015; Loshchilov and Hutter 2019), or
            ``adadelta`` with torch's rho 0.9 and epsilon 1e-6 (Zeiler 2012).
        learning_rate: of the first step; see :func:`set_learning_rate`.
        weight_decay: added to the gradients; of ``adamw``, taken off the weights.
    """
    if kind == "adadelta":
        return torch.optim.Adadelta(parameters, lr=learning_rate, weight_decay=weight_decay)
    optimizer = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
    # fused: one pass over each weight in place of ten
    return optimizer(
        parameters, lr=learning_rate, eps=KERAS_EPSILON, weight_decay=weight_decay, fused=True
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the following steps be taken at `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def rate_at(step: int, steps: int, rate: float, schedule: Schedule) -> float:
    """The learning rate of step number `step`, from 0, of `steps`.

    ``cosine`` falls from `rate` to 0 along half a wave.

    >>> [round(rate_at(step, 4, 1.0, "cosine"), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    if schedule == "constant":
        return rate
    return rate * (1 + math.cos(math.pi * step / steps)) / 2
