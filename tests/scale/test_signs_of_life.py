"""A worker that is slow is left alone; one that hangs is ended, however much the others have to say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shelfwise.core.types import Context, Progress
from shelfwise.scale import local_engine, signs_of_life, watchdog
from shelfwise.scale.engine import Advanced, Encoded, Failed, Finished
from shelfwise.scale.job import Job
from shelfwise.scale.local_engine import LocalEngine, local_workers
from shelfwise.scale.plan import LabelPlan, LabelSettings, Shard
from shelfwise.scale.shown_progress import with_progress

# of the first shard it is alive for three times as long as a worker may be silent; of the second it hangs
WORKER = """
import json, sys, time
say = lambda **message: print(json.dumps(message), flush=True)
sys.stdin.readline()
say(kind="ready")
for line in sys.stdin:
    number = json.loads(line)[0]
    if number == 1:
        time.sleep(600)
    for _ in range(90):
        time.sleep(0.1)
        say(kind="alive", stage="images", steps=1)
    say(kind="finished", number=number, entry={"rows": 10}, by_other=False)
"""


@pytest.mark.slow
def test_a_slow_worker_is_not_taken_for_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "COMMAND", (sys.executable, "-c", WORKER))
    monkeypatch.setattr(local_engine, "SILENT_SECONDS", 3.0)
    monkeypatch.setattr(local_engine, "UNKNOWN_SECONDS", 3.0)
    monkeypatch.setattr(local_engine, "_LOOK_SECONDS", 0.2)
    # the hanging shard is not to wait for ten times what the other one took
    monkeypatch.setattr(watchdog, "SLOWER_THAN_USUAL", 0)
    ended = []
    killed = LocalEngine._dead

    def dead(self: LocalEngine, worker: local_engine._Worker) -> object:
        assert worker.task is not None
        ended.append(worker.task.number)
        return killed(self, worker)

    monkeypatch.setattr(LocalEngine, "_dead", dead)
    names = [f"products-{number:05}.parquet" for number in range(2)]
    shards = [Shard(name, rows=10, bytes=1, sha256="0" * 64) for name in names]
    job = Job("model", "in", "out", "images", LabelPlan("0", LabelSettings(), shards))
    with local_workers(job, 2) as engine:
        events = list(engine.label(range(2)))
    assert [one.number for one in events if isinstance(one, Finished)] == [0]
    assert [one.number for one in events if isinstance(one, Failed)] == [1]
    # three workers hung at the second shard, and none was ended at the first
    assert ended == [1, 1, 1]


def test_signs_are_of_work_that_advances_and_about_one_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(signs_of_life.time, "monotonic", lambda: now)
    shown: list[tuple[float, str, int]] = []
    context = signs_of_life.showing_life(lambda stage, steps: shown.append((now, stage, steps)))
    assert isinstance(context, Context)
    with context.progress("images", 100) as progress:
        for step in range(100):
            now = step / 10
            # nothing was done in the second half
            progress.advance(1 if step < 50 else 0)
    # what was left is told at the end
    told = [(1.0, 11), (2.0, 10), (3.0, 10), (4.0, 10), (9.9, 9)]
    assert shown == [(pytest.approx(when), "images", steps) for when, steps in told]


def test_a_stage_that_takes_less_than_a_second_is_not_told_of() -> None:
    shown: list[int] = []
    context = signs_of_life.showing_life(lambda stage, steps: shown.append(steps))
    with context.progress("images", 100) as progress:
        progress.advance(100)
    assert shown == []


def test_what_workers_encode_has_a_bar_of_its_own_beside_the_products() -> None:
    bars: dict[str, list[int]] = {}

    class Bars(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Progress]:
            bars[title] = [total, 0]

            class Bar:
                def advance(self, steps: int = 1) -> None:
                    bars[title][1] += steps

            yield Bar()

    finished, failed = Finished(0, {"rows": 10}), Failed(1, "no reason")
    events = [Encoded("images", 7), finished, Encoded("images", 2), Advanced(10), failed]
    assert list(with_progress(events, Bars(), "labelling", 20)) == [finished, failed]
    # how many products have an image is not known
    assert bars == {"labelling": [20, 10], "images": [0, 9]}
