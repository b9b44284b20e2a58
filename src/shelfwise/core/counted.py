"""A number with its noun, as messages for people say it: ``1 product``, ``1,713 labels``."""

from __future__ import annotations

from collections.abc import Mapping


def counted(count: int, noun: str) -> str:
    """The number and the noun; ``s`` is added to the noun unless the number is 1.

    Args:
        count: how many there are.
        noun: what one of them is called; its plural must end in ``s``.

    >>> counted(1, "product"), counted(1713, "label"), counted(0, "file")
    ('1 product', '1,713 labels', '0 files')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def counted_kinds(counts: Mapping[str, int]) -> str:
    """How many there are of each kind, in the order of `counts`.

    >>> counted_kinds({"missing id": 1200, "not UTF-8": 1})
    'missing id: 1,200, not UTF-8: 1'
    """
    return ", ".join(f"{kind}: {count:,}" for kind, count in counts.items())
