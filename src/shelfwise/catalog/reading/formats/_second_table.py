"""A second table below the first one on a sheet, such as the list of categories below that of products."""

from __future__ import annotations

from collections.abc import Sequence

from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS

_KNOWN = frozenset(name for names in SYNONYMS.values() for name in names)
_FEWEST = 2
"""Filled cells of a row from which on it may have the names of columns."""


def rows_of_first_table(
    rows: Sequence[Sequence[str]], header: int, last: int
) -> tuple[int, tuple[str, ...]]:
    """How many rows belong to the table, and what a user is told of those below.

    Another table begins behind a blank row, with names of its own of which one is a name of this table's, or
    of which several are usual ones. A title may stand above it.

    Args:
        rows: all rows of a sheet as texts, up to the last filled cell of each.
        header: place of the row with the names of the columns.
        last: of the last row that is no record.

    >>> rows_of_first_table([["id", "category"], ["7", "Mugs"], [], ["category", "owner"]], 0, 0)[0]
    3
    >>> rows_of_first_table([["id", "kind"], ["7", "Mugs"], [], ["Owners"], ["code", "name"]], 0, 0)[0]
    3
    """
    names = [name.casefold() for name in rows[header]]
    for place in range(last + 2, len(rows)):
        cells = [cell.casefold() for cell in rows[place]]
        filled = list(filter(None, cells))
        is_titled = len(list(filter(None, rows[place - 1]))) == 1
        above = rows[place - 2 if is_titled else place - 1]
        # a header that comes again is that of the same table
        if any(above) or len(filled) < _FEWEST or cells == names:
            continue
        are_usual = sum(normal_name(cell) in _KNOWN for cell in filled) >= _FEWEST
        if not (set(filled) & set(names) or are_usual) or any(map(_is_number, filled)):
            continue
        listed = ", ".join(filter(None, rows[place]))
        return place - is_titled, (
            f"workbook: another table begins in row {place + 1} ({listed}); it is not read",
        )
    return len(rows), ()


def _is_number(text: str) -> bool:
    return text.replace(".", "").isdecimal()
