"""Progress for a program that started this one: lines of JSON on stderr, if the variable asks for them.

A line is ``{"stage": "fitting title", "done": 3, "total": 10}``. Where nobody reads them any more, because
the program that asked was killed, writing one fails, and this process ends as it does after any error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from shelfwise.core.types import Context, Progress

PROGRESS_VARIABLE = "SHELFWISE_PROGRESS"
"""``json`` asks for lines."""

SECONDS = 0.5
"""Between two lines of one stage, at least."""


class _Stage:
    """One stage of the work, which tells how far it is."""

    def __init__(self, title: str, total: int) -> None:
        self.title = title
        self.total = total
        self.done = 0
        self.told = time.monotonic()
        self._tell()

    def advance(self, steps: int = 1) -> None:
        """Count steps; told now and then, and at the end."""
        self.done += steps
        if self.done >= self.total or time.monotonic() - self.told > SECONDS:
            self.told = time.monotonic()
            self._tell()

    def _tell(self) -> None:
        line = {"stage": self.title, "done": self.done, "total": self.total}
        print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)  # noqa: T201


def line_context(seed: int, cache: Path | None) -> Context:
    """A context that writes its progress as lines."""
    from shelfwise.core.types import Context

    class LineContext(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Progress]:
            yield _Stage(f"{self.title}: {title}" if self.title else title, total)

    return LineContext(seed=seed, cache=cache)
