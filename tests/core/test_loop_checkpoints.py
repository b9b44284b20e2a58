"""States inside of a stage: kept from time to time, found again, and gone with the stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shelfwise.core.loop_checkpoints import LoopCheckpoints, LoopState

MARKS = {"title": "title", "seed": 0}


def state(number: int) -> LoopState:
    return {"weights": np.full(3, number, np.float32)}, {"epoch": number}


def begun(folder: Path, seconds: float = 0.0) -> LoopCheckpoints:
    loops = LoopCheckpoints(folder, seconds)
    loops.begin("member.title")
    return loops


def test_the_last_state_is_found_again(tmp_path: Path) -> None:
    first = begun(tmp_path).next(MARKS)
    first.keep(lambda: state(1))
    # what is kept in the next instant waits for its turn
    first._next = 0.0
    first.keep(lambda: state(2))
    kept = begun(tmp_path).next(MARKS).load()
    assert kept is not None
    assert kept[0]["weights"].tolist() == [2, 2, 2]
    assert kept[1] == {"epoch": 2}


def test_every_loop_of_a_stage_has_a_state_of_its_own(tmp_path: Path) -> None:
    loops = begun(tmp_path)
    for number in (1, 2):
        loops.next(MARKS).keep(lambda number=number: state(number))
    again = begun(tmp_path)
    assert [again.next(MARKS).load()[1]["epoch"] for _ in (1, 2)] == [1, 2]  # type: ignore[index]
    assert again.next(MARKS).load() is None


def test_parts_of_a_stage_count_their_own_loops_and_go_with_it(tmp_path: Path) -> None:
    loops = begun(tmp_path)
    for name, number in (("without0", 1), ("without1", 2)):
        loops.part(name).next(MARKS).keep(lambda number=number: state(number))
    again = begun(tmp_path)
    # parts may begin in another order
    kept = [again.part(name).next(MARKS).load() for name in ("without1", "without0")]
    assert [one[1]["epoch"] for one in kept if one is not None] == [2, 1]
    assert len(list(tmp_path.iterdir())) == 2
    again.end()
    assert not list(tmp_path.iterdir())


def test_outside_of_a_stage_a_part_keeps_nothing(tmp_path: Path) -> None:
    LoopCheckpoints(tmp_path).part("without0").next(MARKS).keep(lambda: state(1))
    assert not list(tmp_path.iterdir())


def test_another_loop_s_state_is_not_taken(tmp_path: Path) -> None:
    begun(tmp_path).next(MARKS).keep(lambda: state(1))
    assert begun(tmp_path).next({**MARKS, "seed": 1}).load() is None
    other = LoopCheckpoints(tmp_path)
    other.begin("member.image")
    assert other.next(MARKS).load() is None


def test_nothing_is_left_after_the_stage(tmp_path: Path) -> None:
    loops = begun(tmp_path)
    loops.next(MARKS).keep(lambda: state(1))
    assert list(tmp_path.iterdir())
    loops.end()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["quick", "no folder", "no stage"])
def test_nothing_is_kept(tmp_path: Path, where: str) -> None:
    loops = begun(tmp_path, seconds=60.0 if where == "quick" else 0.0)
    if where == "no folder":
        loops = LoopCheckpoints(None, seconds=0.0)
        loops.begin("member.title")
    elif where == "no stage":
        loops.end()

    def made() -> LoopState:
        raise AssertionError("made for nothing")

    loops.next(MARKS).keep(made)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_does_not_end_the_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # where a file stands, no folder can be made
    folder = tmp_path / "file"
    folder.touch()
    checkpoint = begun(folder).next(MARKS)
    for _ in range(2):
        checkpoint.keep(lambda: state(1))
    assert caplog.text.count("no state is kept") == 1
