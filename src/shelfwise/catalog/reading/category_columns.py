"""Categories that are spread over several columns: one a level of the path, or one of 0 and 1 a label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shelfwise.catalog.reading.column_mapping import normal_name
from shelfwise.catalog.reading.missing import MISSING

_LEVEL = re.compile(
    r"((?:\w+_)?(?:level|lvl|l|category|categories|cat|hierarchy|department)"
    r"(?:_(?:level|lvl|l))?)_?(\d)(?:_name)?"
)
_LABEL = re.compile(r"(?:label|tag)_?\d{1,2}")
"""Columns that hold one label each."""

_SUB = re.compile(r"(?:sub_?)+(?:category|cat)")
_MAIN = (
    "category",
    "main_category",
    "maincategory",
    "master_category",
    "mastercategory",
    "parent_category",
    "category_name",
)
_BELOW = ("article_type", "articletype")
"""What stands below a sub-category (Myntra)."""

_NO_LABELS = re.compile(
    r"(?:is|has|in|on|can|published|featured|available|active|gift_card|taxable)(?:_|$)"
)
"""Columns of 0 and 1 that say something else than a category."""

_ON = frozenset(("1", "1.0", "true", "t", "yes", "y", "x"))
_OFF = frozenset(("0", "0.0", "false", "f", "no", "n", ""))

MIN_INDICATORS = 3
"""Columns of 0 and 1 below which they are taken for properties of the product."""


@dataclass(frozen=True)
class CategoryColumns:
    """The columns that make up the categories.

    Args:
        names: the source's columns; of levels from the root down.
        kind: ``levels``, one path; ``labels``, one label a column; ``indicators``, one label a column that
            holds 1.
    """

    names: tuple[str, ...]
    kind: Literal["levels", "labels", "indicators"]

    def combine(self, values: Mapping[str, Any]) -> list[list[str]] | None:
        """The paths of one record.

        >>> CategoryColumns(("level1", "level2"), "levels").combine({"level1": "A", "level2": "B"})
        [['A', 'B']]
        """
        texts = [column_text(values.get(name)) for name in self.names]
        if self.kind == "indicators":
            on = [name for name, text in zip(self.names, texts, strict=True) if is_on(text)]
            return [[name] for name in on] or None
        if self.kind == "labels":
            return [[text] for text in texts if text] or None
        path: list[str] = []
        for text in texts:
            # an empty level ends the path
            if not text:
                break
            path.append(text)
        return [path] if path else None


def find_level_columns(names: Sequence[str]) -> CategoryColumns | None:
    """Columns named like levels or labels.

    These are ``level1`` to ``levelN``, ``Category`` with ``Sub Category``, and ``label1`` to ``labelN``.
    """
    numbered: dict[str, dict[int, str]] = {}
    for name in names:
        match = _LEVEL.fullmatch(normal_name(name))
        if match:
            numbered.setdefault(match[1], {})[int(match[2])] = name
    for levels in numbered.values():
        numbers = sorted(levels)
        consecutive = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        if len(numbers) > 1 and numbers[0] in (0, 1) and consecutive:
            return CategoryColumns(tuple(levels[number] for number in numbers), "levels")
    subs = sorted((name for name in names if _SUB.fullmatch(normal_name(name))), key=len)
    main = next((name for name in names if normal_name(name) in _MAIN), None)
    if subs and main is not None:
        below = [name for name in names if normal_name(name) in _BELOW]
        return CategoryColumns((main, *subs, *below), "levels")
    labels = tuple(name for name in names if _LABEL.fullmatch(normal_name(name)))
    return CategoryColumns(labels, "labels") if len(labels) > 1 else None


def find_indicator_columns(columns: Mapping[str, Sequence[Any]]) -> CategoryColumns | None:
    """Columns that hold 0 and 1 and nothing else, each of them both.

    Args:
        columns: by name, the first values of each.
    """
    found = []
    for name, values in columns.items():
        seen = {column_text(value).lower() for value in values}
        binary = seen <= _ON | _OFF and seen & _ON and seen & _OFF
        if binary and not _NO_LABELS.match(normal_name(name)):
            found.append(name)
    return CategoryColumns(tuple(found), "indicators") if len(found) >= MIN_INDICATORS else None


def is_on(text: str) -> bool:
    """Whether a product has the label whose column holds the text.

    >>> is_on("1"), is_on("TRUE"), is_on("0"), is_on("")
    (True, True, False, False)
    """
    return text.lower() in _ON


def column_text(value: Any) -> str:
    """The value of one such column as a text, empty where it is missing."""
    if value is None or value != value:
        return ""
    text = str(value).strip()
    return "" if text in MISSING else text
