"""Which worker does what next, and which record is to blame where a shard ends its workers.

A shard that has ended two workers is halved: a worker tries half of its records and writes nothing, and what
becomes of the worker tells which half to try next. The record that is left, and ends two more workers alone,
goes to quarantine; the shard is then labelled without it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from shelfwise.errors import StorageError
from shelfwise.scale.engine import Event, Failed, Finished
from shelfwise.scale.plan import LabelPlan

MAX_DEATHS = 2
"""Workers that may die of a shard, or of a record alone, before it is suspected."""

MAX_HANGS = 3
"""Workers that may hang at a shard before it is given up."""

MAX_SEARCHES = 2
"""How often no record is found to blame before a shard is given up."""

MAX_QUARANTINED = 10
"""Records of a shard that may go to quarantine before it is given up as a whole."""


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Args:
        number: of the shard.
        without: rows of the shard that are left out, ascending.
        trial: the first row and the one behind the last, to be labelled without writing anything; None to
            label the shard and write its part.
    """

    number: int
    without: tuple[int, ...] = ()
    trial: tuple[int, int] | None = None

    def to_line(self) -> bytes:
        """The task as one line of JSON."""
        return json.dumps([self.number, self.without, self.trial]).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """What :meth:`to_line` gave."""
        number, without, trial = json.loads(line)
        return cls(number, tuple(without), None if trial is None else tuple(trial))


@dataclass
class _Suspicion:
    """What is known of a shard that ended workers.

    Args:
        rows: of the shard.
        deaths: workers that died of it since it was last unsuspected.
        hangs: workers that were silent for too long.
        span: the rows among which one is to blame; None while none is looked for.
        alone: workers that died of the last row of the span alone.
        without: rows that were found to blame.
        searches: how often none was found.
    """

    rows: int
    deaths: int = 0
    hangs: int = 0
    span: tuple[int, int] | None = None
    alone: int = 0
    without: tuple[int, ...] = ()
    searches: int = 0

    def task(self, number: int) -> Task:
        """What to try next."""
        if self.span is None:
            return Task(number, self.without)
        first, end = self.span
        # half of them, or the only one
        return Task(number, self.without, (first, max((first + end) // 2, first + 1)))

    def died(self) -> None:
        """Take in that a worker died of :meth:`task`."""
        if self.span is None:
            self.deaths += 1
            if self.deaths >= MAX_DEATHS:
                self.span = (0, self.rows)
                self.alone = 0
            return
        first, end = self.span
        if end - first > 1:
            self.span = (first, (first + end) // 2)
            return
        # a record that is left out already cannot be to blame
        if first in self.without:
            self._give_search_up()
            return
        self.alone += 1
        if self.alone >= MAX_DEATHS:
            self.without = tuple(sorted({*self.without, first}))
            # where another record ends workers as well, one more of them is enough to look for it
            self.span = None
            self.deaths = MAX_DEATHS - 1

    def survived(self) -> None:
        """Take in that a worker survived :meth:`task`, which was a trial."""
        assert self.span is not None
        first, end = self.span
        if end - first > 1:
            self.span = ((first + end) // 2, end)
        else:
            self._give_search_up()

    def _give_search_up(self) -> None:
        """Somebody else ended the workers, or records that do so together only."""
        self.span = None
        self.deaths = 0
        self.searches += 1


class ShardQueue:
    """The shards that are to be labelled, each ending as finished or failed.

    Args:
        plan: the run.
        numbers: of the shards, in the order in which they are begun.
    """

    def __init__(self, plan: LabelPlan, numbers: Sequence[int]) -> None:
        self._plan = plan
        self._todo = deque(Task(number) for number in numbers)
        self._open = set(numbers)
        self._suspicions: dict[int, _Suspicion] = {}

    @property
    def is_open(self) -> bool:
        """Whether a shard is neither finished nor failed."""
        return bool(self._open)

    def next(self) -> Task | None:
        """What a free worker is to do; None while there is nothing."""
        return self._todo.popleft() if self._todo else None

    def told(self, task: Task, outcome: Mapping[str, Any]) -> Iterator[Event]:
        """Take in what a worker tells at the end of its task.

        Raises:
            StorageError: it cannot write.
        """
        kind = outcome["kind"]
        # a full disk is no fault of the shard: the run ends, and can be resumed
        if kind == "stopped":
            fix = "free some space, and run the same command again"
            raise StorageError(f"{outcome['reason']}; {fix}")
        if kind == "survived":
            # the record to blame is among the others, so the search goes on there
            self._suspicions[task.number].survived()
            yield from self._go_on(task.number, "")
        elif kind == "finished":
            self._open.discard(task.number)
            yield Finished(task.number, outcome["entry"], outcome["by_other"])
        else:
            yield self._failed(task.number, outcome["reason"])

    def died(self, task: Task, how: str) -> Iterator[Event]:
        """Take in that a worker ended in the middle of its task.

        Args:
            how: in words, to go after "the last by".
        """
        self._suspicion(task.number).died()
        yield from self._go_on(task.number, how)

    def hung(self, task: Task, seconds: float) -> Iterator[Event]:
        """Take in that a worker was ended because it had said nothing for so long."""
        suspicion = self._suspicion(task.number)
        suspicion.hangs += 1
        # the machine may have been busy, so another worker tries the same
        if suspicion.hangs < MAX_HANGS:
            self._todo.appendleft(task)
            return
        yield self._failed(
            task.number,
            f"{MAX_HANGS} workers hung at the shard {self._name(task.number)}, "
            f"the last for {seconds:,.0f} s without a word",
        )

    def _suspicion(self, number: int) -> _Suspicion:
        return self._suspicions.setdefault(number, _Suspicion(self._plan.shards[number].rows))

    def _go_on(self, number: int, how: str) -> Iterator[Event]:
        """Put the next task of a suspected shard in front of the others, or give it up."""
        suspicion = self._suspicions[number]
        name = self._name(number)
        if suspicion.searches >= MAX_SEARCHES:
            yield self._failed(
                number, f"the shard {name} ends its workers, and no single record of it does"
            )
        elif len(suspicion.without) > MAX_QUARANTINED:
            yield self._failed(
                number,
                f"more than {MAX_QUARANTINED} records of the shard {name} end their workers, "
                f"the last by {how}",
            )
        else:
            self._todo.appendleft(suspicion.task(number))

    def _failed(self, number: int, reason: str) -> Failed:
        self._open.discard(number)
        return Failed(number, reason)

    def _name(self, number: int) -> str:
        return self._plan.shards[number].name
