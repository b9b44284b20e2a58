"""The processes that a process has started, and the memory of all of them, as Linux tells it."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")

_RESIDENT = 21
"""The place in /proc/PID/stat, counted behind the command's name, which may hold blanks."""


def children_of(process: int) -> list[int]:
    """The processes that a process has started, by whichever thread."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        # a thread may end meanwhile
        with suppress(OSError):
            found += map(int, thread.read_text().split())
    return found


def is_alive(process: int) -> bool:
    """Whether a process is there, and not only its exit code."""
    try:
        return _stat(process)[0] != "Z"
    except OSError:
        return False


def is_stopped(process: int) -> bool:
    """Whether a process was stopped by a SIGSTOP."""
    try:
        return _stat(process)[0] == "T"
    except OSError:
        return False


def resident_mb(process: int) -> int:
    """The resident sets of a process and of all below it, in MiB; shared pages count in each."""
    total = 0
    todo = [process]
    while todo:
        number = todo.pop()
        try:
            total += int(_stat(number)[_RESIDENT]) * _PAGE
        except OSError:
            continue
        todo += children_of(number)
    return total >> 20


class PeakMemory:
    """Looks at a process and all below it twice a second, from another thread.

    Attributes:
        mb: the most that was seen, in MiB.
    """

    def __init__(self, process: int) -> None:
        self.mb = 0
        self._process = process
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            self.mb = max(self.mb, resident_mb(self._process))


def _stat(process: int) -> list[str]:
    text = Path(f"/proc/{process}/stat").read_text()
    return text.rsplit(")", 1)[1].split()
