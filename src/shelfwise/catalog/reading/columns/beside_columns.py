"""Numbered columns of categories that hold labels beside each other, such as a main and a second category."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shelfwise.catalog.reading.categories.beside_names import beside_names, told_beside
from shelfwise.catalog.reading.categories.category_columns import CategoryColumns, column_text
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.level_names import CATEGORY

_SAYS_NO_LEVEL = re.compile(rf"(?:item_|product_|p_)?{CATEGORY}_?\d?(?:_name)?")
"""``Category 2`` and ``categories[1]``; ``level2`` and ``Sub Category`` say that they lie below another."""


def with_labels_beside(
    found: CategoryColumns, columns: Mapping[str, Sequence[Any]], evidence: list[str]
) -> CategoryColumns:
    """The same columns as labels, where neither their names nor their values are those of levels.

    Where the names say that they are levels, they stay so, and a user is told.

    Args:
        found: columns by their names.
        columns: by name, the first values of each.
        evidence: gets a sentence that says so.
    """
    if found.kind != "levels":
        return found
    texts = (map(column_text, columns[name]) for name in found.names)
    beside = beside_names(zip(*texts, strict=False))
    if beside is None:
        return found
    if not all(map(_SAYS_NO_LEVEL.fullmatch, map(normal_name, found.names))):
        evidence.append(f"categories: {told_beside(beside)}")
        return found
    evidence.append(
        f"categories: {beside.name!r} stands beside {beside.above} names of the column before, so these "
        "columns are labels; if they are the levels of one path, call them level1, level2, ..."
    )
    return replace(found, kind="labels")
