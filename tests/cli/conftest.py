"""Signals are as a terminal leaves them, also where the tests are run with nohup or in the background."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def heeded_signals() -> Iterator[None]:
    """Programs that tests start heed a closed terminal and Ctrl+C: what is ignored is handed down."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # a shell without job control ignores it for what it starts in the background
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGHUP, before)
