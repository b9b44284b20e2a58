"""A number with its noun, as messages for people say it: ``1 product``, ``1,713 labels``."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """The number and the noun; ``s`` is added to the noun unless the number is 1.

    Args:
        count: how many there are.
        noun: what one of them is called; its plural must end in ``s``.

    >>> counted(1, "product"), counted(1713, "label"), counted(0, "file")
    ('1 product', '1,713 labels', '0 files')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
