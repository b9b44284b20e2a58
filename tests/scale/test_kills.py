"""Kills of workers and of the run itself: each id once, and not a byte differs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Contents = Callable[[Path], dict[str, bytes]]
Rows = Callable[[Path], list[dict[str, Any]]]

KILLS = 5


def started(model: Path, shards: Path, out: Path) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    arguments = ["label", model, shards, "--out", out, "--top", "3", "--workers", "2"]
    command = [sys.executable, "-m", "shelfwise", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that it has started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        return [int(number) for number in listed.read_text().split()]
    except OSError:
        return []


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until something is so, or the process has ended."""
    end = time.monotonic() + 120
    while not what() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.slow
def test_five_kills_change_no_byte(
    undisturbed: Path,
    title_model: Path,
    shards: Path,
    tmp_path: Path,
    contents: Contents,
    rows: Rows,
) -> None:
    out = tmp_path / "labels"
    chance = random.Random(7)
    killed = 0
    for kill in range(KILLS):
        process = started(title_model, shards, out)
        before = len(list(out.glob("part-*")))

        def has_begun(before: int = before) -> bool:
            unfinished = list(out.glob(".part-*.writing"))
            return bool(unfinished) or len(list(out.glob("part-*"))) > before

        wait_for(has_begun, process)
        time.sleep(chance.random() * 0.05)
        workers = children_of(process)
        # every second time a worker, else the run
        if kill % 2 and workers:
            os.kill(chance.choice(workers), signal.SIGKILL)
            killed += 1
            process.wait(timeout=120)
            assert process.returncode == 0
        elif process.poll() is None:
            process.kill()
            process.wait()
            killed += 1
            # workers of a run that is gone end by themselves
            while any(map(is_alive, workers)):
                time.sleep(0.01)
        # a part of those that are there is lost, so that there is work for the next kill
        for part in sorted(out.glob("part-*"))[: 3 if kill < KILLS - 1 else 0]:
            part.unlink()
    assert killed >= 3
    process = started(title_model, shards, out)
    assert process.wait(timeout=120) == 0
    assert contents(out) == contents(undisturbed)
    ids = [row["id"] for row in rows(out)]
    assert len(ids) == len(set(ids)) == 2400
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["failed"] == []


def is_alive(number: int) -> bool:
    """Whether a process is there, and not only its exit code."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
