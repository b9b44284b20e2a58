"""The line of a text file that has the names of the columns, and what stands between these."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from shelfwise.catalog.reading.byte_stream import RawRecord, RecordError
from shelfwise.catalog.reading.formats._header import (
    MAX_SEARCHED,
    best_delimiter,
    find_header,
    surplus_fields,
    told_header,
    unknown_header,
)
from shelfwise.catalog.reading.quoting import scan_quotes
from shelfwise.catalog.reading.record_parsing import BOM, nonblank_lines, split_escaped, split_row
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

_MAX_SEARCHED_BYTES = 1 << 20
_MOSTLY = 0.7

_EXCEL_SIGN = re.compile(rb"(?:\xef\xbb\xbf)?\"?sep=(.)\"?\r?\n?")
"""The first line by which Excel tells itself what stands between fields."""


@dataclass(frozen=True)
class HeaderLine:
    """Where a table begins.

    Args:
        line: with the names of the columns.
        last: the last line that is no record.
        delimiter: between the fields.
        sentences: what a user is told; nothing where the first line has the names.
        surplus: blank fields that most rows end with, as :func:`surplus_fields` counts them.
    """

    line: RawRecord
    last: RawRecord
    delimiter: str
    sentences: tuple[str, ...] = ()
    surplus: int = 0


def find_header_line(
    lines: Sequence[RawRecord],
    delimiters: str,
    quoted: bool,
    settings: CatalogSettings,
    path: Path,
) -> HeaderLine:
    """The header among the first lines of a file, none of them blank.

    Args:
        delimiters: what may stand between fields, one character each.
        quoted: whether quotes around a field are not part of it.

    Raises:
        CatalogError: it cannot be told.
    """
    columns = frozenset(settings.columns.values())
    if quoted:
        lines = whole_lines(lines, delimiters)
    first = lines[0].raw.decode("utf-8", "replace")
    # what the first line has most of comes first
    likeliest = sorted(delimiters, key=first.count, reverse=True)
    tables = {sign: _table(lines, sign, quoted) for sign in likeliest}
    filled = {sign: rows for sign, rows in tables.items() if rows}
    if not filled:
        return HeaderLine(lines[0], lines[0], likeliest[0])
    delimiter = _delimiter(filled, columns)
    rows = filled[delimiter]
    header = find_header([cells for _, cells in rows], columns)
    if header is None:
        raise CatalogError(unknown_header(str(path)))
    line = rows[header.place][0]
    last = rows[header.last][0]
    others = [other.line for other, _ in rows[: header.last + 1] if other is not line]
    sentences = (told_header(line.line, others),) if others else ()
    # what most rows have too many of is no fault of a single row
    below = [cells for _, cells in rows[header.last + 1 :]]
    surplus = surplus_fields(rows[header.place][1], below)
    return HeaderLine(line, last, delimiter, sentences, surplus)


def first_lines(first: RawRecord, others: Iterator[RawRecord]) -> list[RawRecord]:
    """The lines among which the header is looked for."""
    lines = [first]
    size = len(first.raw)
    while len(lines) < MAX_SEARCHED and size < _MAX_SEARCHED_BYTES:
        line = next(others, None)
        # a line with a fault is the last one, and is reported where the records are read
        if line is None or line.fault is not None:
            break
        lines.append(line)
        size += len(line.raw)
    return lines


def whole_lines(lines: Sequence[RawRecord], delimiters: str) -> list[RawRecord]:
    """The lines, those put together between which a quoted field breaks, as names in a header do."""
    whole: list[RawRecord] = []
    place = 0
    while place < len(lines):
        # the delimiter is not known yet: the one by which the most lines belong together
        count = max(_lines_of_row(lines[place:], sign.encode()) for sign in delimiters)
        raw = b"".join(line.raw for line in lines[place : place + count])
        whole.append(replace(lines[place], raw=raw))
        place += count
    return whole


def _lines_of_row(lines: Sequence[RawRecord], delimiter: bytes) -> int:
    """How many lines the row has that begins with the first; 1 where its quotes never close properly."""
    inside = False
    for count, line in enumerate(lines, 1):
        scan = scan_quotes(line.raw.removeprefix(BOM), delimiter, inside)
        if scan is None:
            return 1
        inside = scan[1]
        if not inside:
            return count
    return 1


def split_fields(text: str, delimiter: str, quoted: bool) -> list[str] | RecordError:
    """The fields of a row, or why there are none.

    Args:
        quoted: whether quotes around a field are not part of it; else they are letters.
    """
    return split_row(text, delimiter) if quoted else split_unquoted(text, delimiter)


def split_unquoted(text: str, delimiter: str) -> list[str]:
    """The fields of a row in which quotes are letters."""
    return text.rstrip("\r\n").split(delimiter)


def split_otherwise(text: str, delimiter: str, count: int) -> list[str] | None:
    """The fields of a row whose quotes are escaped by a backslash, or are letters between tabs.

    None where it has not `count` fields. Between commas quotes are no letters.
    """
    ways = [split_escaped(text, delimiter)]
    if delimiter == "\t":
        ways.append(split_unquoted(text, delimiter))
    return next((one for one in ways if one and len(one) == count), None)


def excel_delimiter(line: bytes) -> str | None:
    """What stands between fields, where `line` is the one by which Excel tells itself; else None.

    >>> excel_delimiter(b"sep=;\\r\\n")
    ';'
    """
    found = _EXCEL_SIGN.fullmatch(line)
    return found[1].decode("ascii", "ignore") or None if found else None


def mostly_hold(start: bytes, signs: Sequence[bytes]) -> bool:
    """Whether most of the first lines, but for the very first, hold one of the signs."""
    lines = list(islice(nonblank_lines(start), 1, MAX_SEARCHED))
    holding = sum(any(sign in line for sign in signs) for line in lines)
    return len(lines) > 1 and holding > _MOSTLY * len(lines)


_Rows = list[tuple[RawRecord, list[str]]]


def _table(lines: Sequence[RawRecord], delimiter: str, quoted: bool) -> _Rows:
    """The lines that have a filled cell, with their cells."""
    rows = []
    for line in lines:
        text = line.raw.removeprefix(BOM).decode("utf-8", "replace")
        fields = split_fields(text, delimiter, quoted)
        # a row with quotes that never close is no header
        cells = [text] if isinstance(fields, RecordError) else fields
        bare = [cell.strip() for cell in cells]
        if any(bare):
            rows.append((line, bare))
    return rows


def _delimiter(tables: dict[str, _Rows], columns: Collection[str]) -> str:
    """What stands between fields: what the first line has most of, unless other lines say otherwise."""
    bare = {sign: [cells for _, cells in rows] for sign, rows in tables.items()}
    return best_delimiter(bare, columns)
