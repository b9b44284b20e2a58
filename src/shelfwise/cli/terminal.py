"""What the command line needs of a terminal: progress bars, the user's cache folder, one line of JSON."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from shelfwise.cli.progress_lines import PROGRESS_VARIABLE, line_context
from shelfwise.core.standard_output import take_standard_output

if TYPE_CHECKING:
    from shelfwise.core.types import Context


@contextmanager
def terminal_context(seed: int = 0) -> Iterator[Context]:
    """A context that shows progress, and keeps embeddings in the user's cache folder.

    Progress is bars on a terminal, or lines of JSON for a program, see :mod:`~shelfwise.cli.progress_lines`.
    """
    from rich import progress as rich_progress
    from rich.console import Console

    from shelfwise.core.device_request import requested_device
    from shelfwise.core.types import Context, Progress
    from shelfwise.disk.cache_folder import opened_cache
    from shelfwise.nn.memory import tune_malloc

    # The process is the command line's own, so its allocator may be set; the library leaves that alone.
    tune_malloc()
    # refused before any work is done
    if requested_device() != "auto":
        from shelfwise.nn.device import device

        device()
    if os.environ.get(PROGRESS_VARIABLE) == "json":
        yield line_context(seed, opened_cache(cache_folder()))
        return
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # into a file or a pipe it would write empty lines
    hidden = not console.is_terminal
    with rich_progress.Progress(*columns, console=console, transient=True, disable=hidden) as bars:

        class ProgressBar:
            def __init__(self, title: str, total: int) -> None:
                # of nothing: how far it is nobody knows
                self.task = bars.add_task(title, total=total or None)

            def advance(self, steps: int = 1) -> None:
                bars.advance(self.task, steps)

        class TerminalContext(Context):
            @contextmanager
            def progress(self, title: str, total: int) -> Iterator[Progress]:
                bar = ProgressBar(f"{self.title}: {title}" if self.title else title, total)
                try:
                    yield bar
                finally:
                    bars.remove_task(bar.task)

        yield TerminalContext(seed=seed, cache=opened_cache(cache_folder()))


def cache_folder() -> Path:
    """``$SHELFWISE_CACHE``, or ``shelfwise`` in the user's cache folder."""
    own = os.environ.get("SHELFWISE_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(shared) / "shelfwise"


def called_as() -> str:
    """How this command line was called: the beginning of a command that is told, and can be pasted."""
    called = Path(sys.argv[0])
    # by `python -m shelfwise`
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m shelfwise"
    # the short name will do where it leads to this very program, and not to another environment's
    found = shutil.which(called.name)
    if found is not None and Path(found).absolute() == called.absolute():
        return called.name
    return shlex.quote(str(called))


@contextmanager
def nothing_but_json() -> Iterator[None]:
    """Inside, only :func:`print_json` writes to standard output; what else is printed goes to standard error.

    Plug-ins and libraries may print what they like, and a program reads one line.
    """
    global _json_output
    stdout = sys.stdout
    # tests put something else in its place, which belongs to no process
    if stdout is sys.__stdout__:
        _json_output = os.fdopen(
            take_standard_output(), "w", encoding="utf-8", errors="backslashreplace"
        )
    else:
        _json_output = stdout
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _json_output = None


_json_output: TextIO | None = None


def print_result(value: Any, lines: Iterable[str], as_json: bool) -> None:
    """Print a result: as one line of JSON, or as `lines` for people."""
    if as_json:
        print_json(value)
        return
    for line in lines:
        typer.echo(line)


def print_json(value: Any) -> None:
    """Print `value` as one line; numbers that JSON does not have, such as NaN, are null."""
    text = json.dumps(value, ensure_ascii=False)
    # Python reads back what it writes there, and gives the words for such numbers to a function
    plain = json.loads(text, parse_constant=lambda _: None)
    typer.echo(json.dumps(plain, ensure_ascii=False), file=_json_output)
