"""The rows of a batch on several cores: each thread computes a piece, and the gradients are summed.

Torch shares out each operation among its threads, which wait for each other after every one. What it has no
parallel form of, such as the maximum over each text, it leaves to a single core. Pieces wait for each other
twice a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from shelfwise.nn.threads import torch_threads, use_torch_threads

MAX_PIECES = 4
"""Of a batch: each brings a gradient of all parameters, word vectors too, and these are added on one core."""

Work = Callable[..., Tensor]
"""Inputs of B rows to (B, D)."""


class DataParallel:
    """`work` on pieces of a batch.

    Args:
        work: draws nothing at random, or its draws would come in any order.
        parameters: all that `work` uses and that is trained.
        count: most pieces of a batch.
    """

    def __init__(
        self, work: Work, parameters: Sequence[nn.Parameter], executor: Executor, count: int
    ) -> None:
        self.work = work
        self.parameters = tuple(parameters)
        self.count = count
        self._executor = executor

    def __call__(self, pieces: Sequence[tuple[Tensor, ...]]) -> Tensor:
        """(B, D): what `work` gives for each of the pieces, one after the other."""
        outputs: Tensor = _Pieces.apply(self, pieces, *self.parameters)
        return outputs

    def forward(self, pieces: Sequence[tuple[Tensor, ...]]) -> list[Tensor]:
        """What `work` gives for each piece, with the way back to the parameters."""
        return list(self._executor.map(self._run_piece, pieces))

    def backward(self, outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """For each parameter the sum of its gradients over the pieces."""

        def gradients_of(output: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
            return torch.autograd.grad(output, self.parameters, gradient)

        by_piece = self._executor.map(gradients_of, outputs, gradients)
        # added in the order of the pieces, so that the last digits do not depend on which thread is first
        return [sum(parts[1:], parts[0]) for parts in zip(*by_piece, strict=True)]

    def _run_piece(self, piece: tuple[Tensor, ...]) -> Tensor:
        # gradients are off inside an autograd function, and in new threads on
        with torch.enable_grad():
            return self.work(*piece)


@contextmanager
def data_parallel(work: Work, parameters: Sequence[nn.Parameter]) -> Iterator[DataParallel]:
    """`work` on as many pieces as torch may use cores, at most :data:`MAX_PIECES`.

    Inside the block, torch's operations take one core in this thread and in those of the pieces.
    """
    count = min(torch.get_num_threads(), MAX_PIECES)
    # a new thread would multiply on all cores, and sums then come in another order
    with (
        torch_threads(1),
        ThreadPoolExecutor(count, initializer=use_torch_threads, initargs=(1,)) as executor,
    ):
        yield DataParallel(work, parameters, executor, count)


class _Pieces(torch.autograd.Function):
    """One step of a graph whose inside is as many graphs as there are pieces."""

    @staticmethod
    def forward(
        ctx: Any, parallel: DataParallel, pieces: Sequence[tuple[Tensor, ...]], *parameters: Tensor
    ) -> Tensor:
        ctx.parallel = parallel
        ctx.outputs = parallel.forward(pieces)
        return torch.cat([output.detach() for output in ctx.outputs])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_piece = torch.split(gradients[0], [len(output) for output in ctx.outputs])
        # none for the first two arguments, which are no tensors
        return None, None, *ctx.parallel.backward(ctx.outputs, by_piece)
