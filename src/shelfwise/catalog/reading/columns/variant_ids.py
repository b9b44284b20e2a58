"""The column that says whose variant a row is, where rows without a title have ids of their own.

Shops write a product's title once, and below it a row for each further variant with its own SKU. Only a
column that such a row repeats from the row above tells that it belongs there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plain_names
from shelfwise.catalog.reading.columns.described_columns import may_hold_ids
from shelfwise.catalog.reading.columns.rival_columns import how_to_take
from shelfwise.catalog.reading.missing import is_missing

_PARENT = re.compile(
    r"(?:parent|item_group|variant_group|variation_group|variant_parent|master)_?"
    r"(?:id|sku|code|asin|no|number|product|product_id|product_code|product_sku)"
    r"|(?:vater|eltern|haupt|père|padre|madre|hoofd|ouder)_?(?:artikel|produkt|product|article)?_?"
    r"(?:id|sku|nr|nummer|code|artnr|número|référence)"
)
"""Names of columns that say which product a row is a variant of."""

_MIN_SHARE = 0.1
"""Of the rows without a title, from which on these are variants; fewer lack a title."""


def variant_id_column(
    names: Iterable[str], title: str, sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """The column in which each product has a value of its own, rows without a title that of the row above.

    None without one.

    Args:
        names: the columns that may be it.
        title: the column with the titles.
        sample: the first values of a column.
    """
    untitled = [is_missing(value) for value in sample(title)]
    if not untitled or untitled[0] or sum(untitled) < max(1, _MIN_SHARE * len(untitled)):
        return None
    return next((name for name in names if _are_of_products(sample(name), untitled)), None)


def _are_of_products(values: Sequence[Any], untitled: Sequence[bool]) -> bool:
    """Whether products differ in their values, and each row without a title repeats the one above."""
    texts = _texts(values)
    if len(texts) != len(untitled) or not all(texts):
        return False
    products = [text for text, is_variant in zip(texts, untitled, strict=True) if not is_variant]
    repeats = all(
        text == above
        for above, text, is_variant in zip(texts, texts[1:], untitled[1:], strict=False)
        if is_variant
    )
    return repeats and len(set(products)) == len(products) > 1


def title_id_column(
    names: Iterable[str], title: str, sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """A column with one value for each title, where rows of one title follow each other; None without one.

    Args:
        names: the columns that may be it.
        title: the column with the titles.
        sample: the first values of a column.
    """
    titles = _texts(sample(title))
    if not all(titles) or len(_runs(titles)) == len(titles):
        return None
    return next((name for name in names if _goes_with(sample(name), titles)), None)


def told_variants(
    usual: str, title: str, names: Sequence[str], sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """What a user is told of rows that may be variants of one product, or products of their own.

    Args:
        usual, title: the columns of the ids and the titles.
        names: columns that are no field yet.
        sample: the first values of a column.
    """
    found = title_id_column(filter(may_hold_ids, names), title, sample)
    if found is not None:
        return (
            f"id: {usual} is taken, and rows of one title have one {found}; if they are variants of a "
            f"product, {how_to_take('id', found)}"
        )
    return told_parents(usual, names, sample)


def told_parents(
    usual: str, names: Iterable[str], sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """What a user is told of a column that is called like the id of the product around variants.

    None where rows neither share such ids nor name other rows by them.

    Args:
        usual: the column of the ids.
        names: columns that are no field yet.
        sample: the first values of a column.
    """
    ids = _texts(sample(usual))
    for name in names:
        if not any(map(_PARENT.fullmatch, plain_names(name))):
            continue
        parents = _texts(sample(name))
        filled = [text for text in parents if text]
        # rows that name themselves are products, and their own parent
        own = sum(map(str.__eq__, parents, ids))
        if filled and set(filled) <= set(ids) and own < len(filled):
            return (
                f"id: {usual} is taken, and {name} says of some rows to which other row they belong; if they "
                "are variants of a product, leave them out of the file"
            )
        if len(set(filled)) < len(filled):
            return (
                f"id: {usual} is taken, and several rows have one {name}; if they are variants of a "
                f"product, {how_to_take('id', name)}"
            )
    return None


def _goes_with(values: Sequence[Any], titles: Sequence[str]) -> bool:
    """Whether each value stands beside one title, in rows that follow each other."""
    texts = _texts(values)
    if len(texts) != len(titles) or not all(texts):
        return False
    runs = _runs(texts)
    pairs = _runs(list(zip(texts, titles, strict=True)))
    # as many runs as rows say nothing, and neither does one run of all
    if not 1 < len(runs) < len(texts):
        return False
    # no value comes again further on, and none has two titles
    return len(set(runs)) == len(runs) == len(pairs)


def _runs(values: Sequence[Any]) -> list[Any]:
    """The values without those that repeat the one above."""
    return [value for place, value in enumerate(values) if not place or value != values[place - 1]]


def _texts(values: Sequence[Any]) -> list[str]:
    return ["" if is_missing(value) else str(value).strip() for value in values]
