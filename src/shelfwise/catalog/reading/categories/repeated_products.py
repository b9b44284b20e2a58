"""Rows that repeat a product's id with other categories, as tables joined of products and categories do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import Rules, read_id

RepeatedIds = Literal["join", "first"]
"""What rows that repeat an id are: of the same product with further categories, or refused."""


def find_repeated_products(
    column: str,
    ids: Sequence[Any],
    texts: Sequence[Sequence[Any]],
    categories: Sequence[Any],
    setting: RepeatedIds | Literal["auto"] = "auto",
) -> tuple[RepeatedIds | None, list[str]]:
    """What the rows are that repeat an id with other categories, and what a user is told of them.

    Args:
        column: that of the categories, for messages.
        ids, categories: of the first N records.
        texts: the same of titles and descriptions, each empty where the file has no such column.
        setting: what a user wants.

    >>> find_repeated_products("cat", ["1", "1"], [["Mug", "Mug"]], ["Mugs", "Gifts"])[0]
    'join'
    >>> find_repeated_products("cat", ["1", "1"], [["Mug", "Cap"]], ["Mugs", "Gifts"])[0]
    'first'
    >>> find_repeated_products("cat", ["1", "1"], [["Mug", "Mug"]], ["Mugs", "Mugs"])
    (None, [])
    """
    # a file may have no categories
    if len(ids) != len(categories):
        return None, []
    columns = [column for column in texts if len(column) == len(ids)]
    first: dict[str, tuple[str, list[str]]] = {}
    further = 0
    versions = 0
    for row, (identity, category) in enumerate(zip(ids, categories, strict=True)):
        if is_missing(identity) or not _is_usable(identity):
            continue
        own = [_text(values[row]) for values in columns]
        stood, said = first.setdefault(str(identity), (_text(category), own))
        # the first row of a product is compared with itself, and repeats nothing
        if not is_missing(category) and _text(category) != stood:
            agrees = _agree(own, said)
            further += agrees
            versions += not agrees
    told = _told_repetitions(
        f"{column}: of the first {len(ids):,} records", further, versions, setting
    )
    if setting != "auto":
        return setting, told
    if further:
        return "join", told
    return ("first" if versions else None), told


def _told_repetitions(
    start: str, further: int, versions: int, setting: RepeatedIds | Literal["auto"]
) -> list[str]:
    """What a user is told of rows that repeat an id.

    Args:
        start: what each sentence begins with.
        further: rows that say the same of a product, but for its categories.
        versions: those that say something else of it.
    """
    told = []
    if versions:
        told.append(
            f"{start}, {versions:,} repeat an id with another title or description and other categories; "
            "only its first record counts, so write all categories of a product into one"
        )
    if further and setting == "first":
        told.append(
            f"{start}, {further:,} repeat a product with other categories; by the settings only its first "
            "record counts"
        )
    elif further:
        told.append(
            f"{start}, {further:,} repeat a product with other categories, which are added to it; if only "
            'its first record is to count, write under [catalog]: repeated_ids = "first"'
        )
    return told


def _agree(own: Iterable[str], first: Iterable[str]) -> bool:
    """Whether a row says the same of a product as its first one, or nothing."""
    return all(text in ("", stood) for text, stood in zip(own, first, strict=True))


def _text(value: Any) -> str:
    return "" if is_missing(value) else str(value).strip()


def _is_usable(identity: Any) -> bool:
    """Whether an id can be used; one that a spreadsheet has cut short is refused however often it comes."""
    try:
        return bool(read_id(identity, Rules()))
    except ValueError:
        return False
