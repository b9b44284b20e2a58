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
    filled = [str(value).strip() for value in values if not is_missing(value)]
    empty = len(values) - len(filled)
    # missing ones stand anywhere, and names come again
    once = len(filled) >= _MIN_GROUPS and len(set(filled)) == len(filled)
    if not once or empty <= len(filled) or is_missing(values[0]):
        return None
    runs = [is_empty for is_empty, _ in groupby(values, is_missing)]
    followed = sum(runs)
    if 2 * followed <= len(filled):
        return None
    return (
        f"{column}: each of {len(filled)} names stands in one row, and the rows below are empty; if they "
        "belong to it, too, repeat it in each row: as it is, these products have no category"
    )
