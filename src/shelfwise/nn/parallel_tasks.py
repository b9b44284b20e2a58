"""Several trainings at once, each in a thread of its own on one core.

A training on one core takes no longer beside another one, while torch's own threads wait for each other after
every operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Event
from typing import TypeVar

import torch

from shelfwise.nn.device import device
from shelfwise.nn.seeding import own_random_numbers
from shelfwise.nn.threads import use_torch_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

_ENDED: ContextVar[Event | None] = ContextVar("whether to end", default=None)
"""Set once what is at work in other threads has failed, or was interrupted."""


class EndedError(Exception):
    """Nobody waits for this training any more; the error of another one, or Ctrl-C, ended it."""


def run_in_parallel(
    work: Callable[[Item], Result], items: Sequence[Item], on_processor: bool = False
) -> list[Result]:
    """`work` of each item, in their order; as many at once as torch may use cores in this thread.

    After an error or Ctrl-C nothing more begins, and what is at work ends with :func:`end_if_asked`.

    Args:
        work: draws random numbers as :mod:`~shelfwise.nn.seeding` says. Its results do not depend on what
            else is at work.
        on_processor: whether it has no use for a GPU.
    """
    count = min(torch.get_num_threads(), len(items))
    # a GPU is shared out by itself
    if count < 2 or not (on_processor or device().type == "cpu"):
        return [work(item) for item in items]
    ended = Event()
    with ThreadPoolExecutor(count, initializer=_begin_thread, initargs=(ended,)) as executor:
        try:
            return list(executor.map(work, items))
        finally:
            # threads cannot be stopped from outside, and leaving the block waits for them
            ended.set()


def end_if_asked() -> None:
    """Called by long work between its steps.

    Raises:
        EndedError: it is at work beside other work, and that has failed or was interrupted.
    """
    ended = _ENDED.get()
    if ended is not None and ended.is_set():
        raise EndedError


def _begin_thread(ended: Event) -> None:
    use_torch_threads(1)
    own_random_numbers()
    _ENDED.set(ended)
