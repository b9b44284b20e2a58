"""Stops a process that labels between a part and its line in the ledger, at the very instant.

The interpreter runs this file as it starts, where this folder stands in PYTHONPATH. So nothing of shelfwise
has to know of it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

WHERE = os.environ["STOP_BETWEEN"]
"""Of a file: as long as it is there, processes are stopped."""


def stop_before_the_line(event: str, arguments: tuple[Any, ...]) -> None:
    """Stop this process before a line is given its name in the ledger: its part has one by then."""
    if event != "os.rename":
        return
    folder = os.path.basename(os.path.dirname(os.fspath(arguments[1])))
    if folder == "ledger" and os.path.exists(WHERE):
        os.kill(os.getpid(), signal.SIGSTOP)


sys.addaudithook(stop_before_the_line)
