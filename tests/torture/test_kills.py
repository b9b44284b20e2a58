"""kill -9 at any instant of a training, and of a save."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.export.loading import open_model
from tests.model.test_bundle_replacement import kill_saves
from tests.torture.commands import Commands, Running
from tests.torture.conftest import leftovers, manifest, share_of, train

pytestmark = pytest.mark.torture

KILLS = share_of(50)


def wait_for_the_claim(running: Running, out: Path) -> None:
    """Wait until the command has begun its work: its process id stands in the lock beside its output."""
    lock = out.with_name(f".{out.name}.lock")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if lock.exists() and lock.read_text() == str(running.process):
            return
        time.sleep(0.002)
    raise AssertionError("the training does not begin")


def test_50_kills_in_training(
    commands: Commands, shop: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    out = tmp_path / "model"
    versions = {manifest(shop / name): name for name in ("old", "new")}
    shutil.copytree(shop / "old", out)
    started = time.monotonic()
    running = commands.start(*train(shop, "new", tmp_path / "timed"))
    wait_for_the_claim(running, tmp_path / "timed")
    assert running.wait().code == 0
    shutil.rmtree(tmp_path / "timed")
    seconds = time.monotonic() - started
    instants = random.Random(0)
    kills = ends = 0
    left: dict[str, int] = {"old": 0, "new": 0}
    while kills < KILLS:
        running = commands.start(*train(shop, "new", out), "--resume")
        wait_for_the_claim(running, out)
        time.sleep(instants.uniform(0, seconds))
        os.kill(running.process, signal.SIGKILL)
        code = running.wait().code
        # what stands there opens, and is the old model or the one of an uninterrupted run, to the last byte
        open_model(out)
        # between the two there is one more: the model that was scored, before it is fitted again
        found = versions.setdefault(manifest(out), "scored")
        left[found] = left.get(found, 0) + 1
        assert list(versions.values()).count("scored") <= 1, "a model that no training has made"
        if code == -signal.SIGKILL:
            kills += 1
            continue
        assert code == 0
        ends += 1
        # anew, from the old model on
        shutil.rmtree(out)
        shutil.copytree(shop / "old", out)
    done = commands.run(*train(shop, "new", out), "--resume")
    assert done.code == 0, done.said
    assert manifest(out) == manifest(shop / "new")
    assert not leftovers(tmp_path, "model")
    seen(
        f"{kills} kills, {ends} trainings reached their end between them; {left['old']} times the old "
        f"model stood there whole, {left['new']} times the new one, {left.get('scored', 0)} times the one "
        "that was scored and not yet fitted again; the last resumed training has the "
        "bytes of an uninterrupted one, and nothing is left beside it"
    )


def test_50_kills_in_saving(tmp_path: Path, seen: Callable[[str], None]) -> None:
    for way in ("exchange", "two steps"):
        kill_saves(tmp_path / way, way, KILLS // 2)
    seen(f"{KILLS} kills while a model was replaced without pause: {KILLS} times old or new, whole")
