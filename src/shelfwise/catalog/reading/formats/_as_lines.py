"""Records of other containers as JSON lines, so that they are checked and refused as JSON lines are.

The line is then the number of the record (blank ones counted), and the offset is one in these lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from shelfwise.catalog.reading.byte_stream import Block, DamagedFileError
from shelfwise.catalog.reading.streaming.block_cutting import cut_blocks

_LINES_BYTES = 1 << 20

BLANK = object()
"""Stands for a blank line, where a source has something that is no record."""


def blocks_of(records: Iterable[Any]) -> Iterator[Block]:
    """The records, one a line, as blocks of some megabytes."""
    return cut_blocks(_lines(records))


def _lines(records: Iterable[Any]) -> Iterator[bytes]:
    """The records as lines, about a megabyte together."""
    held: list[bytes] = []
    size = 0
    damage: DamagedFileError | None = None
    try:
        for record in records:
            line = _line(record)
            held.append(line)
            size += len(line)
            # a line at a time would cost more than what is done with it
            if size >= _LINES_BYTES:
                yield from _pieces(b"".join(held))
                held = []
                size = 0
    except DamagedFileError as error:
        damage = error
    # what was read before the damage counts
    if held:
        yield b"".join(held)
    if damage is not None:
        raise damage


def _pieces(lines: bytes) -> Iterator[bytes]:
    """As a file is read: a record that is too long is told by what comes before its end."""
    for start in range(0, len(lines), _LINES_BYTES):
        yield lines[start : start + _LINES_BYTES]


def _line(record: Any) -> bytes:
    if record is BLANK:
        return b"\n"
    try:
        return msgspec.json.encode(record) + b"\n"
    except (ValueError, OverflowError, TypeError, RecursionError):
        # halves of characters and very large numbers: the reader of lines says what is wrong with them
        return json.dumps(record, default=str).encode() + b"\n"
