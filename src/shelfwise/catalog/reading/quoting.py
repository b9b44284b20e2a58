"""Quoted fields of tables, which may hold line breaks: which lines make one record (RFC 4180)."""

from __future__ import annotations

from collections.abc import Iterator

from shelfwise.catalog.reading.byte_stream import RawRecord, RecordError

MAX_QUOTED_BYTES = 1 << 20
"""After so many an open quote is taken for a mistake; keeps one stray quote from swallowing the file."""


def open_quote() -> RecordError:
    """The fault of a line that opens a quoted field which no following line closes properly."""
    found = "a quoted field is opened here and never properly closed"
    return RecordError(
        "unclosed quote", f"{found}; expected a closing quote, and quotes inside doubled"
    )


def gather_quoted(
    first: RawRecord, following: Iterator[RawRecord], delimiter: bytes, columns: int
) -> tuple[list[RawRecord], bool | None]:
    """The lines of the CSV record that begins with `first`, and whether they make a whole record.

    Lines are taken while a quoted field is open. A record of several lines must follow RFC 4180 to the letter
    and have exactly `columns` fields. Otherwise the first line alone is faulty and reading resumes at the
    second, so that a stray quote costs one line and never the products after it. So it is where each line is
    a row between tabs. None means that `following` ended first.
    """
    taken = [first]
    # most lines have none
    if b'"' not in first.raw:
        return taken, True
    scan = scan_quotes(first.raw, delimiter, inside=False)
    if scan is None or not scan[1]:
        # one line: the row parser judges it, and is lenient about quotes within unquoted fields
        return taken, True
    fields = 1 + scan[0]
    size = len(first.raw)
    for piece in following:
        taken.append(piece)
        size += len(piece.raw)
        scan = scan_quotes(piece.raw, delimiter, inside=True)
        if scan is None or size > MAX_QUOTED_BYTES:
            return taken, False
        delimiters, still_open = scan
        fields += delimiters
        if fields > columns:
            return taken, False
        if not still_open:
            return taken, fields == columns and not _are_rows(taken, delimiter, columns)
    return taken, None


def _are_rows(lines: list[RawRecord], delimiter: bytes, columns: int) -> bool:
    """Whether each line is a row, were its quotes letters, of which two look like those of one field.

    Between tabs only: a text over several lines hardly has a tab, but may well have commas.
    """
    return delimiter == b"\t" and all(line.raw.count(delimiter) == columns - 1 for line in lines)


def scan_quotes(line: bytes, delimiter: bytes, inside: bool) -> tuple[int, bool] | None:
    r"""Delimiters outside quotes, and whether the line ends inside quotes.

    None where quotes stand against RFC 4180.

    Args:
        inside: the line begins inside a quoted field.

    >>> scan_quotes(b'1,"a,b",c\n', b",", inside=False)
    (2, False)
    >>> scan_quotes(b'1,"a\n', b",", inside=False)
    (1, True)
    >>> scan_quotes(b'1,5" nail\n', b",", inside=False) is None
    True
    """
    if inside and b'"' not in line:
        return 0, True
    # between the quotes the parts are outside and inside of quotes by turns
    parts = line.rstrip(b"\r\n").split(b'"')
    first_outside = 1 if inside else 0
    outside = parts[first_outside::2]
    ends_inside = (len(parts) % 2 == 0) != inside
    for i, part in enumerate(outside):
        if not part:
            continue  # between two quotes: an escaped quote; at an end: the line begins or ends with one
        after_quote = inside or i > 0
        before_quote = i < len(outside) - 1 or ends_inside
        # a quote may close only before a delimiter, and open only behind one
        if after_quote and not part.startswith(delimiter):
            return None
        if before_quote and not part.endswith(delimiter):
            return None
    delimiters = sum(part.count(delimiter) for part in outside)
    return delimiters, ends_inside
