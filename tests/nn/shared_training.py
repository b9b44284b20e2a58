"""A program for ``torchrun``: trainings whose batches all processes share.

What comes of them goes to the file named on the command line, arrays by name. A test calls :func:`results` in
its own process, too, which shares nothing.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shelfwise.core import loop_checkpoints
from shelfwise.core.loop_checkpoints import LoopCheckpoints
from shelfwise.core.types import Context, Floats, Rows
from shelfwise.features.encoder_tuning import TuningSettings, fine_tune
from shelfwise.nn.batch_shares import compute_shares, on_all_processes
from shelfwise.nn.distributed import process_group
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.training_loop import LoopOptions, LoopSettings, fit_network, run_network

PRODUCTS = 75
"""Of which batches of 32 leave 11 for the last one: too few for some numbers of processes, and uneven."""

SETTINGS = LoopSettings(epochs=6, batch_size=32, learning_rate=0.02, loss="bce", patience=2)


class Killed(BaseException):
    """Stands for a kill."""


@dataclass
class Pictures:
    """Maps (B, 3, 6, 6) with channels last in memory, and numbers of those rows alone that have any."""

    maps: Floats
    numbers: Floats
    has_numbers: np.ndarray
    mirrored: bool = False
    left: int = 10**9

    def __len__(self) -> int:
        return len(self.maps)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        if self.left <= 0:
            raise Killed
        self.left -= 1
        maps = torch.from_numpy(self.maps[rows]).permute(0, 3, 1, 2)
        if self.mirrored:
            turned = torch.randint(0, 2, (len(rows),)).bool()
            maps = torch.where(turned[:, None, None, None], maps.flip(3), maps)
        present = self.has_numbers[rows]
        return maps, torch.from_numpy(present), torch.from_numpy(self.numbers[rows][present])


class Network(nn.Module):
    """A convolution of the maps, and a layer for the numbers, which runs where there are some."""

    def __init__(self, dropout: float = 0.0, norm: bool = False) -> None:
        super().__init__()
        self.frozen = nn.BatchNorm2d(3, momentum=0.0)
        self.convolution = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5) if norm else nn.Identity()
        self.numbers = nn.Linear(4, 5)
        self.unused = nn.Linear(2, 2)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(5, 3)
        self.to(memory_format=torch.channels_last)

    def forward(self, maps: Tensor, present: Tensor, numbers: Tensor) -> Tensor:
        self.frozen.eval()
        features = self.norm(self.convolution(self.frozen(maps))).relu().mean(dim=(2, 3))
        if len(numbers):
            features = features.masked_scatter(present[:, None], self.numbers(numbers))
        logits: Tensor = self.output(self.dropout(features))
        return logits


def pictures(**changes: Any) -> Pictures:
    draw = np.random.default_rng(0)
    maps = draw.normal(size=(PRODUCTS, 6, 6, 3)).astype(np.float32)
    numbers = draw.normal(size=(PRODUCTS, 4)).astype(np.float32)
    # many batches have a share without any
    has_numbers = np.arange(PRODUCTS) % 25 == 0
    return replace(Pictures(maps, numbers, has_numbers), **changes)


TARGETS = (pictures().maps.mean(axis=(1, 2)) > 0).astype(np.float32)


def values(network: nn.Module) -> Floats:
    """All weights and statistics of floating point."""
    tensors = [one for one in network.state_dict().values() if one.is_floating_point()]
    return np.concatenate([one.detach().numpy().ravel() for one in tensors])


def trained(source: Pictures, context: Context | None = None, **parts: Any) -> Floats:
    """The weights of a network that was trained for some epochs."""
    with torch_seed(0):
        network = Network(**parts)
    watched = (pictures(), TARGETS)
    context = context or Context(seed=3)
    fit_network(network, source, TARGETS, SETTINGS, context, watched, LoopOptions(shared=True))
    return values(network)


def tuned() -> Floats:
    """The same of one that was trained as a sentence encoder is."""
    with torch_seed(0):
        network = Network()
    lengths = np.random.default_rng(0).integers(3, 30, PRODUCTS)
    settings = TuningSettings(epochs=2, batch_size=20)
    fine_tune(network, network.convolution, pictures(), lengths, TARGETS, settings, Context(seed=2))
    return values(network)


def resumed() -> Floats:
    """The same of one with dropout whose training was killed after some batches, and went on."""
    loop_checkpoints.MOST_TIME = np.inf
    with TemporaryDirectory() as folder:

        def context() -> Context:
            loops = LoopCheckpoints(Path(folder))
            loops.begin("member.image")
            return Context(seed=3, loops=loops)

        with suppress(Killed):
            trained(pictures(left=14), context(), dropout=0.5)
        return trained(pictures(), context(), dropout=0.5)


def outputs() -> Floats:
    """Of a network that was not trained, for rows in an order of their own."""
    with torch_seed(0):
        network = Network(norm=True).eval()
    order = np.random.default_rng(1).permutation(PRODUCTS)
    return run_network(network, pictures(), 32, order, shared=True)


def statistics() -> Floats:
    """Of the batch norm that trains, after one batch; then those of the frozen one."""
    with torch_seed(0):
        network = Network(norm=True).train()
    run = on_all_processes(network)
    source = pictures()
    run.backward(run(source, np.arange(PRODUCTS)).sum())
    norms = (network.norm, network.frozen)
    return np.concatenate([one.numpy() for norm in norms for one in norm.buffers() if one.ndim])


def results() -> dict[str, Floats]:
    """What each of these trainings gives, by name."""
    return {
        "plain": trained(pictures()),
        "mirrored": trained(pictures(mirrored=True)),
        "tuned": tuned(),
        "outputs": outputs(),
        "dropout": trained(pictures(), dropout=0.5),
        "dropout again": trained(pictures(), dropout=0.5),
        "dropout resumed": resumed(),
        "statistics": statistics(),
    }


def main(path: str) -> None:
    torch.set_num_threads(1)
    with process_group() as rank:
        if rank > 0:
            compute_shares()
        else:
            np.savez(path, **results())


if __name__ == "__main__":
    main(sys.argv[1])
