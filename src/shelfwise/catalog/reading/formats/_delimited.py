"""CSV and TSV, a block at once: Arrow reads the plain rows; any other row is read slowly and exactly.

A row is plain when it stands on one line, keeps RFC 4180 to the letter, and has as many fields as the header.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from shelfwise.catalog.reading.arrow import only, places, rows_of, stretches
from shelfwise.catalog.reading.blocks import ParsedBlock
from shelfwise.catalog.reading.byte_stream import (
    Block,
    RawRecord,
    RecordError,
    gather_quoted,
    last_break,
    open_quote,
    scan_quotes,
)
from shelfwise.catalog.reading.record_parsing import BOM, Record, decoded, split_row

_LONGEST_PLAIN = 100_000
"""Bytes; the csv module refuses fields of more than 131,072 letters."""

_LONGEST_BLOCK = (1 << 31) - 1
"""Bytes that Arrow's offsets reach; a longer block, with a line of gigabytes in it, is read slowly."""

_TRIED = 64
_QUOTE, _BREAK, _RETURN = ord('"'), ord("\n"), ord("\r")


@dataclass(frozen=True)
class DelimitedFormat:
    """Rows of fields under a header.

    Args:
        names: the header, C columns.
        delimiter: between fields, one ASCII character.
    """

    names: tuple[str, ...]
    delimiter: str

    def whole(self, data: bytes) -> int:
        """A good place to end a block: after a line that is a row by itself, so hardly within a quoted field."""
        end = last = last_break(data)
        for _ in range(_TRIED if b'"' in data else 0):
            begin = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            if begin == 0 or scan_quotes(data[begin:end], self.delimiter.encode(), inside=False) == (
                len(self.names) - 1,
                False,
            ):
                break
            end = begin
        return end or last

    def take_apart(self, block: Block) -> ParsedBlock:
        """Cut the plain rows into columns; lines that belong together are found in the order of the file."""
        data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
        letters = np.frombuffer(data, np.uint8)
        marks = places(letters, lambda piece: (piece == _QUOTE) | (piece == _BREAK))
        ends = marks[letters[marks] == _BREAK]
        starts = np.concatenate(([0], ends[:-1] + 1))
        spans = np.stack(
            (block.line + np.arange(len(ends)), block.offset + starts, ends + 1 - starts), axis=1
        )
        spans[-1, 2] -= len(data) - len(block.data)
        plain = ~(_misquoted(letters, marks, ord(self.delimiter)) | _doubtful(data, letters, starts, ends))
        rows = np.flatnonzero(plain)
        table, ragged = self._parsed(_lines(data, starts, ends, rows))
        plain[rows[ragged]] = False
        rows = np.delete(rows, ragged)
        others, swallowed, rest = self._others(block, spans, np.flatnonzero(~plain))
        plain[swallowed] = False
        table = rows_of(table, np.flatnonzero(plain[rows])).combine_chunks()
        columns = {name: only(table.column(j)) for j, name in enumerate(self.names)}
        return ParsedBlock(columns, spans[plain], others, rest)

    def record(self, block: Block, span: NDArray[np.int64]) -> Record:
        """One row, read exactly."""
        return self._read(block.piece(span))

    def _read(self, piece: RawRecord) -> Record:
        text, fault = decoded(piece)
        row = fault or split_row(text, self.delimiter)
        if isinstance(row, list) and len(row) != len(self.names):
            row = RecordError(
                "wrong number of columns",
                f"the row has {len(row)} columns; expected {len(self.names)}, as the header has",
            )
        return piece, row if isinstance(row, RecordError) else dict(zip(self.names, row, strict=True))

    def _parsed(self, lines: bytes) -> tuple[pa.Table, list[int]]:
        """The plain rows as columns of strings, but for those with another number of fields, and which these are."""
        names = list(map(str, range(len(self.names))))
        ragged: list[int] = []

        def skip(row: csv.InvalidRow) -> str:
            ragged.append(row.number - 1)
            return "skip"

        if not lines:
            return pa.table({name: pa.array([], pa.string()) for name in names}), ragged
        table = csv.read_csv(
            pa.BufferReader(lines),
            csv.ReadOptions(use_threads=False, column_names=names),
            csv.ParseOptions(delimiter=self.delimiter, invalid_row_handler=skip),
            csv.ConvertOptions(check_utf8=False, column_types=dict.fromkeys(names, pa.string())),
        )
        return table, ragged

    def _others(
        self, block: Block, spans: NDArray[np.int64], odd: NDArray[np.int64]
    ) -> tuple[list[Record], list[int], int | None]:
        """The records that begin on the lines `odd`, the further lines they take, and where one begins that the block does not end."""
        others: list[Record] = []
        swallowed: list[int] = []
        resume = 0
        for i in odd.tolist():
            if i < resume:
                continue
            first = block.piece(spans[i])
            taken, closed = gather_quoted(
                first, map(block.piece, spans[i + 1 :]), self.delimiter.encode(), len(self.names)
            )
            if closed is None and not block.last:
                swallowed.extend(range(i, len(spans)))
                return others, swallowed, int(spans[i, 1] - block.offset)
            resume = i + (len(taken) if closed else 1)
            swallowed.extend(range(i, resume))
            if not closed:
                others.append((first, open_quote()))
            elif len(taken) > 1 or not first.blank:
                others.append(self._read(RawRecord(first.line, first.offset, b"".join(p.raw for p in taken))))
        return others, swallowed, None


def _misquoted(letters: NDArray[np.uint8], marks: NDArray[np.int64], delimiter: int) -> NDArray[np.bool_]:
    """Which of K lines have quotes against RFC 4180 or an open one: (K,).

    Args:
        marks: where quotes and line breaks stand.
    """
    kinds = letters[marks]
    quotes, breaks = kinds == _QUOTE, kinds == _BREAK
    odd = np.zeros(np.count_nonzero(breaks), dtype=bool)
    if not quotes.any():
        return odd
    line = np.cumsum(breaks) - breaks
    before = np.cumsum(quotes) - quotes
    first = np.concatenate(([0], np.flatnonzero(breaks)[:-1] + 1))
    inside = (before - before[first][line]) % 2 == 1
    odd |= inside[breaks]
    at, closing = marks[quotes], inside[quotes]
    beside = letters[
        np.where(closing, at + 1, np.maximum(at - 1, 0))
    ]  # a quote closes before, or opens after, the end of a field
    fits = (
        (beside == delimiter)
        | (beside == _QUOTE)
        | (beside == _BREAK)
        | (closing & (beside == _RETURN))
        | (at == 0)
    )
    odd[line[quotes][~fits]] = True
    return odd


def _lines(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.int64]) -> bytes:
    """The bytes of some of the lines, given where all of them start and end."""
    if len(rows) == len(starts):
        return data
    view = memoryview(data)
    return b"".join(view[starts[first] : ends[last] + 1] for first, last in stretches(rows))


def _doubtful(
    data: bytes, letters: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of K lines may be blank or unreadable, whatever their fields: (K,)."""
    first = letters[starts]
    doubt: NDArray[np.bool_] = (first <= 32) | (first == BOM[0]) | (ends - starts > _LONGEST_PLAIN)
    if b"\r" in data:
        returns = np.flatnonzero(letters == _RETURN)
        doubt[np.searchsorted(ends, returns[letters[returns + 1] != _BREAK])] = True
    if b"\0" in data:
        doubt[np.searchsorted(ends, np.flatnonzero(letters == 0))] = True
    if not _is_utf8(data):
        doubt[np.searchsorted(ends, np.flatnonzero(letters > 127))] = True
    return doubt | (len(data) > _LONGEST_BLOCK)


def _is_utf8(data: bytes) -> bool:
    try:
        pa.BinaryArray.from_buffers(
            pa.large_binary(), 1, [None, pa.py_buffer(np.array([0, len(data)])), pa.py_buffer(data)]
        ).cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True
