"""Checkpoints inside a stage: what a long loop has learnt so far, so that a kill costs minutes and not hours.

A stage, or each of its parts, may have several loops, one after the other. Every run of it has the same ones
in the same order.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.disk.files import read_arrays, write_arrays
from shelfwise.errors import StorageError

log = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]

LoopState = tuple[Arrays, Mapping[str, Any]]
"""Arrays, and JSON-ready facts."""

MOST_TIME = 0.05
"""Share of a loop's time that may go into writing states."""


class LoopCheckpoint:
    """Where one loop keeps its state.

    Args:
        path: None keeps nothing.
        marks: what the loop learns, JSON-ready. The state of a loop with other marks is not taken.
        seconds: from one state to the next, at least.
    """

    def __init__(self, path: Path | None, marks: Mapping[str, Any], seconds: float) -> None:
        self._path = path
        self._marks = json.dumps(marks, sort_keys=True)
        self._seconds = seconds
        self._next = time.monotonic() + seconds

    def load(self) -> LoopState | None:
        """What an interrupted run has kept of this loop; None where it kept nothing."""
        if self._path is None or not self._path.exists():
            return None
        arrays, metadata = read_arrays(self._path)
        if metadata["marks"] != self._marks:
            return None
        return arrays, json.loads(metadata["facts"])

    def keep(self, state: Callable[[], LoopState]) -> None:
        """Keep the state if the last one is old enough; it is made only then."""
        started = time.monotonic()
        if self._path is None or started < self._next:
            return
        self._write(self._path, state())
        ended = time.monotonic()
        # large states are kept less often
        self._next = ended + max(self._seconds, (ended - started) / MOST_TIME)

    def load_steps(self, rng: np.random.Generator) -> tuple[Arrays, int] | None:
        """The arrays that :meth:`keep_steps` kept, and how many steps were done; None where it kept nothing.

        `rng` goes on where it was.
        """
        kept = self.load()
        # a version that counted them elsewhere has kept the state: the loop starts anew
        if kept is None or "steps" not in kept[1]:
            return None
        arrays, facts = kept
        rng.bit_generator.state = facts["random"]
        return arrays, facts["steps"]

    def keep_steps(
        self, steps: int, rng: np.random.Generator, arrays: Callable[[], Arrays]
    ) -> None:
        """As :meth:`keep`, of a loop whose next step needs its arrays and a random generator alone."""
        self.keep(lambda: (arrays(), {"steps": steps, "random": rng.bit_generator.state}))

    def finish(self, result: Callable[[], LoopState]) -> None:
        """Keep what came of the loop in place of its state, which may be far larger, if one was kept."""
        if self._path is not None and self._path.exists():
            self._write(self._path, result())

    def _write(self, path: Path, state: LoopState) -> None:
        arrays, facts = state
        metadata = {"marks": self._marks, "facts": json.dumps(facts)}
        try:
            write_arrays(path, arrays, metadata)
        except StorageError as error:
            # the loop itself needs no room on the disk, so it goes on
            log.warning("no state is kept of what is being trained: %s", error)
            self._path = None


class LoopCheckpoints:
    """The checkpoints of all loops of the stage that is at work.

    Args:
        folder: where they are kept; None keeps nothing.
        seconds: from one state of a loop to the next, at least.
    """

    def __init__(self, folder: Path | None = None, seconds: float = 0.0) -> None:
        self._folder = folder
        self._seconds = seconds
        self._stage: str | None = None
        self._loops = 0
        self._parts: list[LoopCheckpoints] = []

    def begin(self, stage: str) -> None:
        """A stage begins: its loops are counted from here."""
        self._stage = stage
        self._loops = 0
        self._parts = []

    def part(self, name: str) -> LoopCheckpoints:
        """The checkpoints of one part of the stage, whose loops are at work beside those of other parts."""
        part = LoopCheckpoints(self._folder, self._seconds)
        if self._stage is not None:
            part.begin(f"{self._stage}.{name}")
        self._parts.append(part)
        return part

    def end(self) -> None:
        """The stage is over, and its result kept: states inside of it are of no more use."""
        if self._folder is not None and self._stage is not None:
            for number in range(self._loops):
                self._path(number).unlink(missing_ok=True)
        for part in self._parts:
            part.end()
        self._stage = None

    def next(self, marks: Mapping[str, Any]) -> LoopCheckpoint:
        """The checkpoint of the next loop of this stage; outside of a stage nothing is kept."""
        if self._folder is None or self._stage is None:
            return LoopCheckpoint(None, marks, self._seconds)
        self._loops += 1
        return LoopCheckpoint(self._path(self._loops - 1), marks, self._seconds)

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._stage}.loop{number}.safetensors"
