"""How a worker tells how far it is while it is busy with products that take long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shelfwise.core.types import Context, Progress

ALIVE = "alive"
"""The kind of message that says how far a worker is with products that are not done yet."""

_SECONDS = 1.0
"""Time between two signs: often enough, and no work for who reads them."""


def showing_life(show: Callable[[str, int], object]) -> Context:
    """A context whose progress becomes signs of life: not of a process that runs, but of work that gets on.

    Args:
        show: called about once a second while work advances, with a stage of the work, such as "images", and
            how many steps it has advanced since the last call.
    """
    shown = time.monotonic()

    class SignsOfLife:
        def __init__(self, stage: str) -> None:
            self.stage = stage
            self.untold = 0
            self.is_told = False

        def advance(self, steps: int = 1) -> None:
            self.untold += steps
            if steps and time.monotonic() - shown >= _SECONDS:
                self.tell()

        def tell(self) -> None:
            nonlocal shown
            shown = time.monotonic()
            show(self.stage, self.untold)
            self.untold = 0
            self.is_told = True

    class WorkerContext(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Progress]:
            signs = SignsOfLife(title)
            yield signs
            # a stage that was told of is told to its end; a short one not at all
            if signs.is_told and signs.untold:
                signs.tell()

    return WorkerContext()
