"""What a kill costs in labelling: shards that are begun again, work that is lost, and when it goes on.

Workers write a line whenever they begin a shard and whenever its entry goes to the ledger
(``stopped_workers``). Times are those of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEGUN, DONE = "begun", "done"


@dataclass(frozen=True)
class Step:
    """What a worker has told.

    Args:
        seconds: when.
        process: of the worker.
        what: :data:`BEGUN` or :data:`DONE`.
    """

    seconds: float
    process: int
    what: str


@dataclass(frozen=True)
class Kill:
    """A kill.

    Args:
        seconds: when.
        processes: that were killed.
    """

    seconds: float
    processes: Sequence[int]


def read_steps(log: Path) -> list[Step]:
    """What the workers of a labelling have told, in order."""
    steps = []
    for line in log.read_text("utf-8").splitlines():
        seconds, process, what = line.split()
        steps.append(Step(float(seconds), int(process), what))
    return sorted(steps, key=lambda step: step.seconds)


def lost_work(steps: Sequence[Step], kills: Sequence[Kill]) -> dict[str, Any]:
    """Figures of some kills.

    Returns:
        ``shard_seconds``, the median of what a shard takes; ``begun_again``, the most shards that a kill
        caught at work; ``lost`` and ``most_lost``, the work on them a kill, mean and most, in shards;
        ``seconds_until_begun``, the median time from a kill until a new worker begins a shard, and the most.
    """
    usual = statistics.median(_durations(steps))
    caught = [_unfinished(steps, kill) for kill in kills]
    lost = [sum(seconds) / usual for seconds in caught]
    waits = [wait for kill in kills if (wait := _until_begun(steps, kill)) is not None]
    return {
        "shard_seconds": round(usual, 2),
        "begun_again": max(map(len, caught)),
        "lost": round(statistics.mean(lost), 2),
        "most_lost": round(max(lost), 2),
        "seconds_until_begun": [round(statistics.median(waits), 1), round(max(waits), 1)],
    }


def _durations(steps: Sequence[Step]) -> list[float]:
    """The seconds of all shards that came to their end."""
    begun: dict[int, float] = {}
    durations = []
    for step in steps:
        if step.what == BEGUN:
            begun[step.process] = step.seconds
        # another run's entry is found without a beginning
        elif step.process in begun:
            durations.append(step.seconds - begun.pop(step.process))
    return durations


def _unfinished(steps: Sequence[Step], kill: Kill) -> list[float]:
    """The seconds that were spent on each shard that the kill has caught."""
    last = {step.process: step for step in steps if step.seconds < kill.seconds}
    own = [last[process] for process in kill.processes if process in last]
    return [kill.seconds - step.seconds for step in own if step.what == BEGUN]


def _until_begun(steps: Sequence[Step], kill: Kill) -> float | None:
    """The seconds until a process that was not there at the kill begins a shard; None: none ever did."""
    before = {step.process for step in steps if step.seconds < kill.seconds}
    for step in steps:
        if step.seconds >= kill.seconds and step.process not in before:
            return step.seconds - kill.seconds
    return None
