"""Which product each person has open, so that two do not do the same work.

Nothing rests on it: a decision about a product that somebody else has decided is shown as a conflict. So it
is kept in memory only.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

SECONDS = 300.0
"""After so long without a sign of the person, a product is free again."""


class OpenProducts:
    """The products that people have open: one a person, the last that they looked at.

    Args:
        clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, tuple[int, float]] = {}

    def open(self, row: int, name: str) -> None:
        """Note that a person looks at a product. Who came first keeps it."""
        with self._lock:
            holder = self._holder(row)
            if holder is None or holder[0] == name:
                self._open[name] = (row, self._clock() + SECONDS)

    def leave(self, name: str) -> None:
        """Note that a person is done with the product that they had open."""
        with self._lock:
            self._open.pop(name, None)

    def holder(self, row: int, name: str) -> tuple[str, int] | None:
        """Who else has a product open, and for how many minutes at most; None where nobody does."""
        with self._lock:
            found = self._holder(row)
        return None if found is None or found[0] == name else found

    def elsewhere(self, name: str) -> dict[int, tuple[str, int]]:
        """By row, the products that others have open."""
        with self._lock:
            now = self._clock()
            return {
                row: (other, _minutes(until - now))
                for other, (row, until) in self._open.items()
                if other != name and until > now
            }

    def _holder(self, row: int) -> tuple[str, int] | None:
        now = self._clock()
        for name, (opened, until) in self._open.items():
            if opened == row and until > now:
                return name, _minutes(until - now)
        return None


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)
