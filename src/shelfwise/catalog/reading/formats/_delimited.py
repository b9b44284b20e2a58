"""Rows of fields under a header, a block at once: Arrow reads the plain rows, the others are read slowly and exactly.

A row is plain when it stands on one line, keeps RFC 4180 to the letter, and has as many fields as the header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
from pyarrow import csv

from shelfwise.catalog.reading.arrow import Letters, consecutive_runs, one_chunk, positions, take_rows
from shelfwise.catalog.reading.byte_stream import (
    Block,
    RawRecord,
    RecordError,
    cut_blocks,
    last_break,
    read_chunks,
    split_lines,
)
from shelfwise.catalog.reading.file_format import FileFormat, ParsedBlock
from shelfwise.catalog.reading.quoting import gather_quoted, open_quote, scan_quotes
from shelfwise.catalog.reading.record_parsing import BOM, Record, decoded, split_row
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Bools, Int64Array
from shelfwise.errors import CatalogError

_MAX_PLAIN_BYTES = 100_000
"""Of a line; the csv module refuses fields of more than 131,072 letters."""

_MAX_BLOCK_BYTES = (1 << 31) - 1
"""As far as Arrow's offsets reach; a longer block, with a line of gigabytes in it, is read slowly."""

_LINES_TRIED = 64
_QUOTE = ord('"')
_BREAK = ord("\n")
_RETURN = ord("\r")
_SPACE = ord(" ")


@dataclass(frozen=True)
class DelimitedFormat(FileFormat):
    """Rows of fields under a header.

    Args:
        names: the header, C columns.
        delimiter: between fields, one ASCII character.
    """

    names: tuple[str, ...]
    delimiter: str

    bytes_on_disk: ClassVar[bool] = True
    delimiters: ClassVar[str]
    """Characters that may stand between fields: the one that the header has most of does."""

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The table under the first line that is not blank.

        Raises:
            CatalogError: the header cannot be read, or names a column twice.
        """
        header = next((line for line in split_lines(read_chunks(path)) if not line.blank), None)
        if header is None:
            return cls((), cls.delimiters[0]), iter(())
        table = cls.from_header(header, path)
        return table, cut_blocks(read_chunks(path, advance), header, table.last_whole_row)

    @classmethod
    def from_header(cls, header: RawRecord, path: Path) -> Self:
        """A table with the columns that `header`, a line of `path`, names.

        Raises:
            CatalogError: the header cannot be read, or names a column twice.
        """
        text, fault = decoded(header)
        delimiter = max(cls.delimiters, key=text.count)
        found = fault or split_row(text, delimiter)
        if isinstance(found, RecordError):
            raise CatalogError(f"the header of {path} (line {header.line}) cannot be read: {found.reason}")
        names = [name.strip() for name in found]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            shown = ", ".join(map(repr, repeated))
            raise CatalogError(
                f"the header of {path} names {shown} more than once; give every column its own name"
            )
        return cls(tuple(names), delimiter)

    def last_whole_row(self, data: bytes) -> int:
        """A good place to end a block: after a line that is a row by itself, so hardly within a quoted field."""
        last = last_break(data)
        if b'"' not in data:
            return last
        end = last
        for _ in range(_LINES_TRIED):
            begin = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            if begin == 0 or self._is_row(data[begin:end]):
                break
            end = begin
        return end or last

    def take_apart(self, block: Block) -> ParsedBlock:
        """Cut the plain rows into columns; lines that belong together are found in the order of the file."""
        lines = _Lines.from_block(block)
        plain = ~(_misquoted(lines, ord(self.delimiter)) | _doubtful(lines))
        rows = np.flatnonzero(plain)
        table, ragged = self._plain_columns(lines.bytes_of(rows))
        plain[rows[ragged]] = False
        rows = np.delete(rows, ragged)
        others, swallowed, rest = self._other_records(block, lines.spans, np.flatnonzero(~plain))
        # a plain row may turn out to be part of a quoted field that an earlier line opens
        plain[swallowed] = False
        table = take_rows(table, np.flatnonzero(plain[rows])).combine_chunks()
        columns = {name: one_chunk(table.column(j)) for j, name in enumerate(self.names)}
        return ParsedBlock(columns, lines.spans[plain], others, rest)

    def record(self, block: Block, span: Int64Array) -> Record:
        """One row, read exactly."""
        return self._parsed_row(block.piece(span))

    def _is_row(self, line: bytes) -> bool:
        """Whether a line has as many fields as the header, none of them open at its end."""
        return scan_quotes(line, self.delimiter.encode(), inside=False) == (len(self.names) - 1, False)

    def _parsed_row(self, piece: RawRecord) -> Record:
        text, fault = decoded(piece)
        fields = fault or split_row(text, self.delimiter)
        if isinstance(fields, RecordError):
            return piece, fields
        if len(fields) != len(self.names):
            found = f"the row has {len(fields)} columns"
            expected = f"expected {len(self.names)}, as the header has"
            return piece, RecordError("wrong number of columns", f"{found}; {expected}")
        return piece, dict(zip(self.names, fields, strict=True))

    def _plain_columns(self, lines: bytes) -> tuple[pa.Table, list[int]]:
        """The plain rows as columns of strings, without those that have another number of fields, and which these are."""
        # numbers instead of the header's names, so that an empty or odd name makes no difference
        names = [str(number) for number in range(len(self.names))]
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

    def _other_records(
        self, block: Block, spans: Int64Array, odd: Int64Array
    ) -> tuple[list[Record], list[int], int | None]:
        """The records that begin on the lines `odd`.

        Returns:
            The records; the lines they take; and where a record begins that the block does not end, or None.
        """
        records: list[Record] = []
        swallowed: list[int] = []
        resume = 0
        for i in odd.tolist():
            if i < resume:
                continue  # part of the record before
            first = block.piece(spans[i])
            following = map(block.piece, spans[i + 1 :])
            taken, closed = gather_quoted(first, following, self.delimiter.encode(), len(self.names))
            if closed is None and not block.last:
                swallowed.extend(range(i, len(spans)))
                return records, swallowed, int(spans[i, 1] - block.offset)
            resume = i + (len(taken) if closed else 1)
            swallowed.extend(range(i, resume))
            if not closed:
                records.append((first, open_quote()))
            elif len(taken) > 1 or not first.blank:
                raw = b"".join(piece.raw for piece in taken)
                records.append(self._parsed_row(RawRecord(first.line, first.offset, raw)))
        return records, swallowed, None


@dataclass(frozen=True)
class _Lines:
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
        data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
        letters = np.frombuffer(data, np.uint8)
        marks = positions(letters, _is_quote_or_break)
        ends = marks[letters[marks] == _BREAK]
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends + 1 - starts
        # a line break that was added above is none of the file's bytes
        lengths[-1] -= len(data) - len(block.data)
        numbers = block.line + np.arange(len(ends))
        spans = np.stack((numbers, block.offset + starts, lengths), axis=1)
        return cls(data, letters, marks, starts, ends, spans)

    def bytes_of(self, rows: Int64Array) -> bytes:
        """The bytes of some of the lines."""
        if len(rows) == len(self.starts):
            return self.data
        view = memoryview(self.data)
        return b"".join(
            view[self.starts[first] : self.ends[last] + 1] for first, last in consecutive_runs(rows)
        )


def _is_quote_or_break(letters: Letters) -> Bools:
    found: Bools = (letters == _QUOTE) | (letters == _BREAK)
    return found


def _misquoted(lines: _Lines, delimiter: int) -> Bools:
    """Which of K lines have quotes against RFC 4180 or an open one: (K,)."""
    kinds = lines.letters[lines.marks]
    quotes = kinds == _QUOTE
    breaks = kinds == _BREAK
    misquoted = np.zeros(np.count_nonzero(breaks), dtype=bool)
    if not quotes.any():
        return misquoted
    # a mark stands on the line that has as many breaks before it
    line = np.cumsum(breaks) - breaks
    # a mark is inside quotes when an odd number of quotes stand before it on its line
    quotes_before = np.cumsum(quotes) - quotes
    first_marks = np.concatenate(([0], np.flatnonzero(breaks)[:-1] + 1))
    inside = (quotes_before - quotes_before[first_marks][line]) % 2 == 1
    misquoted |= inside[breaks]
    # a quote that closes must stand before the end of a field, one that opens behind its beginning
    at = lines.marks[quotes]
    closing = inside[quotes]
    neighbour = lines.letters[np.where(closing, at + 1, np.maximum(at - 1, 0))]
    fits = (neighbour == delimiter) | (neighbour == _QUOTE) | (neighbour == _BREAK)
    fits |= closing & (neighbour == _RETURN)
    # the first byte of the block has nothing before it
    fits |= at == 0
    misquoted[line[quotes][~fits]] = True
    return misquoted


def _doubtful(lines: _Lines) -> Bools:
    """Which of K lines may be blank or unreadable, whatever their fields: (K,)."""
    letters = lines.letters
    first = letters[lines.starts]
    doubt: Bools = (first <= _SPACE) | (first == BOM[0])
    doubt |= lines.ends - lines.starts > _MAX_PLAIN_BYTES
    if b"\r" in lines.data:
        returns = np.flatnonzero(letters == _RETURN)
        # before a line break it belongs to the line ending
        alone = returns[letters[returns + 1] != _BREAK]
        doubt[np.searchsorted(lines.ends, alone)] = True
    if b"\0" in lines.data:
        doubt[np.searchsorted(lines.ends, np.flatnonzero(letters == 0))] = True
    if not _is_utf8(lines.data):
        # which of the other bytes are wrong is left to the slow way
        doubt[np.searchsorted(lines.ends, np.flatnonzero(letters > 127))] = True
    return doubt | (len(lines.data) > _MAX_BLOCK_BYTES)


def _is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8; Arrow checks that as it casts, faster than decoding them."""
    offsets = pa.py_buffer(np.array([0, len(data)]))
    whole = pa.BinaryArray.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(data)])
    try:
        whole.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True
