"""A time budget for fitting: what would not be ready in time is left out, with the reason."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from shelfwise.core.types import Context, Progress
from shelfwise.errors import ConfigError, ShelfwiseError

T = TypeVar("T")

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class BudgetSpentError(ShelfwiseError):
    """The time for a member is over; caught by the budget itself."""


class _Watched:
    """Progress that raises once the time is over."""

    def __init__(self, progress: Progress, deadline: float) -> None:
        self._progress = progress
        self._deadline = deadline

    def advance(self, steps: int = 1) -> None:
        # Checked after every step, so that work ends within one step of its deadline.
        self._progress.advance(steps)
        if time.perf_counter() > self._deadline:
            raise BudgetSpentError


@dataclass(frozen=True)
class _LimitedContext(Context):
    """A context whose progress ends with the budget."""

    inner: Context = dataclasses.field(default_factory=Context)
    deadline: float = float("inf")

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        """Report a piece of work, and interrupt it when the time is over."""
        with dataclasses.replace(self.inner, title=self.title).progress(title, total) as progress:
            yield _Watched(progress, self.deadline)


@dataclass(frozen=True)
class Budget:
    """Seconds for fitting, from now on.

    Args:
        context: to be given to what is fitted; its progress interrupts work that the budget does not cover.
        seconds: in all; None for as long as it takes.
        deadline: on the clock of ``time.perf_counter``.
    """

    context: Context
    seconds: float | None
    deadline: float

    @classmethod
    def from_seconds(cls, seconds: float | None, context: Context) -> Budget:
        """The budget that starts now."""
        if seconds is None:
            return cls(context, None, float("inf"))
        # a clock that nobody sets
        deadline = time.perf_counter() + seconds
        limited = _LimitedContext(
            seed=context.seed,
            cache=context.cache,
            title=context.title,
            labels=context.labels,
            patterns=context.patterns,
            loops=context.loops,
            inner=context,
            deadline=deadline,
        )
        return cls(limited, seconds, deadline)

    def part(self, share: float) -> Budget:
        """The budget of the first `share` of what is left."""
        # Without a limit, any share of it is without one too.
        if not isinstance(self.context, _LimitedContext):
            return self
        now = time.perf_counter()
        deadline = now + share * (self.deadline - now)
        return dataclasses.replace(
            self, context=dataclasses.replace(self.context, deadline=deadline), deadline=deadline
        )

    def spend(self, name: str, work: Callable[[], T | str]) -> T | str:
        """What `work` gives, or the reason in words if there was no time for it."""
        if self.is_spent():
            return self._reason(name)
        try:
            return work()
        except BudgetSpentError:
            return self._reason(name)

    def check(self) -> None:
        """Go on only while there is time.

        Raises:
            BudgetSpentError: there is none left.
        """
        if self.is_spent():
            raise BudgetSpentError

    def is_spent(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() > self.deadline

    def first_of(self, runs: int, work: Callable[[], T]) -> T:
        """What `work` gives.

        Raises:
            BudgetSpentError: `runs` runs as long as this one will not fit into the time that is left.
        """
        started = time.perf_counter()
        result = work()
        now = time.perf_counter()
        # The other runs are taken to be as long as the first.
        if now + (runs - 1) * (now - started) > self.deadline:
            raise BudgetSpentError
        return result

    def _reason(self, name: str) -> str:
        return f"the budget of {self.seconds:g} s is too small for {name}"


def parse_duration(text: str) -> float:
    """Seconds of "90s", "30m", "8h"; a bare number is seconds.

    Raises:
        ConfigError: it is none of these, or not above 0.

    >>> parse_duration("30m")
    1800.0
    """
    # One number with one unit: "1h30m" is refused rather than half understood.
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    if match is None or not float(match[1]):
        raise ConfigError(
            f"{text!r} is no time budget; write a number followed by s, m or h, e.g. 90s, 30m or 8h"
        )
    return float(match[1]) * UNITS[match[2] or "s"]
