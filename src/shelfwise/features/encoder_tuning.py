"""Fine-tuning of a sentence encoder: which of its layers train, and how."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from shelfwise.config import LossName
from shelfwise.core.types import Context, Floats, PluginSettings, Rows
from shelfwise.errors import ConfigError
from shelfwise.nn.batch_shares import on_all_processes
from shelfwise.nn.device import Precision, move_to_device, to_device
from shelfwise.nn.early_stopping import EarlyStopping
from shelfwise.nn.losses import make_loss
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.training_loop import Batches
from shelfwise.nn.training_state import TrainingState, training_marks

WARM_UP = 0.1
"""Share of the steps in which the learning rates rise."""

MAX_GRADIENT_NORM = 1.0
"""Of the encoder's weights together; longer gradients are shortened to it."""

BATCHES_PER_POOL = 50
"""Texts are sorted by length among so many batches' worth of random ones."""


class TuningSettings(PluginSettings):
    """How an encoder is tuned: AdamW, rates rising for the first tenth of the steps and then falling to 0."""

    epochs: int = Field(3, ge=1, description="passes over the training products")
    batch_size: int = Field(32, ge=1, description="training products in one optimiser step")
    learning_rate: float = Field(
        2e-4, gt=0, description="highest step size of the encoder's layers"
    )
    head_rate: float = Field(
        1e-3, gt=0, description="highest step size of the layers behind the encoder"
    )
    weight_decay: float = Field(0.01, ge=0, description="penalty on large weights; 0: none")
    loss: LossName = Field(
        "bce", description="what training minimises; bce treats every label on its own"
    )
    precision: Precision = Field(
        "auto",
        description="number format of matrix products; auto: bfloat16 on a GPU that has it, otherwise "
        "float32",
    )


def freeze_except_last(encoder: nn.Module, train_last: int | Literal["all"]) -> None:
    """Let only the last layers of `encoder` be trained; 0 trains none.

    Raises:
        ConfigError: it has fewer layers.
    """
    if train_last == "all":
        encoder.requires_grad_(True)
        return
    # the encoder's layers are its longest list of modules, whatever it is called
    stacks = [list(module) for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    layers = max(stacks, key=len, default=[])
    if train_last > len(layers):
        raise ConfigError(
            f"train_last is {train_last}, but the encoder has {len(layers)} layers; "
            "give at most so many, or 'all'"
        )
    encoder.requires_grad_(False)
    for layer in layers[len(layers) - train_last :]:
        layer.requires_grad_(True)


def fine_tune(
    network: nn.Module,
    encoder: nn.Module,
    train: Batches,
    lengths: Rows,
    targets: Floats,
    settings: TuningSettings,
    context: Context,
) -> None:
    """Train in place all of `network` that asks for gradients; `encoder`, a part of it, at a rate of its own.

    Args:
        lengths: (N,) tokens of each text.
        targets: (N, L) of 0 and 1.
    """
    loss_of = make_loss(settings.loss, torch.from_numpy(targets))
    encoder_weights = [p for p in encoder.parameters() if p.requires_grad]
    steps = settings.epochs * -(-len(train) // settings.batch_size)
    network.train()
    move_to_device(network)
    title = "tuning the encoder"
    checkpoint = context.loops.next(training_marks(network, targets, settings, context.seed, title))
    with torch_seed(context.seed), context.progress(title, steps) as progress:
        optimizer = _make_optimizer(network, encoder_weights, settings)
        rates = [group["lr"] for group in optimizer.param_groups]
        last = EarlyStopping(network, None, settings.epochs)
        order = np.random.default_rng(context.seed)
        state = TrainingState(network, optimizer, last, order, checkpoint)
        draw = partial(_batches_by_length, lengths, settings.batch_size)
        run = on_all_processes(network)
        if state.resume():
            progress.advance(state.steps)
        while state.epoch <= settings.epochs:
            for rows in state.batches_left(draw):
                # rising from almost 0, then falling to 0 in a straight line
                share = min((state.steps + 1) / (WARM_UP * steps), 1 - state.steps / steps)
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * share
                optimizer.zero_grad(set_to_none=True)
                logits = run(train, rows, settings.precision, state.steps)
                # the loss is a sum over many labels, too fine for half precision
                wanted = to_device([torch.from_numpy(targets[rows])])
                run.backward(loss_of(logits.float(), *wanted))
                nn.utils.clip_grad_norm_(encoder_weights, MAX_GRADIENT_NORM)
                optimizer.step()
                progress.advance()
            state.next_epoch()
    network.eval()


def _make_optimizer(
    network: nn.Module, encoder_weights: list[nn.Parameter], settings: TuningSettings
) -> torch.optim.AdamW:
    """AdamW with one learning rate for the encoder's weights and one for all others that train."""
    of_encoder = {id(p) for p in encoder_weights}
    others = [p for p in network.parameters() if p.requires_grad and id(p) not in of_encoder]
    groups = [
        {"params": encoder_weights, "lr": settings.learning_rate},
        {"params": others, "lr": settings.head_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def _batches_by_length(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Random batches of texts of about one length, so that little padding is computed."""
    shuffled = rng.permutation(len(lengths))
    pool_size = BATCHES_PER_POOL * size
    batches = []
    for start in range(0, len(shuffled), pool_size):
        pool = shuffled[start : start + pool_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[first : first + size] for first in range(0, len(pool), size)]
    # in order of length, each epoch would end on the longest texts
    for number in rng.permutation(len(batches)):
        yield batches[number]
