"""How many cores torch's operations take, changed for the calling thread alone and for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

Result = TypeVar("Result")

_DEFAULT_BORROWED = Lock()
"""Held while new threads would begin with another number than the process's own."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch on `count` cores for the calling thread inside the block, and on as many as before after it.

    Networks of a few small layers are fitted in such a block, on one core. They take as long there as on two,
    leave the other cores free, and end on the same digits however many cores the machine has.
    """
    before = torch.get_num_threads()
    use_torch_threads(count)
    try:
        yield
    finally:
        use_torch_threads(before)


def use_torch_threads(count: int) -> None:
    """Torch on `count` cores for the calling thread, from now on; other threads, also new ones, keep theirs.

    Torch built with OpenMP, as all its packages are, holds a number for each thread.
    ``torch.set_num_threads`` changes the caller's number and, for the whole process, the one that new
    threads begin with.
    """
    with _DEFAULT_BORROWED:
        # A thread takes the process's number when it first needs one, and would else do so after what
        # follows.
        torch.get_num_threads()
        default = _in_new_thread(torch.get_num_threads)
        torch.set_num_threads(count)
        # A new thread takes the number that was set last, by any thread, and would keep it for life.
        _in_new_thread(lambda: torch.set_num_threads(default))
        # Without OpenMP there is but one number for the process, and this sets it again.
        if torch.get_num_threads() != count:
            torch.set_num_threads(count)


def _in_new_thread(work: Callable[[], Result]) -> Result:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(work).result()
