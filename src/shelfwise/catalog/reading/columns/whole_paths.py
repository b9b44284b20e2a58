"""A column that has the whole path of which the categories have the last name only."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

from shelfwise.catalog.reading.missing import is_missing

_ENOUGH = 200
"""Rows that are looked at."""

_MIN_ROWS = 3

_SIGN = re.compile(r"[^\w\s]\s*$")
"""What stands between a level and the one above it; a blank alone joins words of one name."""


def column_of_whole_paths(
    ends: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> str | None:
    """The column whose every value is a path that ends in the name that another column holds; None without.

    Args:
        ends: the column that may hold the last names only.
        names: all columns of the file.
        used: those that are a field already.
        sample: the first values of a column.
    """
    last = list(islice(sample(ends), _ENOUGH))
    # lists have their levels already
    if not all(isinstance(value, str) or is_missing(value) for value in last):
        return None
    for name in names:
        if name in used:
            continue
        pairs = [
            pair for pair in zip(sample(name), last, strict=False) if not any(map(is_missing, pair))
        ]
        if len(pairs) >= _MIN_ROWS and all(leads_to(path, end) for path, end in pairs):
            return name
    return None


def leads_to(path: Any, end: str) -> bool:
    """Whether a path is longer than its last name, and ends in it.

    >>> leads_to(["Home", "Mugs"], "Mugs"), leads_to("Home > Mugs", "Mugs"), leads_to("Red Mugs", "Mugs")
    (True, True, False)
    """
    if isinstance(path, list):
        return len(path) > 1 and path[-1] == end
    if not isinstance(path, str) or "://" in path or not path.endswith(end):
        return False
    above = path[: -len(end)]
    return _SIGN.search(above) is not None and any(map(str.isalnum, above))
