"""Which record is found to blame where a shard ends its workers, and when a shard is given up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest

from shelfwise.catalog.shards.manifest import Shard
from shelfwise.scale.engine import Event, Failed, Finished
from shelfwise.scale.plan import LabelPlan, LabelSettings
from shelfwise.scale.shard_queue import MAX_QUARANTINED, ShardQueue, Task
from shelfwise.scale.watchdog import Watchdog

Dies = Callable[[set[int], Task], bool]


def ended(rows: int, dies: Dies) -> tuple[list[Event], int]:
    """What becomes of a shard whose workers die as told, and how many did."""
    queue = ShardQueue(plan(rows), [0])
    events: list[Event] = []
    deaths = 0
    while queue.is_open:
        task = queue.next()
        assert task is not None
        assert Task.from_line(task.to_line()) == task
        first, end = task.trial or (0, rows)
        if dies(set(range(first, end)) - set(task.without), task):
            deaths += 1
            events += queue.died(task, "signal 9")
        elif task.trial:
            events += queue.told(task, {"kind": "survived"})
        else:
            done = {"kind": "finished", "entry": {"without": task.without}, "by_other": False}
            events += queue.told(task, done)
    return events, deaths


def plan(rows: int) -> LabelPlan:
    return LabelPlan("model", LabelSettings(), [Shard("products-00000.parquet", rows, 1, "0" * 64)])


def deadly(*records: int) -> Dies:
    return lambda rows, task: bool(rows & set(records))


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 1000, 20_000])
def test_the_one_record_that_ends_workers_is_found(rows: int) -> None:
    for record in {0, rows // 3, rows // 2, rows - 1}:
        events, deaths = ended(rows, deadly(record))
        assert events == [Finished(0, {"without": (record,)})]
        # two of the whole shard, two of the record alone, and at most one each time it is halved
        assert 4 <= deaths <= 4 + rows.bit_length()


def test_several_records_are_found_one_after_the_other() -> None:
    records = sorted(random.Random(5).sample(range(2000), MAX_QUARANTINED))
    events, _ = ended(2000, deadly(*records))
    assert events == [Finished(0, {"without": tuple(records)})]


def test_too_many_records_are_given_up_with_their_shard() -> None:
    [failed], _ = ended(2000, deadly(*range(0, 2000, 100)))
    assert isinstance(failed, Failed)
    assert "more than 10 records of the shard products-00000.parquet end their" in failed.reason


def test_workers_that_die_of_anything_blame_no_further_record() -> None:
    [failed], deaths = ended(2000, lambda rows, task: True)
    assert isinstance(failed, Failed)
    assert failed.reason.endswith("ends its workers, and no single record of it does")
    assert deaths < 50


def test_workers_that_somebody_else_kills_blame_no_record() -> None:
    kills = iter([True, True, *[False] * 100])
    events, deaths = ended(600, lambda rows, task: next(kills))
    assert events == [Finished(0, {"without": ()})]
    assert deaths == 2


def test_a_shard_that_ends_workers_only_as_a_whole_is_given_up() -> None:
    events, deaths = ended(600, lambda rows, task: task.trial is None)
    [failed] = events
    assert isinstance(failed, Failed)
    assert failed.reason.endswith("ends its workers, and no single record of it does")
    assert deaths == 4


def test_a_shard_at_which_three_workers_hang_is_given_up() -> None:
    queue = ShardQueue(plan(600), [0])
    events: list[Event] = []
    for _ in range(3):
        task = queue.next()
        assert task is not None
        events += queue.hung(task, 301.5)
    [failed] = events
    reason = "3 workers hung at the shard products-00000.parquet, the last for 302 s without a word"
    assert failed == Failed(0, reason)
    assert not queue.is_open


def test_what_is_too_long_goes_by_the_median_and_not_by_the_slowest() -> None:
    watchdog = Watchdog(least=60, unknown=2)
    # of a model that reads pictures the first shard may take hours
    assert (watchdog.limit(10), watchdog.limit(10_000)) == (60, 20_000)
    seen: Iterable[float] = [10, 10, 12, 9, 5000]
    for seconds in seen:
        watchdog.saw(seconds)
    assert watchdog.limit() == 100
    # a shard of many rows may take longer than others
    by_row = Watchdog(least=60, unknown=2)
    by_row.saw(50, 100)
    assert (by_row.limit(10), by_row.limit(1000)) == (60, 5000)


def test_a_shard_that_cannot_be_read_during_the_search_is_told() -> None:
    queue = ShardQueue(plan(600), [0])
    for _ in range(2):
        task = queue.next()
        assert task is not None
        assert list(queue.died(task, "signal 9")) == []
    trial = queue.next()
    assert trial is not None
    assert trial.trial == (0, 300)
    told = list(queue.told(trial, {"kind": "failed", "reason": "the shard was changed"}))
    assert told == [Failed(0, "the shard was changed")]
