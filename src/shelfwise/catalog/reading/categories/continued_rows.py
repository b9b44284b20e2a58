"""Rows without an id that hold further categories of the product above them, as Magento 1 exports them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shelfwise.catalog.reading.missing import is_missing


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
