"""Flat lists of categories, ``["Mugs", "Gifts"]``: one path by the rule, though they may be labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any

_MIN_PAIRS = 3
"""Neighbours in lists below which these say nothing."""

_MOSTLY = 0.5
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


def question_of_flat_lists(column: str, values: Iterable[Any], separator: str) -> str | None:
    """What a user is told where flat lists look like labels beside each other; None where they are paths.

    A level of a path has one name above it, mostly. What stands behind many names is a label.

    Args:
        values: of the first records that hold a list with an order, as
            :func:`~shelfwise.catalog.reading.objects.category_values.category_values`.
        separator: between the levels of written paths; lists with such are lists of paths.
    """
    flat = [one for one in values if _is_flat(one, separator)]
    pairs = [pair for one in flat for pair in pairwise(one)]
    above: defaultdict[str, set[str]] = defaultdict(set)
    for high, low in pairs:
        above[low].add(high)
    if pairs and all(map(_is_number, chain.from_iterable(flat))):
        # sizes and numbers of classes stand beside each other, ids of a tree below each other
        high, low = pairs[0]
        return (
            f"{column}: a list of numbers is one path, so {low!r} stands below {high!r}; if they are labels "
            f"beside each other, write a list of lists: [[{high}], [{low}]]"
        )
    below_several = [low for _, low in pairs if len(above[low]) > 1]
    if len(pairs) < _MIN_PAIRS or len(below_several) <= _MOSTLY * len(pairs):
        return None
    name = below_several[0]
    return (
        f"{column}: a list of names is one path, though {name!r} stands below {len(above[name])} names; if "
        'they are labels beside each other, write a list of lists: [["Mugs"], ["Gifts"]]'
    )


def _is_number(text: str) -> bool:
    """
    >>> _is_number("38.5"), _is_number("Mugs")
    (True, False)
    """
    return _NUMBER.fullmatch(text) is not None


def _is_flat(value: Any, separator: str) -> bool:
    """Whether a value is a list of names and no list of paths."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    texts = [item for item in value if isinstance(item, str)]
    written = bool(separator) and any(separator in text for text in texts)
    return len(texts) == len(value) and not written
