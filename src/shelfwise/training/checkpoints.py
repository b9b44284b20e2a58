"""Checkpoints of a training: finished stages on disk, so that an interrupted run resumes where it stopped.

A stage is one file, written under another name and renamed: it is there whole or not at all. Inside of a
stage, long loops keep what they have learnt so far, too.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

from shelfwise.core.loop_checkpoints import LoopCheckpoints
from shelfwise.core.types import State
from shelfwise.disk.files import read_arrays, write_arrays, write_text_atomically
from shelfwise.disk.folders import make_folders
from shelfwise.errors import ConfigError
from shelfwise.nn.memory import give_back_memory

T = TypeVar("T")

SECONDS_BETWEEN = 60.0
"""From one state of a loop to the next, at least: a quick loop keeps none."""

STAMP = "key"
"""The file that says of which settings and data the stages beside it are."""


class Checkpoints:
    """The finished stages of one run.

    Args:
        folder: where they are kept; None keeps nothing.
        key: identifies settings and data; a run with another key may not resume this one.
        resume: continue what `folder` holds; otherwise it is emptied first.
        shown: given the name of a stage, what shows it while it is computed.

    Attributes:
        loops: of the stage that is at work; a training's context has them.

    Raises:
        ConfigError: `resume` is asked for, and `folder` belongs to other settings or other data.
    """

    def __init__(
        self,
        folder: Path | None = None,
        key: str = "",
        resume: bool = False,
        shown: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.folder = folder
        self._shown = shown
        self.seconds: dict[str, float] = {}
        self.loops = LoopCheckpoints(folder, SECONDS_BETWEEN)
        if folder is None:
            return
        # The key stands in a file of its own, so that a glance into the folder is enough to refuse it.
        stamp = folder / STAMP
        if resume and stamp.exists() and stamp.read_text() != key:
            raise ConfigError(
                f"{folder} was started with other settings or other data; run without --resume to start anew"
            )
        # A new run must not find stages of an earlier one.
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        make_folders(folder)
        # whole or not at all: after a full disk half of it would be the key of other settings
        write_text_atomically(stamp, key)

    def run(self, name: str, compute: Callable[[], State]) -> State:
        """The result of stage `name`: from disk if an earlier run finished it, else computed and kept."""
        path = None if self.folder is None else self.folder / f"{name}.safetensors"
        if path is not None and path.exists():
            arrays, metadata = read_arrays(path)
            # the seconds of the first time, as if the run had never been interrupted
            self.seconds[name] = float(metadata["seconds"])
            return State(arrays, json.loads(metadata["facts"]))
        self.loops.begin(name)
        # not `time`: a subclass that measures more there measures this stage as a whole
        state = self._timed(name, compute)
        if path is not None:
            # repr keeps every digit of the seconds; safetensors takes text only
            metadata = {"facts": json.dumps(state.facts), "seconds": repr(self.seconds[name])}
            write_arrays(path, state.arrays, metadata)
        self.loops.end()
        return state

    def time(self, name: str, compute: Callable[[], T]) -> T:
        """Compute what is quick to do again (or cached elsewhere), and note the seconds it took."""
        return self._timed(name, compute)

    def _timed(self, name: str, compute: Callable[[], T]) -> T:
        started = time.perf_counter()
        with self._shown(name):
            result = compute()
        give_back_memory()
        self.seconds[name] = time.perf_counter() - started
        return result

    def kept_after_error(self) -> Path | None:
        """Where finished stages are kept for a run that resumes; the folder is removed if there are none."""
        if self.folder is None:
            return None
        if any(path.name != STAMP for path in self.folder.rglob("*") if path.is_file()):
            return self.folder
        self.discard()
        return None

    def discard(self) -> None:
        """Remove the stages: the run is complete and saved elsewhere."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
