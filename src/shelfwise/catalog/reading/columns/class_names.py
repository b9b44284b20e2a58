"""A column with the names of classes beside one with their numbers, such as ``label_text`` and ``label``."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import column_text
from shelfwise.catalog.reading.columns.value_kinds import are_codes

_MIN_CLASSES = 2
_LETTERS = re.compile(r"[^\W\d_]{2}")


def column_of_names(
    numbers: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> str | None:
    """The column that has one name for each number of a column; None without one.

    Args:
        numbers: the column that may hold numbers of classes.
        names: all columns of the file.
        used: those that are a field already.
        sample: the first values of a column.
    """
    codes = list(map(column_text, sample(numbers)))
    distinct = set(codes) - {""}
    if len(distinct) < _MIN_CLASSES or not are_codes(list(distinct)):
        return None
    # where each number comes once, anything beside it is one to one
    if 2 * len(distinct) > sum(map(bool, codes)):
        return None
    for name in names:
        if name not in used and _names_each(codes, list(map(column_text, sample(name)))):
            return name
    return None


def _names_each(codes: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether each number stands beside one text and no other, and each text beside one number."""
    pairs = {pair for pair in zip(codes, texts, strict=False) if all(pair)}
    if len(pairs) < _MIN_CLASSES:
        return False
    distinct_codes = {code for code, _ in pairs}
    distinct_texts = {text for _, text in pairs}
    if not len(distinct_codes) == len(distinct_texts) == len(pairs):
        return False
    # a second column of numbers names nothing
    return all(_LETTERS.search(text) for text in distinct_texts)
