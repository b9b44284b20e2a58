"""Rows that hold further categories of a product that stands in another row, which are lost with them.

Magento 1 exports such rows without an id, and tables joined of products and categories repeat the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import Rules, read_id


def told_continued_rows(
    column: str, ids: Sequence[Any], titles: Sequence[Any], categories: Sequence[Any]
) -> str | None:
    """What a user is told where rows without id and title hold categories; None where no row does.

    Args:
        column: that of the categories.
        ids, titles, categories: of the first N records, empty where the file has no such column.

    >>> told_continued_rows("cat", ["1", ""], ["Mug", ""], ["Mugs", "Mugs"]) is None
    False
    """
    if not ids or not len(ids) == len(titles) == len(categories):
        return None
    rows = zip(ids, titles, categories, strict=True)
    count = sum(
        is_missing(identity) and is_missing(title) and not is_missing(category)
        for identity, title, category in rows
    )
    # the first record has no product above it
    if not count or is_missing(ids[0]):
        return None
    rows_have = "row without id and title holds" if count == 1 else "rows without id and title hold"
    return (
        f"{column}: of the first {len(ids):,} records, {count:,} {rows_have} categories; they are refused, "
        "so if they belong to the product above, write all categories of a product into its own row"
    )


def _is_usable(identity: Any) -> bool:
    """Whether an id can be used; one that a spreadsheet has cut short is refused however often it comes."""
    try:
        return bool(read_id(identity, Rules()))
    except ValueError:
        return False


def told_repeated_ids(column: str, ids: Sequence[Any], categories: Sequence[Any]) -> str | None:
    """What a user is told where an id comes again with other categories; None where none does.

    Args:
        column: that of the categories.
        ids, categories: of the first N records, empty where the file has no such column.

    >>> told_repeated_ids("cat", ["1", "1", "2"], ["Mugs", "Gifts", "Mugs"]) is None
    False
    >>> told_repeated_ids("cat", ["1", "1", "2"], ["Mugs", "Mugs", "Mugs"]) is None
    True
    """
    # mostly each id is there once, and asking is fast
    if len(ids) != len(categories) or len(set(map(str, ids))) == len(ids):
        return None
    first: dict[str, str] = {}
    count = 0
    for identity, category in zip(ids, categories, strict=True):
        if is_missing(identity) or is_missing(category):
            continue
        text = str(category)
        other = first.setdefault(str(identity), text) != text
        count += other and _is_usable(identity)
    if not count:
        return None
    return (
        f"{column}: of the first {len(ids):,} records, {count:,} repeat an id with other categories; only "
        "those of its first record count, so write all categories of a product into one"
    )
