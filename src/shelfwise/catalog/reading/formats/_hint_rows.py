"""Rows below the header that tell people how to fill the columns, as templates of marketplaces have them.

They are no products: where all rows below have numbers or URLs, they have words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shelfwise.catalog.reading.missing import is_missing

_MAX_HINTS = 5
_MIN_BELOW = 3
"""Rows below from which on these show what a column holds."""

_MIN_COLUMNS = 2
"""Columns that must speak against a product: one alone may have a price "on request"."""

_SHAPES = (re.compile(r"[\W_]*\d[\d\W]*"), re.compile(r"(?i)(?:https?:)?//\S+"))
"""Numbers, and URLs."""

_LETTER = re.compile(r"[^\W\d_]")

Row = Sequence[str]


def count_hint_rows(rows: Sequence[Row]) -> int:
    """How many rows at the beginning are hints, and no products.

    Args:
        rows: the first ones below the header, their cells without surrounding blanks.

    >>> products = [["a1", "Mug", "7", "3"], ["a2", "Jug", "9", "1"], ["a3", "Cup", "5", "2"]]
    >>> count_hint_rows([["Your code", "Any text", "In euros", "Pieces"], *products])
    1
    """
    for count in range(_MAX_HINTS, 0, -1):
        below = rows[count:]
        against = [_against(row, below) for row in rows[:count]]
        # a row above a hint may have blank cells, but nothing that products have
        if len(below) >= _MIN_BELOW and None not in against and (against[-1] or 0) >= _MIN_COLUMNS:
            return count
    return 0


def _against(row: Row, below: Sequence[Row]) -> int | None:
    """How many cells speak against a product; None where one of them speaks for it."""
    against = 0
    for place, cell in enumerate(row):
        if is_missing(cell):
            continue
        values = [other[place] for other in below if place < len(other)]
        # products share their brand, their category or their unit with others
        if cell in values:
            return None
        shape = _shape(values)
        if shape is not None:
            if shape.fullmatch(cell) or not _LETTER.search(cell):
                return None
            against += 1
    return against


def _shape(values: Sequence[str]) -> re.Pattern[str] | None:
    """What all filled values of a column are; None where they are texts, or too few."""
    filled = [value for value in values if not is_missing(value)]
    if len(filled) < _MIN_BELOW:
        return None
    return next((shape for shape in _SHAPES if all(map(shape.fullmatch, filled))), None)
