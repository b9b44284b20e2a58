"""Stages: finished work is kept, half-finished work is not, and another run's work is refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from shelfwise.core.types import State
from shelfwise.errors import ConfigError
from shelfwise.training.checkpoints import Checkpoints


def test_a_finished_stage_is_not_done_again(tmp_path: Path) -> None:
    state = State({"w": np.linspace(0, 1, 7, dtype=np.float32)}, {"epochs": 4})
    first = Checkpoints(tmp_path / "work", "key")
    first.run("member.title", lambda: state)

    def again() -> State:
        raise AssertionError("computed twice")

    second = Checkpoints(tmp_path / "work", "key", resume=True)
    kept = second.run("member.title", again)
    np.testing.assert_array_equal(kept.arrays["w"], state.arrays["w"])
    assert kept.facts == state.facts
    assert second.seconds == first.seconds, "the time of the first run is what the table must show"


def test_a_broken_off_stage_is_done_again(tmp_path: Path) -> None:
    def killed() -> State:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checkpoints(tmp_path / "work", "key").run("fold.title.0", killed)
    (tmp_path / "work" / "fold.title.0.writing").write_bytes(b"half a file")
    done = Checkpoints(tmp_path / "work", "key", resume=True).run(
        "fold.title.0", lambda: State(facts={"ok": True})
    )
    assert done.facts == {"ok": True}


def test_other_settings_may_not_continue(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "work", "key").run("a", State)
    with pytest.raises(ConfigError, match="without --resume"):
        Checkpoints(tmp_path / "work", "other", resume=True)


def test_a_full_disk_leaves_no_half_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            Checkpoints(tmp_path / "work", "key")
    # half of it would be taken for the key of other settings
    Checkpoints(tmp_path / "work", "key", resume=True)


def test_without_resume_the_work_starts_afresh(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "work", "key").run("a", lambda: State(facts={"run": 1}))
    assert Checkpoints(tmp_path / "work", "key").run(
        "a", lambda: State(facts={"run": 2})
    ).facts == {"run": 2}


def test_discard_leaves_nothing(tmp_path: Path) -> None:
    stages = Checkpoints(tmp_path / "work", "key")
    stages.run("a", State)
    stages.discard()
    assert not (tmp_path / "work").exists()


def test_no_folder_keeps_nothing() -> None:
    stages = Checkpoints()
    assert stages.run("a", lambda: State(facts={"n": 1})).facts == {"n": 1}
    assert stages.run("a", lambda: State(facts={"n": 2})).facts == {"n": 2}
    assert "a" in stages.seconds
