"""The rows of a batch on several cores: every thread computes a piece of the batch, forwards and backwards, and the gradients are summed.

Torch shares out each operation among its threads, which wait for each other after every one, and leaves to a single core what it has no
parallel form of, such as the maximum over each text. Pieces wait for each other twice a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from shelfwise.nn.threads import torch_threads, use_torch_threads

MOST = 4
"""Pieces of a batch: each brings a gradient of all parameters, word vectors too, and these are added on one core."""

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
        self.work, self.parameters, self.count, self._executor = work, tuple(parameters), count, executor

    def __call__(self, pieces: Sequence[tuple[Tensor, ...]]) -> Tensor:
        """(B, D): what `work` gives for each of the pieces, one after the other."""
        joined: Tensor = _Pieces.apply(self, pieces, *self.parameters)
        return joined

    def forward(self, pieces: Sequence[tuple[Tensor, ...]]) -> list[Tensor]:
        """What `work` gives for each piece, with the way back to the parameters."""
        return list(self._executor.map(self._answer, pieces))

    def backward(self, answers: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """For each parameter the sum of its gradients over the pieces, always in their order."""
        found = self._executor.map(
            lambda answer, gradient: torch.autograd.grad(answer, self.parameters, gradient),
            answers,
            gradients,
        )
        return [sum(each[1:], each[0]) for each in zip(*found, strict=True)]

    def _answer(self, piece: tuple[Tensor, ...]) -> Tensor:
        with torch.enable_grad():
            return self.work(*piece)


@contextmanager
def data_parallel(work: Work, parameters: Sequence[nn.Parameter]) -> Iterator[DataParallel]:
    """`work` on as many pieces as torch may use cores, at most :data:`MOST`; torch's operations take one core inside the block."""
    count = min(torch.get_num_threads(), MOST)
    # a new thread multiplies on all cores until it is told, and sums then come in another order
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
        ctx.parallel, ctx.answers = parallel, parallel.forward(pieces)
        return torch.cat([answer.detach() for answer in ctx.answers])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        shares = torch.split(gradients[0], [len(answer) for answer in ctx.answers])
        return None, None, *ctx.parallel.backward(ctx.answers, shares)
