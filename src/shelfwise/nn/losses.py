"""Losses of multi-label networks: logits and targets (B, L) in, one number out, the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from shelfwise.config import LossName
from shelfwise.errors import ConfigError

Loss = Callable[[Tensor, Tensor], Tensor]

KERAS_EPSILON = 1e-7
"""Probabilities nearer to 0 or 1 count as this near, so that their logarithm is finite."""


def keras_cce(logits: Tensor, targets: Tensor) -> Tensor:
    """Keras' categorical cross-entropy on sigmoid outputs, the loss of the paper.

    Keras first divides the outputs s by their sum, so the loss knows only their proportions:
    ``keras_cce(c * s) == keras_cce(s)``, and nothing ties it to a threshold. Its floor is ``|y| log |y|``.

    Source: paper, section 3; Keras 2.2 ``categorical_crossentropy``.
    """
    scores = torch.sigmoid(logits)
    # tiny, where every output is 0
    sums = scores.sum(dim=1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny)
    shares = (scores / sums).clamp(KERAS_EPSILON, 1 - KERAS_EPSILON)
    return -(targets * shares.log()).sum(dim=1).mean()


def bce(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, mean over labels and products (authors' image script)."""
    return F.binary_cross_entropy_with_logits(logits, targets)


def softmax_ce(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross-entropy of logits (B, L) against y / |y|, a scalar; products without a label count 0."""
    shares = targets / targets.sum(dim=1, keepdim=True).clamp_min(1)
    return -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()


def focal(logits: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al. 2017): cross-entropy weighted by (1 - p_correct) ** gamma."""
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    # the cross-entropy is -log p_correct
    p_correct = torch.exp(-losses)
    return (losses * (1 - p_correct) ** gamma).mean()


def asymmetric(logits: Tensor, targets: Tensor, gamma: float = 4.0, margin: float = 0.05) -> Tensor:
    """Asymmetric loss (Ridnik et al. 2021): easy negatives weigh less.

    Args:
        gamma: the higher, the less.
        margin: negatives with a lower probability weigh nothing.
    """
    p = torch.sigmoid(logits)
    shifted = (p - margin).clamp_min(0)
    positive = targets * F.logsigmoid(logits)
    # log(1 - shifted), which must stay finite
    log_negative = torch.log1p(-shifted.clamp_max(1 - KERAS_EPSILON))
    negative = (1 - targets) * shifted**gamma * log_negative
    return -(positive + negative).mean()


def class_balanced(counts: Tensor, beta: float = 0.999) -> Loss:
    """Binary cross-entropy weighted by the effective number of samples (Cui et al. 2019).

    Args:
        counts: (L,) products per label in the training part.
        beta: in [0, 1); 0 gives equal weights.
    """
    weights = (1 - beta) / (1 - beta ** counts.clamp_min(1))
    # of mean 1, so that the learning rate means what it means elsewhere
    weights = weights / weights.mean()

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, targets, weight=weights.to(logits.device))

    return loss


def max_constraint(levels: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> Loss:
    """Binary cross-entropy under a tree's max-constraint: ``p_A = max of h_B over A and all B below it``.

    The loss of a label A is ``-y_A ln max_B(y_B h_B) - (1 - y_A) ln(1 - p_A)``. Where a product has the
    label A, only those below A that it has too count for A. So A is not learned from a label that the
    product lacks. Targets must agree with the tree.

    Args:
        levels: labels with their parents, the deepest first, see
            :func:`~shelfwise.taxonomy.tree_scores.levels`.

    Source: Giunchiglia and Lukasiewicz 2020, C-HMCNN(h), equation of MCLoss.
    """
    steps = [
        (torch.from_numpy(children), torch.from_numpy(parents)) for children, parents in levels
    ]

    def raise_to_highest_below(logits: Tensor) -> Tensor:
        # from the deepest level up, so that each parent meets children that are raised already
        for children, parents in steps:
            places = parents.to(logits.device).expand(len(logits), -1)
            below = logits[:, children.to(logits.device)]
            logits = logits.scatter_reduce(1, places, below, "amax")
        return logits

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        lowest = torch.full_like(logits, torch.finfo(logits.dtype).min)
        # labels the product lacks cannot be the highest
        of_own_labels = raise_to_highest_below(torch.where(targets > 0, logits, lowest))
        constrained = torch.where(targets > 0, of_own_labels, raise_to_highest_below(logits))
        return F.binary_cross_entropy_with_logits(constrained, targets)

    return loss


def make_loss(name: LossName, targets: Tensor) -> Loss:
    """The loss called `name`.

    Args:
        targets: (N, L) of the training part, which give the class-balanced weights.

    Raises:
        ConfigError: there is no such loss.
    """
    simple: dict[str, Loss] = {
        f.__name__: f for f in (keras_cce, bce, softmax_ce, focal, asymmetric)
    }
    if name in simple:
        return simple[name]
    if name == "class_balanced":
        # the only one that has to know how frequent labels are
        return class_balanced(targets.sum(dim=0))
    raise ConfigError(f"there is no loss called {name!r}; known: {', '.join(get_args(LossName))}")
