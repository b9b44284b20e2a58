"""Lines of JSON in which a key stands twice, and the first value is not what a record may hold.

A fast decoder passes over the categories, which are read later. Of two values it keeps the last one, and
never looks at the first.
"""

from __future__ import annotations

import re

import msgspec

from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.formats._plain_lines import is_utf8
from shelfwise.core.types import Int64Array

# digits that Python takes for a number, and no more
_MAX_DIGITS = 4300

_HALF_CHARACTER = re.compile(rb"\\u[dD]")


def shadowing_lines(block: Block, spans: Int64Array, name: str) -> set[int]:
    """The numbers of lines that had better be read exactly.

    Args:
        spans: (N, 3) of all lines of the block.
        name: the key of a value that is not decoded at once.
    """
    key = msgspec.json.encode(name)
    data = block.data
    # nearly no block holds anything that a record may not, and asking is fast
    if not _may_be_unreadable(data, spans) or data.count(key) < 2:
        return set()
    # the spans are those of all lines
    lines = enumerate(data.split(b"\n"))
    return {number for number, line in lines if line.count(key) > 1}


def _may_be_unreadable(data: bytes, spans: Int64Array) -> bool:
    """Whether some value of a block may be one that exact reading refuses."""
    if bool((spans[:, 2] > _MAX_DIGITS).any()):
        return True
    return _HALF_CHARACTER.search(data) is not None or not is_utf8(data)
