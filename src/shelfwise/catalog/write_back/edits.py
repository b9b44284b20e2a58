"""Places of a text that are to be replaced, all others kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import AnyStr, Generic, NamedTuple


class Edit(NamedTuple, Generic[AnyStr]):
    """What stands from `start` to `stop` becomes `new`."""

    start: int
    stop: int
    new: AnyStr


def edited(text: AnyStr, edits: Iterable[Edit[AnyStr]]) -> AnyStr:
    """The text with all edits, which come in the order of their places and do not overlap.

    >>> edited("a mug, a pot", [Edit(2, 5, "cup"), Edit(12, 12, "!")])
    'a cup, a pot!'
    """
    parts: list[AnyStr] = []
    done = 0
    for edit in edits:
        parts += [text[done : edit.start], edit.new]
        done = edit.stop
    parts.append(text[done:])
    # of the same kind as the text
    return text[:0].join(parts)
