"""A column of categories that is filled in the first row of groups only, as in lists and merged cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from shelfwise.catalog.reading.missing import is_missing

_MIN_GROUPS = 3
"""Filled rows below which empty ones below them say nothing."""

_CHANCE = 0.01


def told_filled_once(column: str, values: Sequence[Any]) -> str | None:
    """What a user is told where names above empty rows, which may mean them, too, stand nowhere else.

    >>> told_filled_once("category", ["Mugs", "", "", "Lamps", "", "", "Toys", ""]) is None
    False
    >>> told_filled_once("category", ["Mugs", "Mugs", "", "Lamps"]) is None
    True
    """
    names = [None if is_missing(value) else str(value).strip() for value in values]
    # mostly none or few are missing, and asking is fast
    if None not in names or names[0] is None:
        return None
    counts = Counter(name for name in names if name is not None)
    above = [high for high, low in pairwise(names) if high is not None and low is None]
    # missing ones stand anywhere, and so the names above them come again
    if len(above) < _MIN_GROUPS or any(counts[name] > 1 for name in above):
        return None
    once = sum(count == 1 for count in counts.values())
    if once == len(counts):
        # where no name comes again anyway, most must be above empty rows, and these the most of all
        is_told = 2 * len(counts) < len(names) and 2 * len(above) > len(counts)
    else:
        # that rows above empty ones have such names by chance
        is_told = (once / counts.total()) ** len(above) < _CHANCE
    if not is_told:
        return None
    return (
        f"{column}: each of {len(above)} names stands in one row, and the rows below are empty; if they "
        "belong to it, too, repeat it in each row: as it is, these products have no category"
    )
