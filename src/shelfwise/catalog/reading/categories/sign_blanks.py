"""A sign that stands with blanks around it and without: one may separate, and the other be part of names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shelfwise.catalog.reading.categories.free_places import (
    CLEARLY_BOUND,
    CLEARLY_FREE,
    MIN_PLACES,
    free_places,
    names_beside,
)

_FEW = 0.5


def with_its_blanks(values: Sequence[str], sign: str) -> str:
    """The sign with its blanks, where these separate levels, and names hold it without; else the sign.

    >>> with_its_blanks(["A / TV/Audio / Sets", "A / TV/Audio / Radios", "A / Rugs", "B / Leads"], "/")
    ' / '
    """
    spaced = f" {sign} "
    if not any(spaced in value for value in values):
        return sign
    outer = [value.split(spaced) for value in values]
    inner = _cut_bare(values, sign, spaced)
    separates = _separates(outer) or _stands_in_most(spaced, sign, values)
    return spaced if separates and _belongs_to_names(inner) else sign


def told_blanks(values: Sequence[str], sign: str) -> str | None:
    """What a user is told where a sign separates levels, and names hold it with blanks (``A/TV / Audio/B``).

    >>> told_blanks(["Home/TV / Audio/Sets", "Home/TV / Audio/Radios", "Home/TV / Audio/Amps"], "/") is None
    False
    """
    spaced = f" {sign} "
    holding = [value for value in values if spaced in value]
    if not holding or not any(_bare(sign).search(value) for value in values):
        return None
    pieces = [value.split(spaced) for value in values]
    if not _belongs_to_names(list(names_beside(pieces, sign))):
        return None
    return (
        f"{spaced!r} with its blanks may be part of names, as in {holding[0]!r}; it separates levels, too: "
        "write such names without the sign"
    )


def _cut_bare(values: Sequence[str], sign: str, spaced: str) -> list[list[str]]:
    """The names beside a sign that has no blanks around it."""
    return list(names_beside([_bare(sign).split(value) for value in values], spaced))


def _bare(sign: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=\S){re.escape(sign)}(?=\S)")


def _separates(pieces: Sequence[Sequence[str]]) -> bool:
    places, free = free_places(pieces)
    return places >= MIN_PLACES and free >= CLEARLY_FREE * places


def _stands_in_most(spaced: str, sign: str, values: Sequence[str]) -> bool:
    """Whether a sign has blanks in all values that hold it, and none in few, as names do."""
    holding = [value for value in values if sign in value]
    bare = sum(_bare(sign).search(value) is not None for value in holding)
    return all(spaced in value for value in holding) and bare < _FEW * len(holding)


def _belongs_to_names(pieces: Sequence[Sequence[str]]) -> bool:
    places, free = free_places(pieces)
    return places > 0 and free <= CLEARLY_BOUND * places
