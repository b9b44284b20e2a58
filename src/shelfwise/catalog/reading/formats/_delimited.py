"""Rows of fields under a header, a block at once: Arrow reads the plain rows, the others are read one by one.

A row is plain when it stands on one line, keeps RFC 4180 to the letter, and has as many fields as the header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.arrow import is_true, one_chunk, take_rows
from shelfwise.catalog.reading.byte_stream import (
    Block,
    RawRecord,
    RecordError,
    read_chunks,
    split_lines,
)
from shelfwise.catalog.reading.columns.column_mapping import on_one_line
from shelfwise.catalog.reading.file_format import FileFormat, ParsedBlock
from shelfwise.catalog.reading.formats._column_names import distinct_names, refuse_other_header
from shelfwise.catalog.reading.formats._header_line import (
    excel_delimiter,
    find_header_line,
    first_lines,
    split_fields,
    split_otherwise,
)
from shelfwise.catalog.reading.formats._plain_lines import Lines, plain_columns
from shelfwise.catalog.reading.formats._single_quotes import has_single_quotes, with_double_quotes
from shelfwise.catalog.reading.quoting import gather_quoted, open_quote, scan_quotes
from shelfwise.catalog.reading.record_parsing import Record, decoded
from shelfwise.catalog.reading.streaming.block_cutting import cut_blocks, last_break
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Int64Array
from shelfwise.errors import CatalogError

_LINES_TRIED = 64

_HEADER_AGAIN = RecordError(
    "repeated header", "the row is the header once more; expected a product"
)


@dataclass(frozen=True)
class DelimitedFormat(FileFormat):
    """Rows of fields under a header.

    Args:
        names: the header, C columns.
        delimiter: between fields, one ASCII character.
        quoted: whether quotes around a field are not part of it; else they are letters like others.
        sentences: what a user is told of the header.
        header: the names as they are written.
        surplus: blank fields that most rows end with; below 0 where they lack columns without a name.
        single_quoted: whether the file has single quotes around fields, which the blocks have not.
    """

    names: tuple[str, ...]
    delimiter: str
    quoted: bool = True
    sentences: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    surplus: int = 0
    single_quoted: bool = False

    bytes_on_disk: ClassVar[bool] = True
    perhaps_windows: ClassVar[bool] = True
    delimiters: ClassVar[str]
    """Characters that may stand between fields: the one that the header has most of does."""

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The table under the line that has the names of its columns, mostly the first.

        Raises:
            CatalogError: the header cannot be found or read, or names a column twice.
        """
        quoted = settings.quoting == "standard"
        single = quoted and has_single_quotes(path, settings.encoding)

        def chunks(advance: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
            found = read_chunks(path, advance, settings.encoding)
            return with_double_quotes(found) if single else found

        # lines are drawn only until the header is found; the table is read anew below it
        filled = (line for line in split_lines(chunks()) if not line.blank)
        first = next(filled, None)
        # Excel's first line may say which sign it is
        delimiter = excel_delimiter(first.raw) if first is not None else None
        if delimiter is not None:
            first = next(filled, None)
        if first is None:
            return cls((), cls.delimiters[0]), iter(())
        header = find_header_line(
            first_lines(first, filled), delimiter or cls.delimiters, quoted, settings, path
        )
        table = cls.from_header(header.line, path, header.delimiter, quoted)
        sentences = header.sentences + table.sentences
        if single:
            sentences += ("quotes: fields stand in single quotes",)
        table = replace(table, sentences=sentences, surplus=header.surplus, single_quoted=single)
        return table, cut_blocks(chunks(advance), header.last, table.last_whole_row)

    @classmethod
    def from_header(
        cls, header: RawRecord, path: Path, delimiter: str | None = None, quoted: bool = True
    ) -> Self:
        """A table with the columns that `header`, a line of `path`, names.

        Args:
            delimiter: between fields; None: the one that the header has most of.
            quoted: see above.

        Raises:
            CatalogError: the header cannot be read, or names a column twice.
        """
        text, fault = decoded(header)
        delimiter = delimiter or max(cls.delimiters, key=text.count)
        # the same rules as for every row below it
        found = fault or split_fields(text, delimiter, quoted)
        where = f"the header of {path}"
        if isinstance(found, RecordError):
            raise CatalogError(f"{where} (line {header.line}) cannot be read: {found.reason}")
        names, sentences = distinct_names(found, where)
        return cls(tuple(names), delimiter, quoted, sentences, tuple(map(on_one_line, found)))

    def told(self) -> tuple[str, ...]:
        """Where the header is, if it is not the first line."""
        return self.sentences

    def last_whole_row(self, data: bytes) -> int:
        """A good place to end a block: after a line that is a row by itself, so hardly in a quoted field."""
        last = last_break(data)
        if not self.quoted or b'"' not in data:
            return last
        end = last
        for _ in range(_LINES_TRIED):
            before = max(end - 1, 0)
            begin = data.rfind(b"\n", 0, before) + 1
            if begin == 0 or self._is_row(data[begin:end]):
                break
            end = begin
        # wherever the block ends, what is cut is put together again; it takes longer, that is all
        return end or last

    def take_apart(self, block: Block) -> ParsedBlock:
        """Cut the plain rows into columns; lines that belong together are found in the order of the file."""
        lines = Lines.from_block(block)
        plain = lines.plain(self.delimiter, self.quoted)
        rows = np.flatnonzero(plain)
        table, ragged = plain_columns(
            lines.bytes_of(rows), len(self.names), self.delimiter, self.quoted
        )
        # rows with another number of fields are none of the table's
        plain[rows[ragged]] = False
        rows = np.delete(rows, ragged)
        for place, fields in self._named_like_columns(table):
            if self._is_header(fields):
                plain[rows[place]] = False
            else:
                piece = block.piece(lines.spans[rows[place]])
                refuse_other_header(self.header, fields, piece.line)
        odd = np.flatnonzero(~plain)
        others, swallowed, rest = self._other_records(block, lines.spans, odd)
        # a plain row may turn out to be part of a quoted field that an earlier line opens
        plain[swallowed] = False
        kept = np.flatnonzero(plain[rows])
        table = take_rows(table, kept).combine_chunks()
        columns = map(one_chunk, table.columns)
        named = dict(zip(self.names, columns, strict=True))
        return ParsedBlock(named, lines.spans[plain], others, rest)

    def record(self, block: Block, span: Int64Array) -> Record:
        """One row, read exactly."""
        return self._parsed_row(block.piece(span))

    def _is_row(self, line: bytes) -> bool:
        """Whether a line has as many fields as the header, none of them open at its end."""
        scan = scan_quotes(line, self.delimiter.encode(), inside=False)
        delimiters = len(self.names) - 1
        return scan == (delimiters, False)

    def _parsed_row(self, piece: RawRecord) -> Record:
        text, fault = decoded(piece)
        fields = fault or split_fields(text, self.delimiter, self.quoted)
        if isinstance(fields, RecordError):
            return piece, self._with_other_quotes(text, fault) or fields
        if self._is_header(fields):
            return piece, _HEADER_AGAIN
        refuse_other_header(self.header, fields, piece.line)
        fields = self._with_usual_end(fields)
        if len(fields) != len(self.names):
            found = f"the row has {len(fields)} columns"
            expected = f"expected {len(self.names)}, as the header has"
            return piece, RecordError("wrong number of columns", f"{found}; {expected}")
        return piece, dict(zip(self.names, fields, strict=True))

    def _with_usual_end(self, fields: list[str]) -> list[str]:
        """The fields without the blank ones that most rows end with, or with those that most rows lack."""
        surplus = len(fields) - len(self.names)
        if surplus != self.surplus or any(map(str.strip, fields[len(self.names) :])):
            return fields
        return fields[: len(self.names)] + [""] * -surplus

    def _with_other_quotes(self, text: str, fault: RecordError | None) -> dict[str, str] | None:
        """The fields of a row with quotes of another kind; None where it has a fault or has none either."""
        if fault is not None:
            return None
        fields = split_otherwise(text, self.delimiter, len(self.names))
        return dict(zip(self.names, fields, strict=True)) if fields else None

    def _unclosed(self, piece: RawRecord) -> Record:
        """A line that opens a quoted field which is never closed."""
        text, fault = decoded(piece)
        return piece, self._with_other_quotes(text, fault) or open_quote()

    def _named_like_columns(self, table: pa.Table) -> Iterator[tuple[int, list[str]]]:
        """The rows that begin with the name of a column, as headers do in files that were put together."""
        if not table.num_rows:
            return
        # almost always the first column tells that there is none
        called = pc.is_in(one_chunk(table.column(0)), pa.array(self.header, pa.string()))
        suspects = np.flatnonzero(is_true(called))
        rows = take_rows(table, suspects).to_pylist()
        for place, row in zip(suspects.tolist(), rows, strict=True):
            yield place, list(row.values())

    def _is_header(self, fields: list[str]) -> bool:
        # a line that holds nothing but a sign of its end has no fields
        first_is = bool(fields) and on_one_line(fields[0]) == self.names[0]
        return first_is and tuple(map(on_one_line, fields)) == self.header

    def _other_records(
        self, block: Block, spans: Int64Array, odd: Int64Array
    ) -> tuple[list[Record], list[int], int | None]:
        """The records that begin on the lines `odd`.

        Returns:
            The records; the lines they take; and where a record begins that the block does not end, or None.
        """
        records: list[Record] = []
        swallowed: list[int] = []
        if not self.quoted:
            # without quotes every line is a record
            pieces = [block.piece(spans[i]) for i in odd.tolist()]
            records = [self._parsed_row(piece) for piece in pieces if not piece.blank]
            return records, swallowed, None
        delimiter = self.delimiter.encode()
        columns = len(self.names)
        resume = 0
        for i in odd.tolist():
            if i < resume:
                continue  # part of the record before
            first = block.piece(spans[i])
            following = map(block.piece, spans[i + 1 :])
            taken, closed = gather_quoted(first, following, delimiter, columns)
            if closed is None and not block.last:
                # the rest of the block is read again with the next one
                swallowed.extend(range(i, len(spans)))
                return records, swallowed, first.offset - block.offset
            resume = i + (len(taken) if closed else 1)
            swallowed.extend(range(i, resume))
            if not closed:
                records.append(self._unclosed(first))
            elif len(taken) > 1 or not first.blank:
                raw = b"".join(piece.raw for piece in taken)
                whole = RawRecord(first.line, first.offset, raw)
                records.append(self._parsed_row(whole))
        return records, swallowed, None
