"""Whether a sign separates names or is part of one: do the pieces beside it also occur without each other?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

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
    after: defaultdict[str, Counter[str]] = defaultdict(Counter)
    before: defaultdict[str, Counter[str]] = defaultdict(Counter)
    boundaries: Counter[tuple[str, str]] = Counter()
    for pieces in values:
        names = [piece.strip() for piece in pieces]
        # an empty neighbour stands for the end of the text
        for left, right in zip(["", *names], [*names, ""], strict=True):
            after[left][right] += 1
            before[right][left] += 1
            if left and right:
                boundaries[left, right] += 1
    free = 0
    for (left, right), count in boundaries.items():
        alone = len(after[left]) > 1 or len(before[right]) > 1
        free += count * alone
    return boundaries.total(), free


def counted(free: int, places: int) -> str:
    return f"in {free} of {places} places the pieces beside it also occur without each other"
