"""What tests of long loops that are killed share: the kill, and a context that goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shelfwise.core.loop_checkpoints import LoopCheckpoints
from shelfwise.core.types import Context


class Killed(BaseException):
    """Stands for a kill in the middle of a loop."""


def resumable(folder: Path, seed: int = 0) -> Context:
    """A context whose loops keep a state after every step that may."""
    loops = LoopCheckpoints(folder, seconds=0.0)
    loops.begin("member.title")
    return replace(Context(seed=seed), loops=loops)
