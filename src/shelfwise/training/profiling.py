"""Stages that also know what they cost in memory, and that a comparison can take up again after its settings have grown."""

from __future__ import annotations

import ctypes
import glob
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from shelfwise.core.types import State
from shelfwise.training.checkpoints import Checkpoints

T = TypeVar("T")

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class ProfiledCheckpoints(Checkpoints):
    """The stages of a comparison, always continued as far as they are still good.

    Args:
        folder: where they are kept.
        key: identifies the data and all settings that every stage depends on; under another one nothing is kept.
        marks: by member or system, what identifies its own settings; its stages are forgotten when that has changed.

    Attributes:
        peaks: by stage, by how many bytes the memory of the process rose while it ran; None where that cannot be measured.
    """

    def __init__(self, folder: Path, key: str, marks: Mapping[str, str]) -> None:
        stamp = folder / "key"
        super().__init__(folder, key, resume=stamp.exists() and stamp.read_text() == key)
        self._file = folder / "costs.json"
        kept = (
            json.loads(self._file.read_text("utf-8")) if self._file.exists() else {"marks": {}, "costs": {}}
        )
        self._costs: dict[str, tuple[float, int | None]] = kept["costs"]
        for name in [name for name, mark in marks.items() if kept["marks"].get(name, mark) != mark]:
            self._forget(folder, name)
        self._marks = {**kept["marks"], **marks}
        self.peaks: dict[str, int | None] = {}

    def run(self, name: str, compute: Callable[[], State]) -> State:
        """As :meth:`Checkpoints.run`; a stage that was finished before keeps its costs of then."""
        fresh = False

        def computed() -> State:
            nonlocal fresh
            fresh = True
            return compute()

        with peak_growth() as peak:  # outside of what is timed: it takes longer than many a stage
            state = super().run(name, computed)
        if fresh:
            self._costs[name] = (0.0, peak[0])
            self._save()
        self.peaks[name] = self._costs.get(name, (0.0, None))[1]
        return state

    def time(self, name: str, compute: Callable[[], T]) -> T:
        """As :meth:`Checkpoints.time`; a stage that is done again on warm caches keeps the costs of its first time."""
        with peak_growth() as peak:
            result = super().time(name, compute)
        seconds, before = self._costs.get(name, (0.0, None))
        rise = before if peak[0] is None else max(peak[0], before or 0)
        self.seconds[name], self.peaks[name] = max(self.seconds[name], seconds), rise
        self._costs[name] = self.seconds[name], rise
        self._save()
        return result

    def size(self, name: str) -> int:
        """Bytes on disk of the state that stage `name` left."""
        assert self.folder is not None
        return (self.folder / f"{name}.safetensors").stat().st_size

    def _forget(self, folder: Path, name: str) -> None:
        owned = {f"{kind}.{name}" for kind in ("prepare", "member", "answers", "system", "test")}
        for stage in [s for s in self._costs if s in owned or s.startswith(f"fold.{name}.")]:
            del self._costs[stage]
        for path in [
            *(folder / f"{stage}.safetensors" for stage in owned),
            *folder.glob(f"fold.{glob.escape(name)}.*"),
        ]:
            path.unlink(missing_ok=True)

    def _save(self) -> None:
        temporary = self._file.with_suffix(".writing")
        temporary.write_text(json.dumps({"marks": self._marks, "costs": self._costs}), "utf-8")
        temporary.rename(self._file)


@contextmanager
def peak_growth() -> Iterator[list[int | None]]:
    """By how many bytes the resident memory of this process rose at most inside the block, above where it began.

    What is free is given back to the system first, so that memory left over from earlier work is counted again when it
    is used again. Gives a list of one number, set when the block ends; None where the system has no Linux-style /proc.
    """
    peak: list[int | None] = [None]
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    before = None
    with suppress(OSError):
        CLEAR.write_text("5")  # the peak is counted from now on
        before = _resident("VmRSS")
    yield peak
    if before is not None:
        peak[0] = max(_resident("VmHWM") - before, 0)


def _resident(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
