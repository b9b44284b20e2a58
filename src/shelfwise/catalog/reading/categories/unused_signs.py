"""Signs that a reading of categories leaves inside names, though the column says that they separate, too."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

LEFT_SIGNS = (
    *("//", "||", ";;", "/", "|", ";", ",", "\\", "^", "~", "#", "::", ":", " - "),
    *(" \N{EN DASH} ", " \N{EM DASH} ", " \N{MIDDLE DOT} ", " \N{BULLET} "),
    *(" + ", "+", " & ", ">", ".", "\n", "\t"),
)
"""Signs that may be left in names, longer ones first, as they contain shorter ones."""

ENOUGH_NAMES = 2
"""Distinct names that have to hold a sign before it is asked about."""

ALONE = 0.6
"""From this share on of names whose parts are names as well, a sign is asked about."""

MOST = 0.5
"""A sign in this share of the distinct names is asked about where its parts come and go."""

MANY = 0.2
"""A sign in this share of the distinct names is asked about where half of the parts are names."""

MANY_NAMES = 6
"""Distinct names below which parts that come and go say little."""

PLUS = frozenset((" + ", "+"))
"""Signs of which it is enough that their parts come and go, as hardly a name has one."""

WORDS = frozenset((" & ", *PLUS))
"""Signs that join words of names, so parts that come and go say nothing (Home & Garden, Home & Kitchen)."""

_BETWEEN = re.compile(r"(?<=\w)(\s?)([^\w\s]+)\1(?=\w)")
"""Signs between names, with a blank on both sides or on none."""

_QUOTES = frozenset({"Pi", "Pf"})
"""Kinds of characters that stand within words as apostrophes."""

_NUMBERING = re.compile(r"^\d+(?:\.\d+)*\.?\s+")
"""In front of names that are counted, ``1.2 Mugs``, whose dots separate nothing."""

_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True)
class SignLeft:
    """A sign that separates, and whether what it separates are labels by themselves, or levels."""

    sign: str
    joins_labels: bool


def sign_left(names: Iterable[str]) -> SignLeft | None:
    """A sign in `names` that separates, by the names themselves; None where none does.

    Either the parts beside it are names as well (``Mugs^Gifts``, ``Mugs`` and ``Gifts``), or most names hold
    it and share their parts (``Home:Kitchen:Mugs``, ``Home:Kitchen:Kettles``, ``Home:Garden``).

    >>> sign_left(["Mugs", "Gifts", "Toys", "Lamps", "Mugs^Gifts", "Mugs^Toys", "Lamps^Gifts"])
    SignLeft(sign='^', joins_labels=True)
    >>> sign_left(["Home & Kitchen", "Home & Garden", "Kitchen", "TV/Audio"]) is None
    True
    """
    distinct = {name.strip() for name in names}
    bare = {_NUMBERING.sub("", name) for name in distinct}
    # a name with a number of its own is counted; 1. and 2. before the same one are counted anew in each list
    distinct = bare if len(bare) == len(distinct) else distinct
    for sign in (*LEFT_SIGNS, *_further_signs(distinct)):
        holding = [name for name in distinct if sign in name.strip(sign)]
        if len(holding) < ENOUGH_NAMES:
            continue
        parts = [[part.strip() for part in name.split(sign)] for name in holding]
        # en:biscuits says a language, and no level
        if all(_LANGUAGE.fullmatch(one[0]) for one in parts):
            continue
        joins_labels = _joins_labels(sign, parts, distinct)
        if joins_labels is not None:
            return SignLeft(sign, joins_labels)
    return None


def _joins_labels(sign: str, parts: list[list[str]], names: set[str]) -> bool | None:
    """Whether a sign stands between labels, or between levels; None where it separates nothing.

    Args:
        parts: of each name that holds the sign, what stands beside it.
        names: all of them, each once.
    """
    # of each name with the sign, the share of its parts that are names as well
    whole_names = [sum(part in names for part in one) / len(one) for one in parts]
    if _share(share == 1 for share in whole_names) >= ALONE:
        return True
    if sign in PLUS and _share(map(all, _free(parts, names))) >= ALONE:
        return True
    # words are too usual inside of names, and few names may share parts by chance
    if sign in WORDS or len(names) < MANY_NAMES:
        return None
    spread = len(parts) / len(names)
    if spread >= MANY and _share(share >= MOST for share in whole_names) >= ALONE:
        return True
    if spread >= MOST and _shared(parts) >= ALONE:
        return False
    return None


def _further_signs(names: Collection[str]) -> list[str]:
    """Signs that no list foresees, which most names hold: several characters, or one beyond ASCII.

    >>> _further_signs(["Home--Mugs", "Home--Lamps", "Pets"]), _further_signs(["Men\u2019s hats"])
    (['--'], [])
    """
    counts: Counter[str] = Counter()
    for name in names:
        counts.update({blank + sign + blank for blank, sign in _BETWEEN.findall(name)})
    return [
        sign
        for sign, count in counts.items()
        if count >= MOST * len(names) and sign not in LEFT_SIGNS and _may_separate(sign.strip())
    ]


def _may_separate(sign: str) -> bool:
    kinds = [unicodedata.category(character) for character in sign]
    # marks above letters are no signs
    are_signs = all(kind[0] in "SP" and kind not in _QUOTES for kind in kinds)
    return are_signs and (len(sign) > 1 or not sign.isascii())


def _free(parts: Sequence[Sequence[str]], names: Collection[str]) -> list[list[bool]]:
    """Which parts of each name are names by themselves, or stand beside several others."""
    beside: dict[str, set[str]] = {}
    for one in parts:
        for part in one:
            beside.setdefault(part, set()).update(other for other in one if other != part)
    return [[part in names or len(beside[part]) > 1 for part in one] for one in parts]


def _share(marks: Iterable[bool]) -> float:
    """The share of true ones."""
    values = list(marks)
    return sum(values) / len(values)


def _shared(parts: Sequence[Sequence[str]]) -> float:
    """The share of names whose first part also begins another name with another continuation."""
    firsts: dict[str, set[tuple[str, ...]]] = {}
    for one in parts:
        firsts.setdefault(one[0], set()).add(tuple(one[1:]))
    return sum(len(firsts[one[0]]) > 1 for one in parts) / len(parts)
