"""A budget of time on a clock that only the tests move."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.core.types import Context, Progress
from shelfwise.errors import ConfigError
from shelfwise.training import time_budget as room
from shelfwise.training.time_budget import Budget, parse_duration


class Clock:
    """Stands still until it is told to go on; stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    def working(self, seconds: float, result: str = "done") -> Callable[[], str]:
        """Work that takes so long."""

        def work() -> str:
            self.now += seconds
            return result

        return work


@dataclasses.dataclass(frozen=True)
class Told(Context):
    """Writes down what it is told of progress."""

    heard: list[str] = dataclasses.field(default_factory=list)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        heard = self.heard

        class Bar:
            def advance(self, steps: int = 1) -> None:
                heard.append(f"+{steps}")

        heard.append(f"{self.title}: {title} of {total}")
        try:
            yield Bar()
        finally:
            heard.append("closed")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    return clock


def test_without_a_limit_nothing_is_in_the_way(clock: Clock) -> None:
    context = Told()
    budget = Budget.from_seconds(None, context)
    assert budget.context is context
    assert budget.spend("image", lambda: budget.first_of(10**9, clock.working(1e9))) == "done"


def test_work_is_not_begun_once_the_time_is_over(clock: Clock) -> None:
    budget = Budget.from_seconds(120, Context())
    clock.now += 119.5
    assert budget.spend("title", clock.working(1)) == "done", (
        "begun in time, and nothing broke it off"
    )
    assert (
        budget.spend("image", lambda: pytest.fail("begun too late"))
        == "the budget of 120 s is too small for image"
    )


@pytest.mark.parametrize(("runs", "fits"), [(1, True), (10, True), (11, False)])
def test_the_first_of_several_runs_tells_whether_all_will_fit(
    clock: Clock, runs: int, fits: bool
) -> None:
    budget, done = Budget.from_seconds(100, Context()), []
    answer = budget.spend(
        "image", lambda: budget.first_of(runs, lambda: done.append(1) or clock.working(10)())
    )
    assert len(done) == 1
    assert answer == ("done" if fits else "the budget of 100 s is too small for image")


def test_what_was_spent_before_counts(clock: Clock) -> None:
    budget = Budget.from_seconds(100, Context())
    budget.spend("title", clock.working(60))
    assert "too small for image" in str(
        budget.spend("image", lambda: budget.first_of(5, clock.working(10)))
    )
    assert budget.spend("description", lambda: budget.first_of(3, clock.working(10))) == "done"


def test_progress_breaks_off_when_the_time_is_over(clock: Clock) -> None:
    told = Told(title="image")
    budget = Budget.from_seconds(30, told)

    def work() -> str:
        with budget.context.progress("epochs", 9) as bar:
            for _ in range(9):
                clock.now += 10
                bar.advance(2)
        return "done"

    assert budget.spend("image", work) == "the budget of 30 s is too small for image"
    assert told.heard == ["image: epochs of 9", "+2", "+2", "+2", "+2", "closed"]


def test_a_part_ends_earlier_than_the_whole(clock: Clock) -> None:
    whole = Budget.from_seconds(100, Context())
    part = whole.part(0.7)
    assert part.spend("title", clock.working(71)) == "done"
    assert part.spend("image", clock.working(1)) == "the budget of 100 s is too small for image"
    assert whole.spend("blend", clock.working(1)) == "done"
    with pytest.raises(room.BudgetSpentError), part.context.progress("epochs", 3) as bar:
        bar.advance()


def test_a_part_of_no_limit_has_none(clock: Clock) -> None:
    assert (
        Budget.from_seconds(None, Context()).part(0.1).spend("title", clock.working(1e9)) == "done"
    )


def test_members_get_all_of_the_context_and_the_limit(clock: Clock) -> None:
    told = Told(7, Path("cache"), "", ("Mugs",), ((True, False),))
    mine = dataclasses.replace(Budget.from_seconds(5, told).context, title="title")
    assert (mine.seed, mine.cache, mine.labels, mine.patterns) == (
        told.seed,
        told.cache,
        told.labels,
        told.patterns,
    )
    with mine.progress("epochs", 3) as bar:
        bar.advance()
    assert told.heard == ["title: epochs of 3", "+1", "closed"]


def test_other_failures_are_no_matter_of_time(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        Budget.from_seconds(5, Context()).spend("title", lambda: str(1 / 0))


@given(st.floats(0.01, 1e6), st.sampled_from(["", "s", "m", "h"]), st.sampled_from(["", " "]))
def test_durations(count: float, unit: str, blank: str) -> None:
    text = f"{count:f}"
    assert (
        parse_duration(f"{blank}{text}{blank}{unit}{blank}")
        == float(text) * {"": 1, "s": 1, "m": 60, "h": 3600}[unit]
    )


@pytest.mark.parametrize(
    "text", ["", "soon", "-5m", "0", "0.0h", "5d", "m", "1h30m", "1e3", "nan", "inf", "5 minutes"]
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no time budget; .*90s, 30m or 8h"):
        parse_duration(text)
