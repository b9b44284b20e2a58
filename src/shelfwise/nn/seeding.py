"""Torch's random numbers from a seed.

On a processor torch has one source of them for the whole process. Networks that are trained at once, each in
a thread of its own, have a source each (:func:`own_random_numbers`). From the same seed it gives the same
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from threading import Lock

import torch
from torch import Tensor

from shelfwise.nn.device import device

_OWN: ContextVar[torch.Generator | None] = ContextVar("own random numbers", default=None)
_PROCESS_BORROWED = Lock()
"""Held while one of several threads draws from the process's source, such as first weights."""


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """The process's random numbers from `seed` inside the block; their state is restored after it."""
    alone = nullcontext() if _OWN.get() is None else _PROCESS_BORROWED
    with alone, torch.random.fork_rng(devices=[] if device().type == "cpu" else None):
        torch.manual_seed(seed)
        yield


@contextmanager
def training_seed(seed: int) -> Iterator[None]:
    """As :func:`torch_seed`, for a training: a thread with random numbers of its own leaves others alone."""
    if _OWN.get() is None:
        with torch_seed(seed):
            yield
        return
    token = _OWN.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _OWN.reset(token)


def own_random_numbers() -> None:
    """Give the calling thread a source of its own, for good.

    What it trains must draw from :func:`generator`. Torch's own layers do not.
    """
    _OWN.set(torch.Generator())


def generator() -> torch.Generator | None:
    """What to draw random numbers from in this thread, on a processor; None: the process's source."""
    return _OWN.get()


def random_state() -> dict[str, Tensor]:
    """The state of this thread's random numbers."""
    own = _OWN.get()
    states = {"cpu": torch.get_rng_state() if own is None else own.get_state()}
    if device().type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_random_state(states: dict[str, Tensor]) -> None:
    """Draw on from a state that :func:`random_state` gave."""
    own = _OWN.get()
    if own is None:
        torch.set_rng_state(states["cpu"])
    else:
        own.set_state(states["cpu"])
    # a training that goes on without its card draws other numbers on the processor
    if "cuda" in states and device().type == "cuda":
        torch.cuda.set_rng_state(states["cuda"])
