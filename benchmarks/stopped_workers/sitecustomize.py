"""Stops a process that labels between a part and its line in the ledger, at the very instant; and notes when
it begins a shard and when it is done with one.

The interpreter runs this file as it starts, where this folder stands in PYTHONPATH. So nothing of shelfwise
has to know of it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

WHERE = os.environ["STOP_BETWEEN"]
"""Of a file: as long as it is there, processes are stopped."""

LOG = os.environ["WORK_LOG"]
"""The file that takes the notes."""


def note_work(event: str, arguments: tuple[Any, ...]) -> None:
    """Note that a shard is read, and that its line is given its name in the ledger.

    Before the latter this process is stopped, if it is to be: its part has a name by then.
    """
    if event == "open" and str(arguments[0]).endswith(".parquet"):
        _note("begun")
    if event != "os.rename":
        return
    folder = os.path.basename(os.path.dirname(os.fspath(arguments[1])))
    if folder == "ledger":
        if os.path.exists(WHERE):
            os.kill(os.getpid(), signal.SIGSTOP)
        _note("done")


def _note(what: str) -> None:
    # a short line is appended whole, whoever else appends
    place = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(place, f"{time.monotonic()} {os.getpid()} {what}\n".encode())
    os.close(place)


sys.addaudithook(note_work)
