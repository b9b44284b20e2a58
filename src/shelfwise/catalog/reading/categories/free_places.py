"""Whether a sign separates names or is part of one: do the pieces beside it also occur without each other?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

CLEARLY_FREE = 0.6
"""From this share of free places on a sign separates."""

CLEARLY_BOUND = 0.25
"""Up to this share of free places a sign belongs to names."""

MIN_PLACES = 3
"""Places of a sign below which the column cannot tell; the sign is then taken for part of names."""


def names_beside(values: Iterable[Sequence[str]], separator: str) -> Iterator[list[str]]:
    """The names that stand directly beside a sign between paths; each other name ends a run of them.

    In ``A > Shoes, Boots > B`` these are Shoes and Boots. Whole paths would tell less: ``A > Shoes`` may end
    in several ways, and the comma be part of the name all the same.

    Args:
        values: the pieces of each text between the signs.
        separator: between levels; empty where there are none.
    """
    if not separator:
        yield from map(list, values)
        return
    for pieces in values:
        run: list[str] = []
        for piece in pieces:
            # "/Home/Mugs" has no name in front of its first sign
            names = [name for name in piece.split(separator) if name.strip()] or [""]
            run.append(names[0])
            # with further levels, the piece after it stands beside its last name only
            if len(names) > 1:
                yield run
                yield from ([name] for name in names[1:-1])
                run = [names[-1]]
        yield run


def free_places(values: Iterable[Sequence[str]]) -> tuple[int, int]:
    """How often two pieces stand beside a sign, and how often at least one of them also occurs without the
    other.

    Args:
        values: the pieces of each text, in their order.
    """
    # each pair is looked at once, as often as it may stand there
    pairs = Counter(chain.from_iterable(map(_neighbours, values)))
    behind = Counter(left for left, _ in pairs)
    before = Counter(right for _, right in pairs)
    inside = {pair: count for pair, count in pairs.items() if all(pair)}
    free = sum(
        count for (left, right), count in inside.items() if behind[left] > 1 or before[right] > 1
    )
    return sum(inside.values()), free


def _neighbours(pieces: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The pieces of a text two by two; an empty one stands for its beginning and its end."""
    names = [piece.strip() for piece in pieces]
    return pairwise(["", *names, ""])


def counted(free: int, places: int) -> str:
    return f"in {free} of {places} places the pieces beside it also occur without each other"
