"""What a user is told, or a table refused for, by what stands where the ids are expected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.errors import CatalogError

_ROUNDED = re.compile(r"[1-9]\d{14}0+")
"""What a spreadsheet leaves of a longer number: it keeps 15 digits."""

_GROUPED = re.compile(r"(\d{1,3})(?:([.,\u00a0\u202f ])\d{3})+")
"""A number with a sign between its thousands."""

_DATE = re.compile(
    r"(?i)\d{1,2}[-. ]{1,2}(?:jan|feb|mar|mrz|m.r|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)\w*\.?"
)
"""What spreadsheets make of ``1-2`` and ``MAR1``."""

_ENOUGH = 3
"""Ids below which a zero at their end may be chance."""

_MOST_NAMES = 100
"""Ids that are looked at for names of columns."""

_FIELDS_ACROSS = 2


def told_ids(ids: Sequence[Any]) -> list[str]:
    """A sentence for each thing that spreadsheets did to the ids; mostly none.

    >>> told_ids(["'0042", "'0043"]) == told_ids(["8400001234567810000"] * 3) == []
    False
    >>> len(told_ids(["1,001", "1,002", "12,003"])), len(told_ids(["12-5", "02-Jan"]))
    (1, 1)
    >>> told_ids(["'n Sync", "42"])
    []
    """
    texts = [str(value).strip() for value in ids if not is_missing(value)]
    told = []
    if texts and all(text.startswith("'") for text in texts):
        told.append(
            f"id: each begins with an apostrophe, as {texts[0]!r}, which is part of it; spreadsheets write "
            "one before numbers that are to stay texts; write the ids without it"
        )
    if len(texts) >= _ENOUGH and all(map(_ROUNDED.fullmatch, texts)):
        told.append(
            f"id: numbers such as {texts[0]} all end in 0 behind their 15th digit, where spreadsheets cut "
            "them off; if they are cut, write the column again as text"
        )
    grouped = list(filter(_GROUPED.fullmatch, texts))
    if len(grouped) >= _ENOUGH and all(
        len(text) < _ENOUGH + 1 or text in grouped for text in texts
    ):
        told.append(
            f"id: {grouped[0]!r} has a sign between thousands, which is part of it; write the ids as plain "
            "numbers if other files have them so"
        )
    # where all are dates they were meant to be
    date = next(filter(_DATE.fullmatch, texts), None)
    if date is not None and not all(map(_DATE.fullmatch, texts)):
        told.append(
            f"id: {date!r} is a date as spreadsheets make them of texts such as 1-2; the texts are lost, so "
            "export the column again as text"
        )
    return told


def check_not_across(columns: Mapping[str, str], ids: Sequence[Any]) -> None:
    """Refuse a table whose rows are fields, and whose columns are products.

    Args:
        columns: our field -> the file's column.
        ids: of the first records.

    Raises:
        CatalogError: the table is written so.
    """
    if set(columns) != {"id"}:
        return
    names = tuple(dict.fromkeys(value for value in ids[:_MOST_NAMES] if isinstance(value, str)))
    found = plan_columns(names, {}).ours
    if len(set(found) - {"id"}) >= _FIELDS_ACROSS:
        listed = ", ".join(map(repr, list(found.values())[:_ENOUGH]))
        raise CatalogError(
            f"the rows of the table are called {listed}, which are names of columns, and its columns seem to "
            "be the products; write a row for each product (Excel: paste special, transpose)"
        )
