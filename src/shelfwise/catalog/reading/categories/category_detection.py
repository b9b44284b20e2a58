"""How a column writes category paths as text: what stands between levels, and what between paths.

Shops write ``A > B | A > C``, ``A/B,A/C``, ``A, B`` and a dozen others, and the same signs occur inside names
(``Shoes, Boots & Sandals``). A sign separates where the pieces beside it are *free*: they also occur
without each other, elsewhere in the column. Inside a name they never do. Both counts come from the column
itself; where neither is clear, the caller is told so, with both readings, instead of a guess.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from shelfwise.catalog.reading.categories.beside_names import beside_names
from shelfwise.catalog.reading.categories.category_signs import (
    ESCAPE,
    CategorySigns,
    has_both_spacings,
    split_at,
)
from shelfwise.catalog.reading.categories.free_places import (
    CLEARLY_BOUND,
    CLEARLY_FREE,
    MIN_PLACES,
    counted,
    free_places,
    names_beside,
)
from shelfwise.catalog.reading.categories.sign_blanks import told_blanks, with_its_blanks
from shelfwise.catalog.reading.categories.sign_lists import (
    COMMAS,
    IN_NO_NAME,
    LEVEL_SIGNS,
    OTHER_LEVEL_SIGNS,
    PATH_SIGNS,
    PIPE,
)
from shelfwise.catalog.reading.categories.unused_signs import sign_left

SURELY_FREE = 0.9
"""The same for a comma beside levels: there both of its readings are common."""

MOSTLY = 0.5
"""A sign in this share of all texts separates where nothing else does: names hold one now and then only."""


@dataclass(frozen=True)
class Detection:
    """What a column's texts say about themselves.

    Args:
        signs: the most likely reading.
        other: a reading nearly as likely, or None where the evidence is clear.
        evidence: one sentence a sign, for people.
    """

    signs: CategorySigns
    other: CategorySigns | None
    evidence: tuple[str, ...]


def detect_signs(texts: Iterable[str], several_paths: bool = True) -> Detection:
    """Find what separates levels and paths in `texts`.

    Args:
        several_paths: whether a text may hold several paths.
    """
    values = [text.strip() for text in texts if text.strip()]
    evidence: list[str] = []
    separator, separates_levels = _level_sign(values, evidence)
    if not separator and several_paths and _are_levels(values, PIPE):
        evidence.append(_told_tree(PIPE))
        separator = PIPE
    signs = CategorySigns(separator)
    separates_paths = True
    if several_paths:
        signs, separates_paths = _path_sign(values, signs, evidence)
    other = None
    if not separates_paths:
        other = replace(signs, delimiter="", escaped=False, bare=False)
    elif not separates_levels:
        other = replace(signs, separator="")
    if (
        other is None
        and several_paths
        and separator.strip() in OTHER_LEVEL_SIGNS
        and not signs.delimiter
    ):
        other = _with_labels_beside(values, separator, evidence)
    if other is None and several_paths:
        other = _with_sign_left(values, signs, evidence)
    return Detection(signs, other, tuple(evidence))


def _level_sign(values: Sequence[str], evidence: list[str]) -> tuple[str, bool]:
    """The sign between levels, and whether the evidence is clear."""
    for sign in LEVEL_SIGNS:
        holding = [value for value in values if sign in value]
        if not _are_some(holding, values):
            continue
        spaced = f" {sign} "
        # "A > B" is cut at the sign with its blanks, so that a bare one in a name stays
        always_spaced = all(value.count(sign) == value.count(spaced) for value in holding)
        evidence.append(
            f"{sign!r} separates levels: it is in {len(holding)} of {len(values)} values"
        )
        return (spaced if always_spaced else sign), True
    # the one between levels is in most values, and others in some names
    for sign in _commonest_first(values, _signs_in(values, OTHER_LEVEL_SIGNS)):
        sign = with_its_blanks(values, sign)
        places, free = free_places([value.split(sign) for value in values])
        if not places:
            continue
        share = free / places
        holding = [value for value in values if sign in value]
        mostly = len(holding) >= MOSTLY * len(values)
        deep = sum(value.count(sign) > 1 for value in holding) >= SURELY_FREE * len(holding)
        # names that lie below each other, three deep, are a tree, however few products stand in it
        if share < CLEARLY_FREE and mostly and deep and _are_levels(values, sign):
            evidence.append(_told_tree(sign))
            return sign, True
        if places < MIN_PLACES or share <= CLEARLY_BOUND:
            evidence.append(_told_bound(sign, free, places, "category_separator"))
            continue
        clear = share >= CLEARLY_FREE or (sign in IN_NO_NAME and mostly)
        verb = "separates levels" if clear else "may separate levels, or be part of names"
        evidence.append(f"{sign!r} {verb}: {counted(free, places)}")
        blanks = told_blanks(values, sign)
        if blanks is not None:
            evidence.append(blanks)
        return sign, clear
    return "", True


def _signs_in(values: Sequence[str], signs: Iterable[str]) -> list[str]:
    """Those of some signs that stand in any value; mostly few do, and counting their places is slow."""
    return [sign for sign in signs if any(sign in value for value in values)]


def _commonest_first(values: Sequence[str], signs: Iterable[str]) -> list[str]:
    return sorted(signs, key=lambda sign: -sum(sign in value for value in values))


def _are_some(holding: Sequence[str], values: Sequence[str]) -> bool:
    """Whether texts with a sign are too many to be names; a few among thousands are (Age > 3)."""
    return bool(holding) and len(holding) * 20 >= len(values)


def mixed_level_sign(texts: Iterable[str], separator: str) -> str | None:
    """Another sign between levels, in texts without the one that was found; None where there is none.

    >>> mixed_level_sign(["A > B", "A \N{RIGHTWARDS ARROW} C"], " > ")
    '\N{RIGHTWARDS ARROW}'
    """
    if separator.strip() not in LEVEL_SIGNS:
        return None
    values = [text for text in texts if text.strip()]
    others = [value for value in values if separator not in value]
    found = (sign for sign in LEVEL_SIGNS if any(sign in value for value in others))
    return next(
        (sign for sign in found if _are_some([v for v in others if sign in v], values)), None
    )


def _with_labels_beside(
    values: Iterable[str], sign: str, evidence: list[str]
) -> CategorySigns | None:
    """The reading of ``Mugs / Gifts`` as two labels, where names are not those of levels; None elsewhere."""
    beside = beside_names(tuple(map(str.strip, value.split(sign))) for value in values)
    if beside is None:
        return None
    evidence.append(f"{beside.name!r} stands behind {beside.above} names, as labels do")
    return CategorySigns(delimiter=sign)


def _told_bound(sign: str, free: int, places: int, setting: str) -> str:
    """That a sign is taken for part of names; and where it stands too seldom to tell, what to write else."""
    told = f"{sign!r} is part of names: {counted(free, places)}"
    if places >= MIN_PLACES:
        return told
    written = json.dumps(sign, ensure_ascii=False)
    return f"{told}, too few to tell; if it separates, write under [catalog]: {setting} = {written}"


def _told_tree(sign: str) -> str:
    return f"{sign!r} separates levels: each name behind it has one above, and begins no value"


def _path_sign(
    values: Sequence[str], signs: CategorySigns, evidence: list[str]
) -> tuple[CategorySigns, bool]:
    """`signs` with the sign between paths, and whether the evidence is clear."""
    undecided: CategorySigns | None = None
    for sign in _signs_in(values, PATH_SIGNS):
        if sign == signs.separator.strip():
            continue
        escaped = any(ESCAPE + sign in value for value in values)
        candidate = replace(
            signs, delimiter=sign, escaped=escaped, bare=has_both_spacings(values, sign)
        )
        pieces = [split_at(value, sign, escaped, candidate.bare) for value in values]
        if _end_in(values, sign):
            evidence.append(f"{sign!r} separates paths: most values end in it")
            return candidate, True
        places, free = free_places(names_beside(pieces, signs.separator))
        if not places:
            continue
        if escaped:
            # whoever escapes the sign in names separates with it
            evidence.append(f"{sign!r} separates paths: names escape it with a backslash")
            return candidate, True
        share = free / places
        holding = sum(len(parts) > 1 for parts in pieces)
        distinct = set(values)
        # one name that most products have is no list, however many these are
        mostly = min(
            holding / len(values), sum(sign in value for value in distinct) / len(distinct)
        )
        if places >= MIN_PLACES and not signs.separator and mostly >= MOSTLY:
            # fixed chains (Snacks, Sweet snacks, Biscuits) never come apart, so counting places cannot tell
            evidence.append(
                f"{sign!r} separates labels: it is in {holding} of {len(values)} values"
            )
            return candidate, True
        # as the usual A > B|C has it
        is_usual = sign == PIPE and signs.separator.strip() == ">"
        comes_apart = free or is_usual or _are_whole_values(values, pieces)
        if places < MIN_PLACES and sign not in COMMAS and comes_apart:
            evidence.append(f"{sign!r} separates paths, and is hardly part of a name")
            return candidate, True
        if places < MIN_PLACES or share <= CLEARLY_BOUND:
            evidence.append(_told_bound(sign, free, places, "category_delimiter"))
            continue
        needed = SURELY_FREE if sign == "," and signs.separator else CLEARLY_FREE
        if share >= needed or is_usual:
            evidence.append(f"{sign!r} separates paths: {counted(free, places)}")
            return candidate, True
        evidence.append(
            f"{sign!r} may separate paths, or be part of names: {counted(free, places)}"
        )
        undecided = undecided or candidate
    return (undecided, False) if undecided else (signs, True)


def _end_in(values: Sequence[str], sign: str) -> bool:
    """Whether most values end in a sign, which then stands behind each path."""
    ending = sum(value.endswith(sign) for value in values)
    return len(values) >= MIN_PLACES and ending >= MOSTLY * len(values)


def _are_whole_values(values: Collection[str], pieces: Iterable[Sequence[str]]) -> bool:
    """Whether of each value that a sign cuts the first piece is another value by itself."""
    alone = set(values)
    firsts = [parts[0].strip() for parts in pieces if len(parts) > 1]
    return bool(firsts) and all(first in alone for first in firsts)


def _are_levels(values: Iterable[str], sign: str) -> bool:
    """Whether what a sign separates lies below each other, as in ``Home|Kitchen|Mugs``.

    Then a name has one name above it, is never the first, and shares the one above with others.
    """
    above: defaultdict[str, set[str]] = defaultdict(set)
    below: defaultdict[str, set[str]] = defaultdict(set)
    firsts: set[str] = set()
    for value in values:
        names = [name.strip() for name in value.split(sign)]
        firsts.add(names[0])
        for high, low in pairwise(names):
            above[low].add(high)
            below[high].add(low)
    if len(above) < MIN_PLACES:
        return False
    # labels beside each other stand in any order, so most of them are first somewhere
    fitting = [name for name, highs in above.items() if len(highs) == 1 and name not in firsts]
    shared = any(len(lows) > 1 for lows in below.values())
    return shared and len(fitting) >= SURELY_FREE * len(above)


def _with_sign_left(
    values: Iterable[str], signs: CategorySigns, evidence: list[str]
) -> CategorySigns | None:
    """The reading that uses a sign which `signs` leaves inside names; None where none is left."""
    paths = (path for value in set(values) for path in signs.paths(value))
    left = sign_left(chain.from_iterable(paths))
    if left is None:
        return None
    evidence.append(f"{left.sign!r} is left inside names, and may separate, too")
    if not signs.separator and not left.joins_labels:
        return replace(signs, separator=left.sign)
    if not signs.separator and signs.delimiter:
        # what was taken for the sign between paths may be the one between levels
        return CategorySigns(signs.delimiter, left.sign)
    return replace(signs, delimiter=left.sign, escaped=False, bare=False)
