"""Adam, AdamW and Adadelta, by torch's own functions but without its class ``Optimizer``.

To make an object of that class imports torch's compiler: a second and 150 MB, in every process that trains anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.adadelta import adadelta
from torch.optim.adam import adam

Kind = Literal["adam", "adamw", "adadelta"]
Schedule = Literal["constant", "cosine"]


class Optimizer:
    """Takes steps down the gradients of `parameters`; one without a gradient stays as it is.

    Args:
        kind: ``adam`` and ``adamw`` with Keras's epsilon, 1e-7 (Kingma and Ba 2015; Loshchilov and Hutter 2019); ``adadelta`` with
            torch's rho 0.9 and epsilon 1e-6 (Zeiler 2012).
        weight_decay: added to the gradients; of ``adamw``, taken off the weights.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], kind: Kind, weight_decay: float) -> None:
        self._parameters: list[Tensor] = list(parameters)
        self._states = [
            (torch.zeros_like(p), torch.zeros_like(p), torch.zeros((), device=p.device))
            for p in self._parameters
        ]
        self._kind, self._decay = kind, weight_decay

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every parameter that has a gradient."""
        moved = [
            (p, p.grad, *state)
            for p, state in zip(self._parameters, self._states, strict=True)
            if p.grad is not None
        ]
        parameters, gradients, first, second, steps = ([row[i] for row in moved] for i in range(5))
        if self._kind == "adadelta":
            adadelta(
                parameters,
                gradients,
                first,
                second,
                steps,
                lr=rate,
                rho=0.9,
                eps=1e-6,
                weight_decay=self._decay,
                maximize=False,
            )
        else:
            adam(
                *(parameters, gradients, first, second, [], steps),
                fused=True,
                decoupled_weight_decay=self._kind == "adamw",
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=rate,
                weight_decay=self._decay,
                eps=1e-7,
                maximize=False,
            )


def rate_at(step: int, steps: int, rate: float, schedule: Schedule) -> float:
    """The learning rate of step number `step`, from 0, of `steps`; ``cosine`` falls from `rate` to 0 along half a wave.

    >>> [round(rate_at(step, 4, 1.0, "cosine"), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    return rate if schedule == "constant" else rate * (1 + math.cos(math.pi * step / steps)) / 2
