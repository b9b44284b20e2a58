"""A model worker: a process with one thread of computation, which answers over its standard streams.

Run as ``python -m shelfwise.service.engine.worker_process MODEL``. It ends when its standard input does.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from shelfwise.core.standard_output import take_standard_output
from shelfwise.service.engine.frames import pack, read_frame

BEAT_SECONDS = 0.5


class _Channel:
    """Sends messages whole, from two threads."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message."""
        with self._lock:
            self._stream.write(pack(message))
            self._stream.flush()


def main() -> None:
    """Load the model, say so, and answer until the input ends."""
    logging.basicConfig(level=logging.WARNING, format="worker: %(levelname)s: %(message)s")
    _leave_signals_to_the_service()
    channel = _Channel(os.fdopen(take_standard_output(), "wb"))
    # the beat tells that the interpreter runs; a service that hears none ends this process
    threading.Thread(target=_beat, args=(channel,), daemon=True).start()
    try:
        answers = _load(Path(sys.argv[1]))
    # whatever is wrong with a model, the service has to be told
    except Exception as error:
        channel.send({"kind": "failed", "reason": _reason(error)})
        return
    channel.send({"kind": "hello", "facts": answers.facts()})
    while (message := read_frame(sys.stdin.buffer)) is not None:
        channel.send({"kind": "answer", **answers.answer(message)})


def _reason(error: Exception) -> str:
    """An error of our own is a sentence; any other needs the name of its kind."""
    from shelfwise.errors import ShelfwiseError

    own = isinstance(error, ShelfwiseError)
    return str(error) if own else f"{type(error).__name__}: {error}"


def _load(folder: Path) -> Any:
    """The model's answers, on one thread."""
    from shelfwise.service.engine.model_answers import ModelAnswers

    # this process is the service's own; a second thread makes one product slower beside any neighbour
    return ModelAnswers.load(folder, on_one_thread=True)


def _leave_signals_to_the_service() -> None:
    """Ctrl+C and the end of a service go to all its processes; waiting requests are answered first."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _beat(channel: _Channel) -> None:
    """Say every half second that this process is alive."""
    import time

    while True:
        try:
            channel.send({"kind": "beat"})
        except OSError:
            # the service is gone
            os._exit(1)
        time.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    main()
