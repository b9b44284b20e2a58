"""Columns with written paths: the one of which the categories have the last names, or the only one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any

from shelfwise.catalog.reading.categories.category_text import signs_only
from shelfwise.catalog.reading.categories.sign_lists import LEVEL_SIGNS
from shelfwise.catalog.reading.missing import is_missing

MAX_NAMES_SEARCHED = 2048
"""Columns that are searched for categories by what they hold; of more, none is taken for them."""

_ENOUGH = 200
"""Rows that are looked at."""

_MIN_ROWS = 3

MOSTLY = 0.9
_LONGEST = 300

_WRITTEN_PATH = re.compile(rf"\w\W*(?:{'|'.join(LEVEL_SIGNS)})\W*\w")
"""Two names with one of the signs between them that stand in hardly any name."""

_SIGN = re.compile(r"[^\w\s]\s*$")
"""What stands between a level and the one above it; a blank alone joins words of one name."""

_NEXT_SIGN = re.compile(r"\s*[^\w\s(]")
"""What stands between a level and the one below it; what is in brackets is part of a name."""


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


def column_of_written_paths(
    names: Sequence[str], used: Collection[str], sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """The first column that holds written paths, ``Home > Mugs``, whatever it is called; None without one.

    Args:
        names, used, sample: as of :func:`column_of_whole_paths`.
    """
    if len(names) > MAX_NAMES_SEARCHED:
        return None
    free = (name for name in names if name not in used)
    return next((name for name in free if _are_written_paths(sample(name))), None)


def _are_written_paths(values: Sequence[Any]) -> bool:
    """Whether nearly all texts have a sign between levels, and some come again as categories do."""
    texts = [value for value in values if not is_missing(value)]
    if len(texts) < _MIN_ROWS or not all(isinstance(text, str) for text in texts):
        return False
    # a text of a page has mark-up with the same sign
    plain = ["" if "<" in text or len(text) > _LONGEST else signs_only(text) for text in texts]
    return sum(_WRITTEN_PATH.search(text) is not None for text in plain) >= MOSTLY * len(
        texts
    ) and len(set(plain)) <= MOSTLY * len(texts)


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


def goes_on(high: str, low: str) -> bool:
    """Whether a written path begins with another and has a level more.

    >>> goes_on("Shoes", "Shoes > Boots"), goes_on("Shoes", "Shoes for men")
    (True, False)
    """
    return low.startswith(high) and _NEXT_SIGN.match(low, len(high)) is not None
