"""Work that goes on while people review: how far it is, and how it is stopped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shelfwise.core.types import Context, Progress
from shelfwise.review.retraining.training_process import (
    PRIORITY,
    STOPPED,
    StoppedError,
    TrainingProcess,
)


class BackgroundWork:
    """One piece of work in a thread of its own.

    Args:
        title: what it is, for people.
        expected: seconds that such work took before; None where nobody knows.
    """

    def __init__(self, title: str, expected: float | None = None) -> None:
        self.title = title
        self.expected = expected
        self.stage = "starting"
        self.done = 0
        self.total = 0
        self.began = time.monotonic()
        self._stopped = threading.Event()
        self._process: TrainingProcess | None = None

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    @property
    def is_stopped(self) -> bool:
        """Whether somebody wants it to end."""
        return self._stopped.is_set()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Note how far it is.

        Raises:
            StoppedError: somebody wants it to end.
        """
        if self.is_stopped:
            raise StoppedError(STOPPED)
        self.stage = stage
        self.done = done
        self.total = total

    def run(self, process: TrainingProcess) -> None:
        """Train, and tell how far that is.

        Raises:
            TrainingFailedError: it ended without a model.
            StoppedError: somebody wanted it to end.
        """
        self._process = process
        if self.is_stopped:
            process.stop()
        process.run(self.tell)

    def stop(self) -> None:
        """Let it end as soon as it can."""
        self._stopped.set()
        if self._process is not None:
            self._process.stop()

    def context(self, base: Context) -> Context:
        """As `base`, but it reports its progress here."""
        work = self

        class WorkContext(Context):
            @contextmanager
            def progress(self, title: str, total: int) -> Iterator[Progress]:
                yield _Stage(work, title, total)

        return WorkContext(seed=base.seed, cache=base.cache)


class _Stage:
    def __init__(self, work: BackgroundWork, title: str, total: int) -> None:
        self.work = work
        self.title = title
        self.total = total
        self.done = 0
        work.tell(title, 0, total)

    def advance(self, steps: int = 1) -> None:
        """Count steps."""
        self.done += steps
        self.work.tell(self.title, self.done, self.total)


def lower_priority() -> None:
    """Let this thread give way to the threads that answer people, where the system can tell them apart."""
    # on Linux a thread has a priority of its own; elsewhere the whole process would be meant
    if os.uname().sysname == "Linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY)
