"""The one training loop, for every network of the package: text, image and policy.

Dimensions: B products of a batch, N products, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from shelfwise.config import LossName
from shelfwise.core.types import Context, Floats, PluginSettings, Rows
from shelfwise.errors import ConfigError
from shelfwise.nn.batch_shares import NetworkRunner, OneProcess, on_all_processes
from shelfwise.nn.device import Precision, move_to_device, to_device
from shelfwise.nn.early_stopping import EarlyStopping
from shelfwise.nn.losses import Loss, make_loss
from shelfwise.nn.optimizer import Kind, Schedule, make_optimizer, rate_at, set_learning_rate
from shelfwise.nn.parallel_tasks import end_if_asked
from shelfwise.nn.seeding import training_seed
from shelfwise.nn.training_state import TrainingState, training_marks


class LoopSettings(PluginSettings):
    """How a network is trained. The defaults are the paper's: Adam 1e-3, batches of 256, fixed epochs."""

    epochs: int = Field(
        30, ge=1, description="passes over the training products; with patience, at most so many"
    )
    min_steps: int = Field(
        0,
        ge=0,
        description="the fewest optimiser steps; where the epochs take fewer there are more of them",
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        description="the most optimiser steps; where the epochs take more there are fewer, at least one; "
        "unset: no limit",
    )
    batch_size: int = Field(256, ge=1, description="training products in one optimiser step")
    learning_rate: float = Field(1e-3, gt=0, description="step size of the optimiser, at the start")
    optimizer: Kind = Field("adam", description="how the weights are updated")
    weight_decay: float = Field(0.0, ge=0, description="penalty on large weights; 0: none")
    schedule: Schedule = Field(
        "constant",
        description="constant keeps the learning rate; cosine lowers it to 0 over the training",
    )
    loss: LossName = Field(
        "keras_cce",
        description="what training minimises: keras_cce is the paper's; bce treats every label on its own; "
        "softmax_ce; focal, asymmetric and class_balanced give rare or hard labels more weight",
    )
    precision: Precision = Field(
        "float32",
        description="number format of matrix products; auto: bfloat16 on a GPU that has it, otherwise "
        "float32",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="stop after so many epochs without a lower validation loss; unset: train all epochs",
    )

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        if self.max_steps is not None and self.min_steps > self.max_steps:
            raise ValueError(
                f"min_steps is {self.min_steps} and max_steps {self.max_steps}; "
                "min_steps must not be the larger one"
            )
        return self

    def epochs_of(self, products: int) -> int:
        """The passes over so many training products, at most.

        >>> LoopSettings(epochs=40, max_steps=100, batch_size=10).epochs_of(200)
        5
        >>> LoopSettings(epochs=15, min_steps=100, batch_size=10).epochs_of(30)
        34
        """
        steps = self.steps_of(products)
        # a pass over few products is few steps, and few steps teach little, however many passes others need
        epochs = max(self.epochs, -(-self.min_steps // steps))
        if self.max_steps is None:
            return epochs
        return min(epochs, max(1, self.max_steps // steps))

    def steps_of(self, products: int) -> int:
        """The optimiser steps of one pass over so many training products, at least one."""
        return max(1, -(-products // self.batch_size))


class Batches(Protocol):
    """Where a network's inputs come from: any rows, at any time, as tensors."""

    def __len__(self) -> int: ...

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The inputs of the given rows, as the network's positional arguments."""
        ...


@dataclass(frozen=True)
class LoopOptions:
    """What a kind of network asks of the loop, beside the settings that users write.

    Args:
        title: of the progress, and of the error.
        after_step: called with the network after every optimiser step (max-norm constraints).
        loss: in place of the one that the settings name.
        shared: whether every process of the training computes a share of a batch; for networks of which a
            batch takes long.
    """

    title: str = "training"
    after_step: Callable[[nn.Module], None] | None = None
    loss: Loss | None = None
    shared: bool = False


def fit_network(
    network: nn.Module,
    train: Batches,
    targets: Floats,
    settings: LoopSettings,
    context: Context,
    validation: tuple[Batches, Floats] | None = None,
    options: LoopOptions = LoopOptions(),
) -> int:
    """Train `network` (inputs -> logits (B, L)) in place; with patience, its best epoch's weights remain.

    Args:
        targets: (N, L) of 0 and 1.
        validation: watched by `patience`, never trained on.
        options: what this kind of network asks of the loop.

    Returns:
        The epoch whose weights remain, counted from 1.

    Raises:
        ConfigError: the loss is no longer a number (a learning rate far too high).
    """
    title = options.title
    loss_of = options.loss or make_loss(settings.loss, torch.from_numpy(targets))
    # without patience nobody reads the validation loss
    is_read = settings.patience is not None and validation is not None and len(validation[0])
    watched = validation if is_read else None
    epochs = settings.epochs_of(len(train))
    best = EarlyStopping(network, settings.patience, epochs)
    # before the optimiser is made, whose own numbers live where the weights are
    move_to_device(network)
    checkpoint = context.loops.next(training_marks(network, targets, settings, context.seed, title))
    with training_seed(context.seed), context.progress(title, epochs) as progress:
        optimizer = _optimizer(network, settings)
        order = np.random.default_rng(context.seed)
        state = TrainingState(network, optimizer, best, order, checkpoint)
        steps = epochs * settings.steps_of(len(train))
        run = on_all_processes(network) if options.shared else OneProcess(network)
        step = _TrainStep(state, run, loss_of, settings, steps, options.after_step)
        if state.resume():
            progress.advance(state.epoch - 1)
        while state.epoch <= epochs:
            _learn_epoch(step, train, targets, settings, title)
            progress.advance()
            if watched is not None and best.should_stop(state.epoch, step.validate(*watched)):
                break
            state.next_epoch()
        best.restore()
    network.eval()
    return best.epoch


def _learn_epoch(
    step: _TrainStep, train: Batches, targets: Floats, settings: LoopSettings, title: str
) -> None:
    """Learn what is left of an epoch.

    Raises:
        ConfigError: as :func:`fit_network`.
    """
    state = step.state
    state.network.train()
    last = torch.zeros(())

    def draw(order: np.random.Generator) -> Iterator[Rows]:
        return batch_rows(order.permutation(len(train)), settings.batch_size)

    for rows in state.batches_left(draw):
        end_if_asked()
        last = step(train, targets, rows)
    # Once weights are no numbers, no later step makes them numbers again. A GPU would be waited for if each
    # step's loss were read.
    last_loss = last.item()
    if not np.isfinite(last_loss):
        raise ConfigError(
            f"{title}: the loss became {last_loss} in epoch {state.epoch}; "
            f"lower learning_rate, now {settings.learning_rate}"
        )


def _optimizer(network: nn.Module, settings: LoopSettings) -> torch.optim.Optimizer:
    trained = [p for p in network.parameters() if p.requires_grad]
    kind, rate = settings.optimizer, settings.learning_rate
    return make_optimizer(trained, kind, rate, settings.weight_decay)


@torch.inference_mode()
def run_network(
    network: nn.Module,
    inputs: Batches,
    batch_size: int = 256,
    order: Rows | None = None,
    forward: Callable[..., Tensor] | None = None,
    shared: bool = False,
    precision: Precision = "float32",
) -> Floats:
    """`network`'s output for every row, in row order.

    Args:
        order: a permutation, so that rows of one length can share a batch.
        forward: what to call in place of the network itself, such as another of its methods.
        shared: as in :class:`LoopOptions`.
        precision: number format of matrix products.
    """
    run = on_all_processes(network, forward) if shared else OneProcess(forward or network)
    order = np.arange(len(inputs)) if order is None else order
    # of no row at all the width is not known
    result: Floats = np.zeros((0, 0), np.float32)
    move_to_device(network)
    for rows in batch_rows(order, batch_size):
        output = run(inputs, rows, precision).float().cpu().numpy()
        # the first batch tells the width
        if not len(result):
            result = np.empty((len(order), *output.shape[1:]), np.float32)
        result[rows] = output
    return result


class _TrainStep:
    """One optimiser step at a time, at the learning rate of its turn."""

    def __init__(
        self,
        state: TrainingState,
        run: NetworkRunner,
        loss_of: Loss,
        settings: LoopSettings,
        steps: int,
        after_step: Callable[[nn.Module], None] | None,
    ) -> None:
        self.state = state
        self._network = state.network
        self._run = run
        self._loss_of = loss_of
        self._settings = settings
        self._after_step = after_step
        # of all epochs: the cosine ends with the last one, whether patience stops earlier or not
        self._steps = steps

    def __call__(self, inputs: Batches, targets: Floats, rows: Rows) -> Tensor:
        """Take the next step, on the given rows; the loss before it."""
        self.state.optimizer.zero_grad()
        loss = self._loss(inputs, targets, rows)
        self._run.backward(loss)
        chosen = self._settings
        # set before each step: it follows the schedule, and a resumed loop goes on where it was
        rate = rate_at(self.state.steps, self._steps, chosen.learning_rate, chosen.schedule)
        set_learning_rate(self.state.optimizer, rate)
        self.state.optimizer.step()
        if self._after_step is not None:
            self._after_step(self._network)
        return loss.detach()

    @torch.inference_mode()
    def validate(self, inputs: Batches, targets: Floats) -> float:
        """The mean loss of other products."""
        self._network.eval()
        batches = list(batch_rows(np.arange(len(inputs)), self._settings.batch_size))
        # read together, in double precision, once all of them are computed
        means = torch.stack([self._loss(inputs, targets, rows) for rows in batches]).tolist()
        total = sum(mean * len(rows) for mean, rows in zip(means, batches, strict=True))
        return float(total / len(inputs))

    def _loss(self, inputs: Batches, targets: Floats, rows: Rows) -> Tensor:
        logits = self._run(inputs, rows, self._settings.precision, self.state.steps)
        # a sum over many labels is too fine for half precision
        return self._loss_of(logits.float(), *to_device([torch.from_numpy(targets[rows])]))


def batch_rows(rows: Rows, size: int) -> Iterator[Rows]:
    """`rows`, so many at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
