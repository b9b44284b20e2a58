"""How a worker shows that it is not hanging while it is busy with products that take long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shelfwise.core.types import Context, Progress

ALIVE = "alive"
"""The kind of message that only says that a worker is getting on."""

_SECONDS = 1.0
"""Time between two signs: often enough, and no work for who reads them."""


def showing_life(show: Callable[[], object]) -> Context:
    """A context whose progress becomes signs of life: not of a process that runs, but of work that gets on.

    Args:
        show: called about once a second while work advances.
    """
    shown = time.monotonic()

    class SignsOfLife:
        def advance(self, steps: int = 1) -> None:
            nonlocal shown
            now = time.monotonic()
            if steps and now - shown >= _SECONDS:
                shown = now
                show()

    class WorkerContext(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Progress]:
            yield SignsOfLife()

    return WorkerContext()
