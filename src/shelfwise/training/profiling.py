"""Checkpoints that also measure memory, for comparisons that resume after their settings have grown."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from shelfwise.core.types import State
from shelfwise.disk.files import write_text_atomically
from shelfwise.nn.memory import give_back_memory
from shelfwise.training.checkpoints import Checkpoints

T = TypeVar("T")

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""Written to ``clear_refs``, it makes Linux count the peak of resident memory (VmHWM) anew."""

STAGE_KINDS = ("prepare", "member", "answers", "system", "test")


class ProfiledCheckpoints(Checkpoints):
    """The stages of a comparison, always resumed as far as they are still valid.

    Args:
        folder: where they are kept.
        key: identifies the data and the settings that every stage depends on; a new key forgets all stages.
        marks: by member or system, what identifies its own settings; a new mark forgets its stages.

    Attributes:
        peaks: by stage, by how many bytes the process grew at most; None where that cannot be measured.
    """

    def __init__(self, folder: Path, key: str, marks: Mapping[str, str]) -> None:
        stamp = folder / "key"
        super().__init__(folder, key, resume=stamp.exists() and stamp.read_text() == key)
        self._file = folder / "costs.json"
        kept: dict[str, Any] = {"marks": {}, "costs": {}}
        if self._file.exists():
            kept = json.loads(self._file.read_text("utf-8"))
        self._costs: dict[str, tuple[float, int | None]] = kept["costs"]
        # A member that is new to the folder has no mark yet, and nothing to forget.
        changed = [name for name, mark in marks.items() if kept["marks"].get(name, mark) != mark]
        for name in changed:
            self._forget(folder, name)
        self._marks = {**kept["marks"], **marks}
        self.peaks: dict[str, int | None] = {}

    def run(self, name: str, compute: Callable[[], State]) -> State:
        """As :meth:`Checkpoints.run`; a stage that an earlier run finished keeps the memory of then."""
        fresh = False

        def computed() -> State:
            nonlocal fresh
            fresh = True
            return compute()

        # Measuring stands outside of what is timed: it takes longer than many a stage.
        with peak_growth() as peak:
            state = super().run(name, computed)
        if fresh:
            self._costs[name] = (0.0, peak[0])
            self._save()
        self.peaks[name] = self._costs.get(name, (0.0, None))[1]
        return state

    def time(self, name: str, compute: Callable[[], T]) -> T:
        """As :meth:`Checkpoints.time`; a stage repeated on warm caches keeps the cost of its first time."""
        with peak_growth() as peak:
            result = super().time(name, compute)
        # The first time is the honest one: later ones find their files in the cache.
        seconds, before = self._costs.get(name, (0.0, None))
        growth = before if peak[0] is None else max(peak[0], before or 0)
        self.seconds[name] = max(self.seconds[name], seconds)
        self.peaks[name] = growth
        self._costs[name] = (self.seconds[name], growth)
        self._save()
        return result

    def size(self, name: str) -> int:
        """Bytes on disk of the state that stage `name` left."""
        assert self.folder is not None
        return (self.folder / f"{name}.safetensors").stat().st_size

    def _forget(self, folder: Path, name: str) -> None:
        """Remove all stages of one member or system."""
        owned = {f"{kind}.{name}" for kind in STAGE_KINDS}
        stale = [
            stage for stage in self._costs if stage in owned or stage.startswith(f"fold.{name}.")
        ]
        for stage in stale:
            del self._costs[stage]
        # kept results, too: a later run would take them for those of the new settings
        files = [folder / f"{stage}.safetensors" for stage in owned]
        files += folder.glob(f"fold.{glob.escape(name)}.*")
        for path in files:
            path.unlink(missing_ok=True)

    def _save(self) -> None:
        write_text_atomically(self._file, json.dumps({"marks": self._marks, "costs": self._costs}))


@contextmanager
def peak_growth() -> Iterator[list[int | None]]:
    """By how many bytes the resident memory of this process grew at most inside the block.

    Free memory is given back to the system first: memory of earlier work counts when it is used again.
    Gives a list of one number, set when the block ends; None where there is no Linux-style /proc.
    """
    peak: list[int | None] = [None]
    give_back_memory()
    # Where /proc may not be written (a container, another system), nothing can be measured.
    before = None
    with suppress(OSError):
        CLEAR_REFS.write_text(RESET_PEAK)
        before = _resident("VmRSS")
    yield peak
    if before is not None:
        peak[0] = max(_resident("VmHWM") - before, 0)


def _resident(name: str) -> int:
    """One line of /proc/self/status, in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    kibibytes = int(line.split()[1])
    return kibibytes * 1024
