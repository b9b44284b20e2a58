"""What a user is told of names of categories that look as if they were written or cut in another way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

_ESCAPED = re.compile(r"%(?:[2-7][0-9A-Fa-f]|[C-F][0-9A-Fa-f]%)")
"""A character as addresses have it, ``%20``, but not ``100% 20 den``."""

_ADDRESS = re.compile(r"(?i)(?:https?:|www\.)")

_NUMBER = r"\d+(?:[.,]\d+)?"
_NUMBERED = re.compile(
    rf"(.*\w)\s*(?:[(\[{{]{_NUMBER}\s*%?[)\]}}]|[#|:@=~^]\s*{_NUMBER}\s*%?|\s{_NUMBER}\s*%)"
)
"""A name with a number behind it that is hardly part of it: how many products are in a category
(``Mugs (3)``), its id (``Mugs#7``), or how sure a program is of it (``Mugs 95%``).
"""

_BACKWARDS = re.compile(
    r"(?<=\w)\s*[<\N{LEFTWARDS ARROW}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}]\s*(?=\w)"
)
"""A sign that points from a category to the one above it."""

_MOST = 0.5
"""Share of the distinct names that look alike, from which on it is no chance."""

_CODE = re.compile(r"[A-Za-z]{1,3}[-_]?\d+")
"""Letters with a number, ``c4``, as databases call their categories."""

_SOME_NUMBERS = 0.2
"""Share of the names of all products that are numbers, from which on it is no chance; so of words."""

_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))
_FEW = 0.02
"""Share of the products up to which a bracket without its other half is a slip."""


def told_names(column: str, names: Counter[str], last: Collection[str]) -> list[str]:
    """A sentence for each kind of name that may be meant otherwise; mostly none.

    Args:
        column: that of the categories.
        names: how many of the first products have each.
        last: those that stand at the end of a path.
    """
    told = (
        _told_escaped(column, names),
        _told_addresses(column, names),
        _told_halves(column, names),
        _told_capitals(column, names),
        # the levels above may have none
        _told_numbers_behind(column, names) or _told_numbers_behind(column, last),
        _told_backwards(column, names),
        _told_numbers_among(column, names),
        _told_codes(column, names),
    )
    return [sentence for sentence in told if sentence is not None]


def _told_escaped(column: str, names: Collection[str]) -> str | None:
    """
    >>> _told_escaped("cat", ["Home%20%26%20Garden"]) is None, _told_escaped("cat", ["100% wool"]) is None
    (False, True)
    """
    found = next(filter(_ESCAPED.search, names), None)
    if found is None:
        return None
    return (
        f"{column}: {found!r} is written as addresses are, and its signs stay in the name; write the names "
        "as people read them"
    )


def _told_addresses(column: str, names: Collection[str]) -> str | None:
    """
    >>> _told_addresses("cat", ["https:", "shop.example", "Mugs"]) is None
    False
    """
    found = next(filter(_ADDRESS.match, names), None)
    if found is None:
        return None
    return (
        f"{column}: {found!r} is a name, though it looks like an address; write names of categories in its "
        "place"
    )


def _told_halves(column: str, names: Counter[str]) -> str | None:
    """Names with half a pair of brackets, as where a list was cut that is written in no known way.

    >>> _told_halves("cat", Counter({"Array(Mugs": 5, "Gifts)": 5, "Lamps (red)": 5})) is None
    False
    """
    halves = [name for name in names if any(name.count(a) != name.count(b) for a, b in _PAIRS)]
    if sum(names[name] for name in halves) <= _FEW * names.total():
        return None
    return (
        f"{column}: {halves[0]!r} has half a pair of brackets, as where a list is cut that is written in no "
        'known way; write lists as ["Mugs", "Gifts"]'
    )


def _told_capitals(column: str, names: Collection[str]) -> str | None:
    """
    >>> _told_capitals("cat", ["Mugs", "mugs"]) is None, _told_capitals("cat", ["Mugs", "Mug"]) is None
    (False, True)
    """
    by_letters: dict[str, str] = {}
    for name in names:
        other = by_letters.setdefault(name.casefold(), name)
        if other != name:
            return (
                f"{column}: {other!r} and {name!r} are two categories, though they differ in capitals only; "
                "write them alike if they are one"
            )
    return None


def _told_numbers_behind(column: str, names: Collection[str]) -> str | None:
    """
    >>> _told_numbers_behind("cat", ["Mugs (3)", "Mugs (4)", "Lamps"]) is None
    False
    >>> _told_numbers_behind("cat", ["Mugs", "Lamps", "Shoes (2)"]) is None
    True
    >>> [_told_numbers_behind("cat", [name]) is None for name in ("Mugs#7", "Mugs|7", "Mugs 95%", "Mugs 7")]
    [False, False, False, True]
    """
    numbered = {name: found[1] for name in names if (found := _NUMBERED.fullmatch(name))}
    # one category with two counts is two categories, even where most names have none
    comes_again = len(set(numbered.values())) < len(numbered)
    if not numbered or not (comes_again or len(numbered) >= _MOST * len(names)):
        return None
    return (
        f"{column}: {next(iter(numbered))!r} ends in a number, which is part of the name; write the names "
        "without it if it is a count, an id or a score"
    )


def _told_backwards(column: str, names: Collection[str]) -> str | None:
    """
    >>> _told_backwards("cat", ["Mugs < Kitchen", "Lamps < Home"]) is None
    False
    """
    found = [name for name in names if _BACKWARDS.search(name)]
    if not found or len(found) < _MOST * len(names):
        return None
    return (
        f"{column}: {found[0]!r} is one name, though it looks like a path from its last level up to its "
        "first; write paths from the first level down, as Home > Kitchen > Mugs"
    )


def _told_numbers_among(column: str, names: Counter[str]) -> str | None:
    """Numbers that are names beside words, as where ids stand in front of names (``5;#Mugs``).

    >>> _told_numbers_among("cat", Counter(["5", "Mugs", "7", "Lamps"])) is None
    False
    >>> _told_numbers_among("cat", Counter(["1280", "1560"])) is None
    True
    """
    numbers = [name for name in names if name.isdigit()]
    share = sum(names[name] for name in numbers) / max(names.total(), 1)
    if not _SOME_NUMBERS <= share <= 1 - _SOME_NUMBERS:
        return None
    return (
        f"{column}: {numbers[0]!r} is a name, though others are words; if the numbers are ids, leave them "
        "out"
    )


def _told_codes(column: str, names: Collection[str]) -> str | None:
    """
    >>> _told_codes("cat", ["c4", "c12"]) is None, _told_codes("cat", ["c4", "Mugs"]) is None
    (False, True)
    """
    if not names or not all(map(_CODE.fullmatch, names)):
        return None
    return (
        f"{column}: {next(iter(names))!r} is a code, as all categories are; if people have names for them, "
        "write these in their place"
    )
