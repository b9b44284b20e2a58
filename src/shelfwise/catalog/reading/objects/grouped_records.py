"""Records inside groups that are called like their category, in XML and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns

CATEGORIES = "categories"


def with_category(record: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    """A record with the names of the groups around it as its category, where it has none itself.

    Args:
        path: the names, from the outermost on; empty outside of groups.

    >>> with_category({"id": 1}, ["Home", "Mugs"])
    {'categories': [['Home', 'Mugs']], 'id': 1}
    """
    if not path or CATEGORIES in plan_columns(tuple(record), {}).ours:
        return record
    # a name by itself may be a written path
    return {CATEGORIES: path[0] if len(path) == 1 else [list(path)], **record}
