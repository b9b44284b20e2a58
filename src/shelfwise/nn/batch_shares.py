"""A network on all processes of a training: each computes its share of every batch.

In training, process 0 sends all others the weights, and each one the inputs of its share. Each runs the
network and sends its outputs back. Process 0 computes the loss of the whole batch, and sends each the
gradient of its outputs. The gradients of the weights are then summed, and process 0 takes the step of the
optimiser. So the gradients are those of one process, whatever the loss and however uneven the shares.

What differs: batch norms in training see their share, as is usual, and random numbers are each process's own.

Dimensions: B rows of a batch, D outputs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from shelfwise.core.types import Rows
from shelfwise.nn.device import Precision, autocast, device, move_to_device, to_device
from shelfwise.nn.distributed import all_answered, has_workers, hear, others_alive, tell
from shelfwise.nn.tensor_messages import Layout, fill, flat, layout_of, receive, send

MIN_ROWS = 4
"""Of a share. A smaller batch is process 0's alone: it is quick, and batch norms need rows to average."""

Forward = Callable[..., Tensor]


class Source(Protocol):
    """Gives the inputs of any rows, see :class:`~shelfwise.nn.training_loop.Batches`."""

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The network's inputs for these rows."""
        ...


class NetworkRunner(Protocol):
    """Runs a network on batches."""

    def __call__(
        self, source: Source, rows: Rows, precision: Precision = "float32", turn: int = 0
    ) -> Tensor:
        """Outputs (B, ...) of the given rows, on the device.

        Args:
            turn: number of the training step; no two of one training draw the same random numbers.
        """
        ...

    def backward(self, loss: Tensor) -> None:
        """Give every weight its gradient, given a loss of the outputs of the last batch."""
        ...


@dataclass(frozen=True)
class OneProcess:
    """Runs a network in this process."""

    forward: Forward

    def __call__(
        self, source: Source, rows: Rows, precision: Precision = "float32", turn: int = 0
    ) -> Tensor:
        """As :class:`NetworkRunner`."""
        return self.run(source.batch(rows), precision)

    def run(self, inputs: Sequence[Tensor], precision: Precision) -> Tensor:
        """Outputs of the given inputs."""
        with autocast(precision):
            return self.forward(*to_device(inputs))

    def backward(self, loss: Tensor) -> None:
        """As :class:`NetworkRunner`."""
        torch.autograd.backward(loss)


def on_all_processes(module: nn.Module, forward: Forward | None = None) -> NetworkRunner:
    """What runs `module` on all processes of the training, or here, where there is but this one.

    Args:
        forward: what to call in place of the module itself, such as another of its methods.
    """
    forward = forward or module
    return _AllProcesses(module, forward) if has_workers() else OneProcess(forward)


def compute_shares() -> None:
    """Compute the shares that process 0 sends, until it has ended its work."""
    run: _Worker | None = None
    while (message := hear()) is not None:
        if isinstance(message, _Task):
            assert run is not None, "a network comes before its first task"
            run(message)
        else:
            run = _Worker(*message)


@dataclass(frozen=True)
class _Task:
    """What each process is to do with its share.

    Args:
        rows: of each process's share; that of process 0 comes last.
        layouts: of the inputs of each process but that.
        training: the module's mode.
        learns: whether gradients are wanted.
        new_weights: whether weights are sent first.
        seed: of random numbers, together with the number of a process.
    """

    rows: list[int]
    layouts: list[list[Layout]]
    precision: Precision
    training: bool
    learns: bool
    new_weights: bool
    seed: tuple[int, int]


class _AllProcesses:
    """A network on all processes, as process 0 sees it."""

    known_to_others: _AllProcesses | None = None
    """The one whose network the others have."""

    def __init__(self, module: nn.Module, forward: Forward) -> None:
        self._module = module
        self._alone = OneProcess(forward)
        self._weights = _Weights(module)
        self._changed = False
        self._under_way: tuple[_Task, Tensor, Tensor] | None = None

    def __call__(
        self, source: Source, rows: Rows, precision: Precision = "float32", turn: int = 0
    ) -> Tensor:
        """As :class:`NetworkRunner`."""
        learns = torch.is_grad_enabled()
        if len(rows) < MIN_ROWS * dist.get_world_size():
            self._changed |= learns
            return self._alone(source, rows, precision)
        self._introduce()
        shares = np.array_split(rows, dist.get_world_size())
        # in the order of the rows: what a source draws by chance is then what it draws for one process
        *inputs, own_inputs = [source.batch(share) for share in shares]
        task = _Task(
            [len(share) for share in shares],
            [[layout_of(tensor) for tensor in tensors] for tensors in inputs],
            precision,
            self._module.training,
            learns,
            self._changed or learns,
            (torch.initial_seed(), turn),
        )
        tell(task, answered=True)
        if task.new_weights:
            self._weights.send()
        for rank, tensors in enumerate(inputs, start=1):
            send(tensors, rank)
        # a step of the optimiser follows
        self._changed = learns
        own = self._alone.run(own_inputs, precision).float()
        outputs = torch.cat([*_outputs_of_others(task, own), own.detach()])
        if learns:
            self._under_way = (task, own, outputs.requires_grad_())
        else:
            all_answered()
        return outputs

    def backward(self, loss: Tensor) -> None:
        """As :class:`NetworkRunner`."""
        # as far back as the outputs; or to the weights, where the batch was too small to share
        torch.autograd.backward(loss)
        if self._under_way is None:
            return
        task, own, outputs = self._under_way
        self._under_way = None
        assert outputs.grad is not None
        *gradients, gradient = torch.split(outputs.grad, task.rows)
        for rank, of_others in enumerate(gradients, start=1):
            send([of_others], rank)
        sums = self._weights.add_up(own, gradient, task)
        all_answered()
        for weight, total in zip(self._weights.trained, sums, strict=True):
            weight.grad = total

    def _introduce(self) -> None:
        """Send the others this network, unless they have it already."""
        if _AllProcesses.known_to_others is self:
            return
        opening = (self._module, self._alone.forward)
        # what is on a GPU of this process is of no use to the others
        if device().type != "cpu":
            opening = copy.deepcopy(opening)
            opening[0].to("cpu")
        tell(opening)
        _AllProcesses.known_to_others = self
        self._changed = False


class _Worker:
    """A network on a process that is not process 0."""

    def __init__(self, module: nn.Module, forward: Forward) -> None:
        move_to_device(module)
        self._module = module
        self._network = OneProcess(forward)
        self._weights = _Weights(module)

    def __call__(self, task: _Task) -> None:
        """Compute this process's share, and send back what came of it."""
        rank = dist.get_rank()
        if task.new_weights:
            self._weights.receive()
        # the call also drops what was made of earlier weights
        if task.new_weights or self._module.training != task.training:
            self._module.train(task.training)
        seed = np.random.SeedSequence([*task.seed, rank]).generate_state(1, np.uint64)
        torch.manual_seed(int(seed[0]))
        inputs = [receive(layout, 0) for layout in task.layouts[rank - 1]]
        with torch.inference_mode(not task.learns):
            outputs = self._network.run(inputs, task.precision).float()
        send([outputs.detach()], 0)
        if task.learns:
            gradient = receive(layout_of(outputs), 0).to(device())
            self._weights.add_up(outputs, gradient, task)


class _Weights:
    """What training changes in a module: weights, and the running statistics of batch norms."""

    def __init__(self, module: nn.Module) -> None:
        self.trained = [p for p in module.parameters() if p.requires_grad]
        self._statistics: list[Tensor] = []
        for norm in module.modules():
            # without momentum they never change
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and norm.momentum:
                found = (norm.running_mean, norm.running_var)
                self._statistics += [one for one in found if one is not None]

    def send(self) -> None:
        """Send them to all other processes."""
        values = flat([*self.trained, *self._statistics])
        with others_alive():
            dist.broadcast(values, 0)

    def receive(self) -> None:
        """Take those that process 0 sends."""
        tensors = [*self.trained, *self._statistics]
        values = flat(tensors)
        with others_alive():
            dist.broadcast(values, 0)
        fill(tensors, values)

    def add_up(self, outputs: Tensor, gradient: Tensor, task: _Task) -> list[Tensor | None]:
        """In process 0 the sum of all processes' gradients of each trained weight.

        The weight has none where it has none in any process. Running statistics become their mean over the
        rows of the batch.

        Args:
            outputs: of this process's share, with the way back to the weights.
            gradient: of the loss, for these outputs.
        """
        gradients = torch.autograd.grad(outputs, self.trained, gradient, allow_unused=True)
        # an optimiser leaves a weight without a gradient alone, but not one whose gradient is 0
        used = torch.tensor([float(one is not None) for one in gradients], device=device())
        filled = [
            torch.zeros_like(weight) if one is None else one
            for weight, one in zip(self.trained, gradients, strict=True)
        ]
        share = len(outputs) / sum(task.rows)
        values = flat([used, *filled, *(one * share for one in self._statistics)])
        with others_alive():
            dist.reduce(values, 0)
        if dist.get_rank() != 0:
            return []
        sums = [torch.empty_like(one) for one in (used, *filled)]
        fill([*sums, *self._statistics], values)
        uses = sums[0].tolist()
        return [one if use else None for use, one in zip(uses, sums[1:], strict=True)]


def _outputs_of_others(task: _Task, own: Tensor) -> list[Tensor]:
    """What the other processes send, with rows like those of `own`."""
    shapes = [torch.Size((rows, *own.shape[1:])) for rows in task.rows[:-1]]
    received = [receive((shape, own.dtype, False), i) for i, shape in enumerate(shapes, start=1)]
    return list(to_device(received))
