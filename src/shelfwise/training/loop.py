"""The one training loop, for every network of the house: text, image and policy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shelfwise.config import LossName
from shelfwise.contracts import Context, Floats, PluginSettings, Rows
from shelfwise.training.losses import make_loss


class LoopSettings(PluginSettings):
    """How a network is trained. The defaults are the paper's: Adam 1e-3, batches of 256, a fixed number of epochs."""

    epochs: int = Field(30, ge=1, description="passes over the training part (a cap where patience is set)")
    batch_size: int = Field(256, ge=1, description="products a step")
    learning_rate: float = Field(1e-3, gt=0)
    optimizer: Literal["adam", "adamw", "adadelta"] = "adam"
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    loss: LossName = "keras_cce"
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better validation loss")


class Batches(Protocol):
    """Where a network's inputs come from: any rows, at any time, as tensors."""

    def __len__(self) -> int: ...

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The inputs of the given rows, as the network's positional arguments."""
        ...


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's randomness from `seed` inside the block, untouched outside it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def fit_network(
    network: nn.Module,
    train: Batches,
    targets: Floats,
    settings: LoopSettings,
    context: Context,
    validation: tuple[Batches, Floats] | None = None,
    title: str = "training",
    after_step: Callable[[nn.Module], None] | None = None,
) -> int:
    """Train `network` (inputs -> logits (B, L)) in place; with patience, its best epoch's weights remain.

    Args:
        targets: (N, L) of 0 and 1.
        validation: watched by `patience`, never learnt from.
        after_step: called with the network after every optimiser step (max-norm constraints).

    Returns:
        The epoch whose weights remain, counted from 1.
    """
    loss_of = make_loss(settings.loss, torch.from_numpy(targets))
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = _optimizer(parameters, settings)
    steps = settings.epochs * -(-len(train) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if settings.schedule == "cosine" else None
    order = np.random.default_rng(context.seed)
    best, best_epoch, best_weights = np.inf, settings.epochs, None
    with seeded(context.seed), context.progress(title, settings.epochs) as progress:
        for epoch in range(1, settings.epochs + 1):
            network.train()
            permutation = order.permutation(len(train))
            for start in range(0, len(train), settings.batch_size):
                rows = permutation[start : start + settings.batch_size]
                optimizer.zero_grad(set_to_none=True)
                loss_of(network(*train.batch(rows)), torch.from_numpy(targets[rows])).backward()
                optimizer.step()
                if schedule is not None:
                    schedule.step()
                if after_step is not None:
                    after_step(network)
            progress.advance()
            if validation is None or settings.patience is None:
                continue
            now = _loss(network, *validation, loss_of, settings.batch_size)
            if now < best:
                best, best_epoch, best_weights = now, epoch, copy.deepcopy(_trained_state(network))
            elif epoch - best_epoch >= settings.patience:
                break
    if best_weights is not None:
        network.load_state_dict(best_weights, strict=False)
    network.eval()
    return best_epoch


@torch.inference_mode()
def run_network(network: Callable[..., Tensor], inputs: Batches, batch_size: int = 256, order: Rows | None = None) -> Floats:
    """`network`'s answers for every row, in row order; `order` (a permutation) lets rows of one length share a batch."""
    order = np.arange(len(inputs)) if order is None else order
    answers = [network(*inputs.batch(order[i : i + batch_size])) for i in range(0, len(order), batch_size)]
    if not answers:
        return np.zeros((0, 0), np.float32)
    joined = torch.cat(answers).float().numpy()
    result = np.empty_like(joined)
    result[order] = joined
    return result


def _optimizer(parameters: list[nn.Parameter], settings: LoopSettings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "adadelta":
        return torch.optim.Adadelta(parameters, lr=rate, weight_decay=decay)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=rate, weight_decay=decay, eps=1e-7, fused=True)  # eps as in Keras


def _trained_state(network: nn.Module) -> dict[str, Tensor]:
    """The weights that training can change, and all running statistics."""
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    return {name: value for name, value in network.state_dict().items() if name not in frozen}


@torch.inference_mode()
def _loss(network: nn.Module, inputs: Batches, targets: Floats, loss_of: Callable[[Tensor, Tensor], Tensor], size: int) -> float:
    network.eval()
    total = 0.0
    for start in range(0, len(inputs), size):
        rows = np.arange(start, min(start + size, len(inputs)))
        total += float(loss_of(network(*inputs.batch(rows)), torch.from_numpy(targets[rows]))) * len(rows)
    return total / max(len(inputs), 1)
