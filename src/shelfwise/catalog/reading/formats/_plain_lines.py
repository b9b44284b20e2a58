"""Plain rows of a table: one line each, quoted as RFC 4180 has it, and readable; Arrow reads them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from pyarrow import csv

from shelfwise.catalog.reading.arrow import Letters, consecutive_runs, positions
from shelfwise.catalog.reading.byte_stream import Block, as_spans
from shelfwise.catalog.reading.record_parsing import BOM
from shelfwise.core.types import Bools, Int64Array

# of a line; the csv module refuses fields of more than 131,072 letters
_MAX_PLAIN_BYTES = 100_000

# as far as Arrow's offsets reach; a longer block, with a line of gigabytes in it, is read slowly
_MAX_BLOCK_BYTES = (1 << 31) - 1

_QUOTE = ord('"')
_BREAK = ord("\n")
_RETURN = ord("\r")
_SPACE = ord(" ")
_LAST_ASCII = 127


@dataclass(frozen=True)
class Lines:
    """The K physical lines of a block.

    Args:
        data: the bytes of the block, with a line break at the end.
        letters: the same bytes as numbers.
        marks: where quotes and line breaks stand.
        starts: (K,) where each line begins.
        ends: (K,) where the line break of each stands.
        spans: (K, 3); line, offset and length of each in the source.
    """

    data: bytes
    letters: Letters
    marks: Int64Array
    starts: Int64Array
    ends: Int64Array
    spans: Int64Array

    @classmethod
    def from_block(cls, block: Block) -> Self:
        """The lines of a block of text."""
        data = block.data
        if not data.endswith(b"\n"):
            data += b"\n"
        letters = np.frombuffer(data, np.uint8)
        marks = positions(letters, _is_quote_or_break)
        ends = marks[letters[marks] == _BREAK]
        # each line begins behind the end of the one before
        starts = np.zeros_like(ends)
        starts[1:] = ends[:-1] + 1
        lengths = ends + 1 - starts
        # a line break that was added above is none of the file's bytes
        lengths[-1] -= len(data) - len(block.data)
        numbers = block.line + np.arange(len(ends))
        spans = as_spans(numbers, block.offset + starts, lengths)
        return cls(data, letters, marks, starts, ends, spans)

    def plain(self, delimiter: str, quoted: bool = True) -> Bools:
        """Which lines look plain, whatever the number of their fields: (K,).

        Args:
            quoted: whether quotes have a meaning; else they are letters.
        """
        odd = _may_be_unreadable(self)
        if quoted:
            odd |= _misquoted(self, ord(delimiter))
        return ~odd

    def bytes_of(self, rows: Int64Array) -> bytes:
        """The bytes of some of the lines."""
        if len(rows) == len(self.starts):
            return self.data
        view = memoryview(self.data)
        parts = []
        for first, last in consecutive_runs(rows):
            # runs of lines are copied at once, as most lines follow each other
            begin = self.starts[first]
            end = self.ends[last] + 1
            parts.append(view[begin:end])
        return b"".join(parts)

    def lines_at(self, places: Int64Array) -> Int64Array:
        """On which line each of some bytes stands."""
        return np.searchsorted(self.ends, places)


def plain_columns(
    lines: bytes, columns: int, delimiter: str, quoted: bool
) -> tuple[pa.Table, list[int]]:
    """Plain lines as columns of strings, called ``0``, ``1`` and so on.

    Args:
        columns: how many fields a row should have.
        quoted: whether quotes around a field are not part of it.

    Returns:
        The table, and which of the lines are not in it, as they have another number of fields.
    """
    # numbers instead of the header's names, so that an empty or odd name makes no difference
    names = list(map(str, range(columns)))
    ragged: list[int] = []

    def skip(row: csv.InvalidRow) -> str:
        ragged.append(row.number - 1)
        return "skip"

    types = dict.fromkeys(names, pa.string())
    if not lines:
        # Arrow refuses to read nothing
        return pa.schema(types).empty_table(), ragged
    table = csv.read_csv(
        pa.BufferReader(lines),
        csv.ReadOptions(use_threads=False, column_names=names),
        csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            invalid_row_handler=skip,
        ),
        # the bytes were checked with all lines together
        csv.ConvertOptions(check_utf8=False, column_types=types),
    )
    return table, ragged


def _is_quote_or_break(letters: Letters) -> Bools:
    found: Bools = letters == _QUOTE
    found |= letters == _BREAK
    return found


def _misquoted(lines: Lines, delimiter: int) -> Bools:
    """Which of K lines have quotes against RFC 4180 or an open one: (K,)."""
    kinds = lines.letters[lines.marks]
    quotes = kinds == _QUOTE
    breaks = kinds == _BREAK
    misquoted = np.zeros(len(lines.ends), dtype=bool)
    if not quotes.any():
        return misquoted
    # a mark stands on the line that has as many breaks before it
    line = np.cumsum(breaks) - breaks
    # a mark is inside quotes when an odd number of quotes stand before it on its line
    quotes_before = np.cumsum(quotes) - quotes
    first_marks = np.zeros(len(lines.ends), dtype=np.int64)
    last_marks = np.flatnonzero(breaks)
    first_marks[1:] = last_marks[:-1] + 1
    before_line = quotes_before[first_marks]
    inside = (quotes_before - before_line[line]) % 2 == 1
    # a line that ends inside quotes
    misquoted |= inside[breaks]
    # a quote that closes must stand before the end of a field, one that opens behind its beginning
    closing = inside[quotes]
    fits = _quotes_fit(lines.letters, lines.marks[quotes], closing, delimiter)
    misquoted[line[quotes][~fits]] = True
    return misquoted


def _quotes_fit(
    letters: Letters,
    places: Int64Array,
    closing: Bools,
    delimiter: int,
) -> Bools:
    """Which of the quotes at Q places have an end of a field, or another quote, on their outer side: (Q,)."""
    behind = places + 1
    # the first byte of the block has nothing before it
    before = np.maximum(places - 1, 0)
    neighbour = letters[np.where(closing, behind, before)]
    fits: Bools = neighbour == delimiter
    fits |= neighbour == _QUOTE
    fits |= neighbour == _BREAK
    fits |= closing & (neighbour == _RETURN)
    fits |= places == 0
    return fits


def _may_be_unreadable(lines: Lines) -> Bools:
    """Which of K lines may be blank or unreadable, whatever their fields: (K,)."""
    letters = lines.letters
    first = letters[lines.starts]
    doubt: Bools = first <= _SPACE
    doubt |= first == BOM[0]
    doubt |= lines.ends - lines.starts > _MAX_PLAIN_BYTES
    # most blocks have none of what follows, and asking for bytes is fast
    if b"\r" in lines.data:
        returns = np.flatnonzero(letters == _RETURN)
        # before a line break it belongs to the line ending
        alone = letters[returns + 1] != _BREAK
        doubt[lines.lines_at(returns[alone])] = True
    if b"\0" in lines.data:
        nothing = np.flatnonzero(letters == 0)
        doubt[lines.lines_at(nothing)] = True
    if not is_utf8(lines.data):
        # which of the other bytes are wrong is left to the slow way
        beyond_ascii = np.flatnonzero(letters > _LAST_ASCII)
        doubt[lines.lines_at(beyond_ascii)] = True
    if len(lines.data) > _MAX_BLOCK_BYTES:
        doubt[:] = True
    return doubt


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8; Arrow checks that as it casts, faster than decoding them."""
    offsets = np.array([0, len(data)])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    whole = pa.BinaryArray.from_buffers(pa.large_binary(), 1, buffers)
    try:
        whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True
