"""A file cut into blocks of whole lines, in bounded memory whatever stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from shelfwise.catalog.reading.byte_stream import (
    MAX_RECORD_BYTES,
    Block,
    DamagedFileError,
    RawRecord,
    RecordError,
    too_long,
)

BLOCK_BYTES = 4 << 20
"""What is read, checked and passed between processes at once.

Enough to be fast, little enough to need no memory to speak of.
"""

KEPT_BYTES = 64 << 10
"""Of a record that is too long, for the quarantine."""

# bytes that stay in the processor's cache while they are counted
_BYTES_COUNTED = 1 << 17

_BREAK = ord("\n")


def last_break(data: bytes) -> int:
    """Where the last whole line of `data` ends; 0 where there is none."""
    return data.rfind(b"\n") + 1


def count_breaks(data: bytes) -> int:
    """The number of line breaks; four times as fast as ``data.count``."""
    letters = np.frombuffer(data, np.uint8)
    count = 0
    for begin in range(0, len(letters), _BYTES_COUNTED):
        part = letters[begin : begin + _BYTES_COUNTED]
        count += int(np.count_nonzero(part == _BREAK))
    return count


def cut_blocks(
    chunks: Iterable[bytes],
    after: RawRecord | None = None,
    cut: Callable[[bytes], int] = last_break,
) -> Iterator[Block]:
    """The file behind the piece `after` (its header) as blocks of some megabytes, whole lines each.

    What follows the last whole line of a damaged file is a faulty block of its own, even if empty. So is a
    line that is longer than a record may be; only its beginning is kept.

    Args:
        cut: where a piece of the file had best be cut, so that no record spans two blocks: behind a line
            break, or 0 for nowhere.
    """
    cutter = _Cutter(cut)
    to_skip = 0
    if after is not None:
        # names in quotes may break over several lines
        cutter.line = after.line + max(after.raw.count(b"\n"), 1)
        cutter.offset = after.offset + len(after.raw)
        # the header may reach over several chunks
        to_skip = cutter.offset
    fault = None
    try:
        for chunk in chunks:
            kept = chunk[to_skip:]
            to_skip = max(to_skip - len(chunk), 0)
            yield from cutter.add(kept)
    except DamagedFileError as error:
        fault = error.fault
    yield from cutter.finish(fault)


@dataclass
class _Cutter:
    """What is held of a file between two blocks.

    Args:
        cut: as :func:`cut_blocks` takes it.
        line: of the next block.
        offset: of the next block.
        held: its bytes so far.
        size: how many these are.
        long_line: the block of a line that is too long, while its end has not been seen.
    """

    cut: Callable[[bytes], int]
    line: int = 1
    offset: int = 0
    held: list[bytes] = field(default_factory=list)
    size: int = 0
    long_line: Block | None = None

    def add(self, chunk: bytes) -> Iterator[Block]:
        """The blocks that are complete with `chunk`."""
        if self.long_line is not None:
            end = chunk.find(b"\n") + 1
            self._lengthen(chunk[:end] if end else chunk)
            if not end:
                return
            yield from self._end_long_line()
            chunk = chunk[end:]
        self.size += len(chunk)
        # only a block that is full is searched for a place to cut
        end = self.cut(chunk) if self.size >= BLOCK_BYTES else 0
        if end:
            self.held.append(chunk[:end])
            yield self._block(b"".join(self.held))
            # what follows the cut begins the next block
            chunk = chunk[end:]
            self.held = []
            self.size = len(chunk)
        self.held.append(chunk)
        if self.size > MAX_RECORD_BYTES:
            yield from self._begin_long_line()

    def finish(self, fault: RecordError | None) -> Iterator[Block]:
        """The blocks of what is left at the end of the file, or where it breaks off with a `fault`."""
        if self.long_line is not None:
            yield from self._end_long_line()
        data = b"".join(self.held)
        # a whole file may end without a line break, a damaged one breaks off within its last line
        end = last_break(data) if fault else len(data)
        if end:
            yield self._block(data[:end])
        if fault:
            yield Block(self.line, self.offset, data[end:], fault)

    def _block(self, data: bytes) -> Block:
        """The next block."""
        block = Block(self.line, self.offset, data)
        self.line += count_breaks(data)
        self.offset += len(data)
        return block

    def _begin_long_line(self) -> Iterator[Block]:
        """The lines before the last one, which is too long if what is left is still too much."""
        data = b"".join(self.held)
        end = last_break(data)
        if end:
            yield self._block(data[:end])
        rest = data[end:]
        self.held = [rest]
        self.size = len(rest)
        if self.size > MAX_RECORD_BYTES:
            # its beginning is kept for the quarantine, the rest only counted
            skipped = self.size - KEPT_BYTES
            self.long_line = Block(self.line, self.offset, rest[:KEPT_BYTES], skipped=skipped)
            self.offset += self.size
            self.held = []
            self.size = 0

    def _lengthen(self, more: bytes) -> None:
        """Count bytes of the line that is too long."""
        assert self.long_line is not None
        self.long_line = replace(self.long_line, skipped=self.long_line.skipped + len(more))
        self.offset += len(more)

    def _end_long_line(self) -> Iterator[Block]:
        """The line that is too long, as a faulty block."""
        if self.long_line is not None:
            length = len(self.long_line.data) + self.long_line.skipped
            yield replace(self.long_line, fault=too_long(length))
            self.line += 1
            self.long_line = None
