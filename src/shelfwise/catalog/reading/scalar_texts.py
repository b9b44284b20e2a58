"""Texts and numbers as a source may hold them, as texts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shelfwise.catalog.reading.missing import MISSING, is_missing


def is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def is_number(value: Any) -> bool:
    # true and false are integers in Python, but no numbers to a reader
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def scalar_text(value: Any, expected: str) -> str:
    """Text of a string or number; a whole float is an integer that a spreadsheet spoilt.

    Raises:
        ValueError: it is neither, with `expected` as its message.
    """
    if isinstance(value, str):
        return value
    if not is_number(value):
        raise ValueError(expected)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def scalar_texts(values: Sequence[Any], expected: str) -> list[str]:
    """The texts of a list as :func:`scalar_text`, empty ones left out."""
    # the fast way for long lists of related ids, which are texts already
    if set(map(type, values)) == {str}:
        stripped = list(map(str.strip, values))
        if all(stripped) and MISSING.isdisjoint(stripped):
            return list(values)
    return [scalar_text(value, expected) for value in values if not is_missing(value)]
