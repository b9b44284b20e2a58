"""A column of categories that is filled in the first row of each group only, as people write lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from shelfwise.catalog.reading.missing import is_missing

_MIN_GROUPS = 3
"""Filled rows below which empty ones below them say nothing."""


def told_filled_once(column: str, values: Sequence[Any]) -> str | None:
    """What a user is told where every name stands once, above empty rows that may mean it, too.

    >>> told_filled_once("category", ["Mugs", "", "", "Lamps", "", "", "Toys", ""]) is None
    False
    >>> told_filled_once("category", ["Mugs", "Mugs", "", "Lamps"]) is None
    True
    """
    missing = list(map(is_missing, values))
    # mostly less than half are, and asking is fast
    if 2 * sum(missing) <= len(values) or missing[0]:
        return None
    filled = [str(value).strip() for value in values if not is_missing(value)]
    # missing ones stand anywhere, and names come again
    if len(filled) < _MIN_GROUPS or len(set(filled)) < len(filled):
        return None
    followed = sum(is_empty for is_empty, _ in groupby(missing))
    if 2 * followed <= len(filled):
        return None
    return (
        f"{column}: each of {len(filled)} names stands in one row, and the rows below are empty; if they "
        "belong to it, too, repeat it in each row: as it is, these products have no category"
    )
