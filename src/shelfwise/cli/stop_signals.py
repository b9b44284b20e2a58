"""A command that is asked to stop ends in order, as Ctrl+C ends it: what is unfinished is removed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

STOP_SIGNALS = ("SIGTERM", "SIGHUP")
"""What `kill` and other programs send, and what a terminal sends that is closed."""

_STOP_CODES = (129, 143)
"""The exit codes of these signals in a shell."""

_REMOVED = "what was unfinished is removed"

_WORDS = {
    "train": f"{_REMOVED}; with --resume the same command goes on where it stopped",
    **dict.fromkeys(
        ("compare", "fetch", "ingest", "label"),
        f"{_REMOVED}; the same command goes on where it stopped",
    ),
    "review": "every decision that was answered is kept",
}
"""What becomes of a verb's work; the verbs that do not stand here begin anew."""


@contextmanager
def stop_told(verb: str) -> Iterator[None]:
    """Say on standard error that the verb was stopped, and how it goes on; then let it end."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as end:
        # any other code is a verb's own
        if isinstance(end, KeyboardInterrupt) or end.code in _STOP_CODES:
            words = f"stopped; {_WORDS.get(verb, _REMOVED)}"
            # nobody reads what a terminal that was closed is told
            with suppress(OSError):
                print(words, file=sys.stderr)  # noqa: T201 - the command line speaks
        raise


@contextmanager
def orderly_stop() -> Iterator[None]:
    """Inside, these signals raise SystemExit with the exit code that a shell gives such an end (143, 129).

    One that is ignored, as ``nohup`` has it, stays so; a verb that handles one itself, as ``serve`` does,
    goes on to do so.
    """
    changed = []
    # python lets no other thread set what a signal does
    if threading.current_thread() is threading.main_thread():
        for name in STOP_SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stop)
                changed.append(number)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    # a second one does not wait for what is being removed
    signal.signal(number, signal.SIG_DFL)
    raise SystemExit(128 + number)
