"""What the command line needs of a terminal: progress bars, the user's cache folder, one line of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from shelfwise.core.types import Context


@contextmanager
def terminal_context(seed: int = 0) -> Iterator[Context]:
    """A context that shows progress bars on a terminal and caches encoded pictures in the user's cache folder."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from shelfwise.core import types as contracts

    cache = Path(os.environ.get("SHELFWISE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shelfwise")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        class Bar:
            def __init__(self, title: str, total: int) -> None:
                self.task = bars.add_task(title, total=total)

            def advance(self, steps: int = 1) -> None:
                bars.advance(self.task, steps)

        class Shown(contracts.Context):
            @contextmanager
            def progress(self, title: str, total: int) -> Iterator[contracts.Progress]:
                bar = Bar(f"{self.title}: {title}" if self.title else title, total)
                try:
                    yield bar
                finally:
                    bars.remove_task(bar.task)

        yield Shown(seed=seed, cache=cache)


def say_json(value: Any) -> None:
    """Print `value` as one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))
