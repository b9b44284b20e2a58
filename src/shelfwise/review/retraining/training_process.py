"""``shelfwise train`` as a process of its own: at low priority, with its progress, and stopped at once."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from shelfwise.errors import ShelfwiseError

log = logging.getLogger("shelfwise")

PRIORITY = 10
"""People who review come first; 19 is the lowest that there is."""

LINES_KEPT = 20

STOPPED = "Stopped: the model in use and all decisions are as they were"


class TrainingFailedError(ShelfwiseError):
    """The training ended without a model; the message is the reason."""


class StoppedError(ShelfwiseError):
    """Somebody stopped the work."""


class TrainingProcess:
    """One training. Where this process is killed, the training ends with its next line of progress.

    Args:
        command: with all its arguments.
        output: a file for everything that it prints.
    """

    def __init__(self, command: Sequence[str], output: Path) -> None:
        self.command = command
        self.output = output
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, tell: Callable[[str, int, int], None]) -> None:
        """Train until the end.

        Args:
            tell: is told the stage, the steps done and all steps.

        Raises:
            TrainingFailedError: it ended without a model.
            StoppedError: :meth:`stop` was called.
        """
        said: deque[str] = deque(maxlen=LINES_KEPT)
        with self.output.open("w", encoding="utf-8") as output:
            process = self._start(output)
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    progress = _progress_in(line)
                    if progress is not None:
                        tell(*progress)
                        continue
                    output.write(line)
                    said.append(line.strip())
            except BaseException:
                # it never goes on unseen
                self.stop()
                raise
            finally:
                # the process ends at its next line if nobody reads any more
                process.stderr.close()
                code = process.wait()
        if self._stopped:
            raise StoppedError(STOPPED)
        if code:
            raise TrainingFailedError(_reason(said, code))

    def stop(self) -> None:
        """Kill the training and the processes that it has started. It leaves no half model."""
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                # its group: the processes that decode images are its own
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self, output: TextIO) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise StoppedError(STOPPED)
            try:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env={**os.environ, "SHELFWISE_PROGRESS": "json"},
                    # Ctrl+C ends the review, which then ends this
                    start_new_session=True,
                )
            except OSError as error:
                raise TrainingFailedError(f"the training could not be started: {error}") from None
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, PRIORITY)
        return self._process


def _progress_in(line: str) -> tuple[str, int, int] | None:
    """The stage, the steps done and all steps; None for a line that is for people."""
    if not line.startswith("{"):
        return None
    try:
        values = json.loads(line)
        return str(values["stage"]), int(values["done"]), int(values["total"])
    except (ValueError, KeyError, TypeError):
        return None


def _reason(said: Sequence[str], code: int) -> str:
    """Why a training failed, in one sentence."""
    errors = [line for line in said if line.startswith("error: ")]
    if errors:
        return errors[-1].removeprefix("error: ")
    # ended by a signal; most often the system ends what takes too much memory
    if code < 0:
        killed = signal.Signals(-code).name
        return f"the training was ended by {killed}; perhaps the memory did not suffice"
    last = next((line for line in reversed(said) if line), "it said nothing")
    return f"the training ended with the code {code}: {last}"
