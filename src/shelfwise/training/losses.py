"""Losses for multi-label networks: logits (B, L) and targets (B, L) in, one number out (mean over the batch)."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from shelfwise.config import LossName
from shelfwise.errors import ConfigError

Loss = Callable[[Tensor, Tensor], Tensor]


def keras_cce(logits: Tensor, targets: Tensor) -> Tensor:
    """Keras' categorical cross-entropy on sigmoid outputs, the loss of the paper.

    Keras first divides the outputs s by their sum, so the loss knows only their proportions:
    ``keras_cce(c * s) == keras_cce(s)``, and nothing ties it to a threshold. Its floor is ``|y| log |y|``.

    Source: paper, section 3; Keras 2.2 ``categorical_crossentropy``.
    """
    scores = torch.sigmoid(logits)
    shares = scores / scores.sum(dim=1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
    return -(targets * shares.clamp(1e-7, 1 - 1e-7).log()).sum(dim=1).mean()


def bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, mean over labels and products (authors' image script)."""
    return F.binary_cross_entropy_with_logits(logits, targets)


def softmax_ce(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross-entropy against y / |y|; products without a label count 0."""
    shares = targets / targets.sum(dim=1, keepdim=True).clamp_min(1)
    return -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()


def focal(logits: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al. 2017): cross-entropy weighted by (1 - p_correct) ** gamma."""
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * (1 - torch.exp(-losses)) ** gamma).mean()


def asymmetric(logits: Tensor, targets: Tensor, gamma: float = 4.0, margin: float = 0.05) -> Tensor:
    """Asymmetric loss (Ridnik et al. 2021): easy negatives weigh less, probabilities below `margin` nothing."""
    p = torch.sigmoid(logits)
    shifted = (p - margin).clamp_min(0)
    positive = targets * F.logsigmoid(logits)
    negative = (1 - targets) * shifted**gamma * torch.log1p(-shifted.clamp_max(1 - 1e-7))
    return -(positive + negative).mean()


def class_balanced(counts: Tensor, beta: float = 0.999) -> Loss:
    """Binary cross-entropy weighted by the effective number of samples (Cui et al. 2019).

    Args:
        counts: (L,) products per label in the training part.
        beta: in [0, 1); 0 gives equal weights.
    """
    weights = (1 - beta) / (1 - beta ** counts.clamp_min(1))
    weights = weights / weights.mean()

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, targets, weight=weights)

    return loss


def make_loss(name: LossName, targets: Tensor) -> Loss:
    """The loss called `name`; `targets` (N, L) of the training part give the class-balanced weights."""
    simple: dict[str, Loss] = {f.__name__: f for f in (keras_cce, bce, softmax_ce, focal, asymmetric)}
    if name in simple:
        return simple[name]
    if name == "class_balanced":
        return class_balanced(targets.sum(dim=0))
    raise ConfigError(f"there is no loss called {name!r}; known: {', '.join(get_args(LossName))}")
