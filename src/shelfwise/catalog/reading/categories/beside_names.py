"""Names one behind the other: the levels of a path, or labels beside each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

MIN_PAIRS = 6
"""Neighbours below which they say nothing."""

_MIN_NAMES = 4
"""Names with another behind them, below which it may be chance that each has one only."""

_MOSTLY = 0.5

Row = tuple[str, ...]


@dataclass(frozen=True)
class BesideNames:
    """A name that stands behind several others.

    Args:
        name: the name.
        above: how many names it stands behind.
    """

    name: str
    above: int


def beside_names(rows: Iterable[Row] | Counter[Row]) -> BesideNames | None:
    """The commonest name behind several others, where the names look like labels; None for those of a tree.

    A level has one name above it, mostly, and a tree has more names on its second level than on its first.
    Labels have neither: ``Gifts`` stands behind many, and there are fewer such labels than others. A tree of
    few names crossed with many (Women > Shoes, Men > Shoes) grows all the same.

    Args:
        rows: the names of each product, in their order; or these, with how many products have each.

    >>> beside_names((name, "Gifts") for name in ("Mugs", "Lamps", "Rugs", "Pans", "Pots", "Caps"))
    BesideNames(name='Gifts', above=6)
    >>> beside_names([("Men", "Hats"), ("Women", "Hats"), ("Men", "Rings"), ("Women", "Rings")] * 2) is None
    True
    """
    above: defaultdict[str, set[str]] = defaultdict(set)
    firsts: set[str] = set()
    seconds: set[str] = set()
    lows: Counter[str] = Counter()
    # most rows come again, and each is looked at once
    for row, count in Counter(rows).items():
        names = [name for name in row if name]
        firsts.update(names[:1])
        seconds.update(names[1:2])
        for high, low in pairwise(names):
            # a level that repeats the one above says that there is none
            if high != low:
                above[low].add(high)
                lows[low] += count
    behind_several = [low for low in lows if len(above[low]) > 1]
    pairs = lows.total()
    if pairs < MIN_PAIRS or sum(lows[low] for low in behind_several) <= _MOSTLY * pairs:
        return None
    if len(seconds) >= len(firsts):
        return None
    name = max(behind_several, key=lambda low: len(above[low]))
    return BesideNames(name, len(above[name]))


def name_above_others(rows: Iterable[Row] | Counter[Row]) -> BesideNames | None:
    """The commonest name behind several others, where each name has one behind it; None elsewhere.

    So it is in paths from the last level up, and in no tree: there the first names have several behind them.

    Args:
        rows: as of :func:`beside_names`.

    >>> upwards = [("Mugs", "Kitchen"), ("Pots", "Kitchen"), ("Hats", "Clothes"), ("Caps", "Clothes")]
    >>> name_above_others(upwards), name_above_others(row[::-1] for row in upwards)
    (BesideNames(name='Kitchen', above=2), None)
    """
    behind: defaultdict[str, set[str]] = defaultdict(set)
    before: defaultdict[str, set[str]] = defaultdict(set)
    for row in Counter(rows):
        for name, next_name in pairwise(row):
            behind[name].add(next_name)
            before[next_name].add(name)
    if len(behind) < _MIN_NAMES or any(len(names) > 1 for names in behind.values()):
        return None
    firsts = behind.keys() - before.keys()
    lasts = before.keys() - behind.keys()
    # as many ends as beginnings tell nothing of the direction
    if len(lasts) >= len(firsts):
        return None
    name = max(before, key=lambda name: len(before[name]))
    return BesideNames(name, len(before[name]))


def told_beside(found: BesideNames) -> str:
    """What a user is told of paths that have such a name."""
    return (
        f"{found.name!r} stands below {found.above} names, as the level above others would in paths from the "
        "last level up; write paths from the first level down"
    )
