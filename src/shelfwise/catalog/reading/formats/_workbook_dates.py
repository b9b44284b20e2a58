"""Dates in columns of a workbook where ids and names are expected: spreadsheets make them of what is typed.

``3-4`` becomes the third of April, and nothing in the file says what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.formats._workbook_cells import column_letters

_NO_DATES = ("id", "title", "categories", "brand")
"""Our fields that hold no dates."""


def told_dates(rows: Sequence[Sequence[Any]], first: int, names: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each of these columns that has cells with dates.

    Args:
        rows: of the sheet, cells as the library gives them.
        first: the first row with a record.
        names: of the columns; empty where one has none.
    """
    ours = plan_columns(tuple(filter(None, names)), {}).ours
    sentences: list[str] = []
    for field in _NO_DATES:
        if field not in ours:
            continue
        # dates are usual in other columns, and expected there
        column = names.index(ours[field])
        found = [
            row
            for row in range(first, len(rows))
            if column < len(rows[row]) and isinstance(rows[row][column], date)
        ]
        if found:
            cell = f"{column_letters(column)}{found[0] + 1}"
            value = rows[found[0]][column].isoformat()
            count = f"{len(found):,} cells hold dates" if len(found) > 1 else "a cell holds a date"
            sentences.append(
                f"{ours[field]}: {count}, such as {cell} ({value}); spreadsheets make them of texts such as "
                "3-4, and only what they made is in the file: format the column as text and write them again"
            )
    return tuple(sentences)
