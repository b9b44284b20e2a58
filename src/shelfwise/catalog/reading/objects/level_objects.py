"""Objects that have a level of a path under each key: ``{"lvl0": "Home", "lvl1": "Home > Mugs"}``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from shelfwise.catalog.reading.columns.level_columns import find_level_columns

_LEVEL = re.compile(r"(?:lvl|level)_?(\d)")
_MAIN_AND_SUB = ("main", "sub")


# an object with the same keys comes with nearly every product
@lru_cache(maxsize=1024)
def level_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of an object in the order of the levels that they name; none where one names something else.

    >>> level_keys(("lvl0", "lvl1")), level_keys(("sub", "main")), level_keys(("id", "name"))
    (('lvl0', 'lvl1'), ('main', 'sub'), ())
    """
    if all(map(_LEVEL.fullmatch, keys)):
        return keys
    if set(keys) == set(_MAIN_AND_SUB):
        return _MAIN_AND_SUB
    found = find_level_columns(keys)
    whole = found is not None and found.kind == "levels" and len(found.names) == len(keys)
    return found.names if found is not None and whole else ()


def path_of_levels(values: Sequence[Any]) -> Any:
    """One path of levels; where each level repeats those above, the last of them says all.

    >>> path_of_levels(["Home", "Home > Mugs"]), path_of_levels(["Home", "Mugs"])
    ('Home > Mugs', [['Home', 'Mugs']])
    """
    texts = [value for value in values if value is not None]
    if not all(isinstance(text, str) for text in texts):
        return texts
    cumulative = all(low.startswith(high) for high, low in pairwise(texts))
    return texts[-1] if len(texts) > 1 and cumulative else [texts]
