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

_ENOUGH = 3
"""Ids below which a zero at their end may be chance."""

_MOST_NAMES = 100
"""Ids that are looked at for names of columns."""

_FIELDS_ACROSS = 2


def told_ids(ids: Sequence[Any]) -> list[str]:
    """A sentence for each thing that spreadsheets did to the ids; mostly none.

    >>> told_ids(["'0042", "'0043"]) == told_ids(["8400001234567810000"] * 3) == []
    False
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
