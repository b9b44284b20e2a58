"""Several small networks of one shape trained as one: what a step asks of a GPU is asked once for all.

A small network's step is some dozen operations, each of which a GPU has done before the next one is asked
for. So the networks of all folds are stacked, and each operation is that of all of them. Every network learns
from products, batches and learning rates of its own. But for rounding, and for what is dropped at random, it
becomes what it would become alone (:func:`~shelfwise.nn.training_loop.fit_network`).

Dimensions: F networks, N products of all of them together, B products of a batch, L labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.core.types import Context, Floats
from shelfwise.errors import ConfigError
from shelfwise.nn.batched_network import as_one_network, take_apart
from shelfwise.nn.device import autocast, device_with_room, move_to_device, to_device
from shelfwise.nn.losses import Loss, make_loss
from shelfwise.nn.optimizer import make_optimizer, rate_at, set_learning_rate
from shelfwise.nn.seeding import training_seed
from shelfwise.nn.training_loop import Batches, LoopSettings, batch_rows

_ARRAYS_OF_BATCH = 24
"""Arrays as large as a batch that a step needs at once, at most."""

Examples = tuple[Batches, Floats]
"""The inputs of a network's products, and the targets."""


def trains_as_one(examples: Sequence[Examples], settings: LoopSettings) -> bool:
    """Whether :func:`fit_as_one` is for these: on a GPU with room for all, where it is quicker."""
    # its weights of labels would differ from one network to the next
    if settings.loss == "class_balanced":
        return False
    inputs, targets = examples[0]
    # what one product takes: its inputs and its targets
    first = inputs.batch(np.arange(1))
    numbers = sum(tensor.numel() for tensor in first) + targets.shape[1]
    # of each product twice: in one piece while they are also there by network
    products = 2 * sum(len(batches) for batches, _ in examples)
    products += _ARRAYS_OF_BATCH * len(examples) * settings.batch_size
    needed = products * numbers * np.dtype(np.float32).itemsize
    return device_with_room(needed).type != "cpu"


def fit_as_one(
    networks: Sequence[nn.Module],
    examples: Sequence[Examples],
    settings: LoopSettings,
    contexts: Sequence[Context],
    title: str,
) -> list[int]:
    """Train `networks` of one shape in place, each on its own examples; no validation products are watched.

    Args:
        contexts: of each; its seed gives the order of its products, the first one's what is dropped.
        title: of the progress, and of the error.

    Returns:
        How many epochs each was trained.

    Raises:
        ConfigError: a loss is no longer a number (a learning rate far too high).
    """
    together = as_one_network(networks)
    move_to_device(together)
    training = _Training(together, TrainingData.of(examples), settings)
    counts = [len(batches) for batches, _ in examples]
    epochs = [settings.epochs_of(count) for count in counts]
    longest = max(epochs)
    steps = _planned(counts, settings, [context.seed for context in contexts])
    first = contexts[0]
    with training_seed(first.seed), first.progress(title, longest) as progress:
        # what steps need is sent to the device an epoch at a time, that of the network with the most products
        steps_at_once = settings.steps_of(max(counts))
        for epoch in itertools.count(1):
            some = list(itertools.islice(steps, steps_at_once))
            if not some:
                break
            loss = training.learn(some)
            # once weights are no numbers, no later step makes them numbers again
            if not np.isfinite(loss):
                raise ConfigError(
                    f"{title}: the loss became {loss} in epoch {epoch}; "
                    f"lower learning_rate, now {settings.learning_rate}"
                )
            progress.advance()
    take_apart(together, networks)
    return epochs


@dataclass(frozen=True)
class _Step:
    """One step of all networks.

    Args:
        rows: (F, B) places of each network's products; beyond the end of its batch, any.
        shares: (F, B) of each product in its network's loss, 0 beyond the end of the batch.
        rates: (F,) learning rates; 0 of a network that has learnt.
    """

    rows: NDArray[np.int64]
    shares: Floats
    rates: Floats

    @property
    def is_even(self) -> bool:
        """Whether all products count the same: every network has a batch, and all are as long."""
        return bool((self.shares == self.shares[0, 0]).all())


def _planned(
    counts: Sequence[int], settings: LoopSettings, seeds: Sequence[int]
) -> Iterator[_Step]:
    """The steps of networks with so many products each, as each would take them alone."""
    first_rows = np.cumsum([0, *counts])
    totals = []
    batches = []
    for count, seed in zip(counts, seeds, strict=True):
        epochs = settings.epochs_of(count)
        totals.append(epochs * settings.steps_of(count))
        batches.append(_own_batches(count, epochs, settings.batch_size, seed))
    # one shape for all steps; places that a network does not fill count nothing
    width = min(settings.batch_size, max(counts))
    for number in range(max(totals)):
        rows = np.zeros((len(counts), width), np.int64)
        shares = np.zeros((len(counts), width), np.float32)
        rates = np.zeros(len(counts), np.float32)
        for network, own in enumerate(batches):
            # a network of fewer products is done earlier, and stands still until the others are
            chosen = next(own, None)
            if chosen is None:
                continue
            rows[network, : len(chosen)] = first_rows[network] + chosen
            shares[network, : len(chosen)] = 1 / len(chosen)
            total = totals[network]
            rates[network] = rate_at(number, total, settings.learning_rate, settings.schedule)
        yield _Step(rows, shares, rates)


def _own_batches(count: int, epochs: int, size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """The batches of one network's products in the order in which it would see them alone."""
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        yield from batch_rows(order.permutation(count), size)


@dataclass(frozen=True)
class TrainingData:
    """What all networks learn from, one after the other, on the device: it is sent there once.

    Args:
        inputs: (N, ...) each.
        targets: (N, L).
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor

    @classmethod
    def of(cls, examples: Sequence[Examples]) -> Self:
        """The examples of F networks."""
        inputs = [to_device(batches.batch(np.arange(len(batches)))) for batches, _ in examples]
        targets = to_device(torch.from_numpy(wanted) for _, wanted in examples)
        return cls(tuple(map(torch.cat, zip(*inputs, strict=True))), torch.cat(targets))


class _Training:
    """The course of the training of all networks."""

    def __init__(self, together: nn.Module, data: TrainingData, settings: LoopSettings) -> None:
        self._together = together.train()
        self._data = data
        self._settings = settings
        self._loss_of = make_loss(settings.loss, data.targets)
        self._weights = list(together.parameters())
        chosen = (settings.optimizer, settings.learning_rate, settings.weight_decay)
        self._optimizer = make_optimizer(self._weights, *chosen)

    def learn(self, steps: Sequence[_Step]) -> float:
        """Take some steps; the sum of all losses before the last of them."""
        rates = np.stack([step.rates for step in steps])
        # a step is taken at the highest rate, and each network goes its share of it
        highest = rates.max(axis=1)
        of_highest = rates / highest[:, None]
        all_rows, all_shares, all_parts = to_device(
            [
                torch.from_numpy(np.stack([step.rows for step in steps])),
                torch.from_numpy(np.stack([step.shares for step in steps])),
                torch.from_numpy(of_highest),
            ]
        )
        loss = all_shares.new_zeros(())
        for number, step in enumerate(steps):
            self._optimizer.zero_grad()
            shares = None if step.is_even else all_shares[number]
            loss = summed_loss(
                self._together, self._loss_of, self._data, all_rows[number], shares, self._settings
            )
            # no network's loss depends on another's weights
            torch.autograd.backward(loss)
            set_learning_rate(self._optimizer, float(highest[number]))
            parts = None if (of_highest[number] == 1).all() else all_parts[number, :, None, None]
            self._step(parts)
        # read once: until then the device need not wait for this process, nor the other way round
        return loss.item()

    @torch.no_grad()
    def _step(self, parts: Tensor | None) -> None:
        """Take a step, or of each network's the given part (F, 1, 1)."""
        if parts is None:
            self._optimizer.step()
            return
        # of all optimisers offered, a step is in proportion to the learning rate
        before = [weight.clone() for weight in self._weights]
        self._optimizer.step()
        for weight, old in zip(self._weights, before, strict=True):
            weight.copy_(torch.lerp(old, weight, parts))


def summed_loss(
    together: nn.Module,
    loss_of: Loss,
    data: TrainingData,
    rows: Tensor,
    shares: Tensor | None,
    settings: LoopSettings,
) -> Tensor:
    """The sum of the losses of the networks' batches, all on one device.

    Args:
        rows: (F, B) places of the products.
        shares: (F, B) of each product in its network's loss; None: all the same.
    """
    with autocast(settings.precision):
        every = together(*(values[rows] for values in data.inputs))
    # a sum over many labels is too fine for half precision
    logits = every.float().flatten(0, 1)
    wanted = data.targets[rows].flatten(0, 1)
    if shares is None:
        # the mean over F batches of one length is an F-th of the sum of their means
        return len(rows) * loss_of(logits, wanted)
    # a loss is the mean over a batch; where batches are not all as long, each product's own is needed
    loss_of_each = torch.vmap(lambda row, of_row: loss_of(row[None], of_row[None]))
    return (loss_of_each(logits, wanted) * shares.flatten()).sum()
