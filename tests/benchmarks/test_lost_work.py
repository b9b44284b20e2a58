"""What a kill costs in labelling, counted from what workers have told."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("lost_work")


def test_a_kill_of_a_run_and_one_of_a_worker(lost: Any, tmp_path: Path) -> None:
    log = tmp_path / "work.log"
    # workers 1 and 2 end with their run at 10; 3 and 4 take their places, and 4 is killed alone at 20
    told = [
        *((0, 1, "begun"), (4, 1, "done"), (4, 1, "begun"), (8, 1, "done"), (9, 1, "begun")),
        *((0, 2, "begun"), (4, 2, "done"), (7, 2, "begun")),
        *((15, 3, "begun"), (16, 4, "begun"), (19, 3, "done"), (19, 3, "begun"), (23, 3, "done")),
        *((26, 5, "begun"), (30, 5, "done")),
    ]
    # lines of different workers come in any order
    told.sort(key=lambda step: -step[1])
    lines = [f"{seconds} {process} {what}\n" for seconds, process, what in told]
    log.write_text("".join(lines), "utf-8")
    kills = [lost.Kill(10.0, [100, 1, 2]), lost.Kill(20.0, [4])]
    assert lost.lost_work(lost.read_steps(log), kills) == {
        "shard_seconds": 4.0,
        "begun_again": 2,
        # the first kill costs 1 and 3 seconds, the second one 4
        "lost": 1.0,
        "most_lost": 1.0,
        "seconds_until_begun": [5.5, 6.0],
    }


def test_a_kill_between_two_shards_costs_no_work(lost: Any) -> None:
    steps = [lost.Step(0.0, 1, "begun"), lost.Step(2.0, 1, "done"), lost.Step(9.0, 2, "begun")]
    figures = lost.lost_work(steps, [lost.Kill(3.0, [1])])
    assert (figures["begun_again"], figures["most_lost"]) == (0, 0)
    assert figures["seconds_until_begun"] == [6.0, 6.0]
