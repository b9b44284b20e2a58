"""How long a worker may take before it is taken for hanging."""

from __future__ import annotations

from collections import deque
from statistics import median

SLOWER_THAN_USUAL = 10
"""So many times what is usual is taken for hanging."""

# the usual may change with the shards
_REMEMBERED = 1001


class Watchdog:
    """Compares with the median of what was seen, which a single slow one does not change.

    Args:
        least: seconds that are never too long.
        unknown: seconds that are not too long for a unit of work while none was seen.
    """

    def __init__(self, least: float, unknown: float) -> None:
        self._least = least
        self._unknown = unknown
        self._seen: deque[float] = deque(maxlen=_REMEMBERED)

    def saw(self, seconds: float, amount: int = 1) -> None:
        """Take in how long so much work took."""
        self._seen.append(seconds / max(amount, 1))

    def limit(self, amount: int = 1) -> float:
        """Seconds from which on so much work is taken for hanging."""
        longest = SLOWER_THAN_USUAL * median(self._seen) if self._seen else self._unknown
        return max(self._least, longest * max(amount, 1))
