"""Columns with the levels of a system of goods: GPC of GS1, UNSPSC or ETIM."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shelfwise.catalog.reading.columns.column_mapping import plain_names

_LEVELS = ("segment", "family", "group", "class", "brick", "commodity")
"""The levels from the top; the last two are in no other arrangement."""

_COLUMN = re.compile(
    rf"(gpc_|unspsc_|etim_)?({'|'.join(_LEVELS)})(?:_(?:(title|name|desc|description)|code))?"
)
"""The system, the level, and whether it is in words."""


def system_levels(names: Iterable[str]) -> tuple[str, ...]:
    """The columns of such a system, from the top; none where there are no two of them.

    >>> system_levels(["BrickTitle", "ClassTitle", "ClassCode", "FamilyTitle"])
    ('FamilyTitle', 'ClassTitle', 'BrickTitle')
    >>> system_levels(["Family", "Class"])
    ()
    """
    found: dict[str, str] = {}
    in_words: set[str] = set()
    is_system = False
    for name in names:
        match = next(filter(None, map(_COLUMN.fullmatch, plain_names(name))), None)
        # groups there are elsewhere, too
        if match is None or (match[2] == "group" and match[1] is None):
            continue
        level = match[2]
        is_system |= match[1] is not None or level in _LEVELS[-2:]
        if level not in found or (match[3] and level not in in_words):
            found[level] = name
        if match[3]:
            in_words.add(level)
    levels = tuple(found[level] for level in _LEVELS if level in found)
    return levels if is_system and len(levels) > 1 else ()
