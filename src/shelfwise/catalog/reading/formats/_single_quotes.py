"""Tables whose fields stand in single quotes, as databases write them: these become double ones.

Only quotes around whole fields are changed. A field with a quote in it that is not doubled stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from shelfwise.catalog.reading.byte_stream import read_chunks, split_lines

_FIELD = re.compile(
    rb"(?:(?<=[,;\t|])|^)'((?:[^'\\]|''|\\.)*)'(?=[,;\t|\r\n]|\Z)", re.MULTILINE | re.DOTALL
)
"""A field in single quotes, which are doubled inside, or have a backslash in front."""

_LINES = 30
_BREAKS_TRIED = 64
_DOUBLE = re.compile(rb"(?:^|[,;\t|])\"")
"""A field that begins with a double quote."""

_MOSTLY = 0.7
"""From this share of the first lines on that have such a field, all quotes are taken for single ones."""


def has_single_quotes(path: Path, encoding: str | None) -> bool:
    """Whether fields of a table stand in single quotes: most rows have one, and none has double quotes.

    Args:
        encoding: of the file's text; None is UTF-8.
    """
    lines = split_lines(read_chunks(path, encoding=encoding))
    first = [line.raw for line in islice(lines, _LINES) if not line.blank and line.fault is None]
    # the names may have none
    below = first[1:]
    if not below or any(map(_DOUBLE.search, first)):
        return False
    return sum(_FIELD.search(line) is not None for line in below) >= _MOSTLY * len(below)


def with_double_quotes(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks with double quotes around each field that has single ones."""
    kept = b""
    for chunk in chunks:
        data = kept + chunk
        end = _end_of_rows(data)
        yield _FIELD.sub(_double_quoted, data[:end])
        kept = data[end:]
    yield _FIELD.sub(_double_quoted, kept)


def _end_of_rows(data: bytes) -> int:
    """Where the last whole row ends: behind a line break with as many quotes that open as that close."""
    ends = []
    end = len(data)
    for _ in range(_BREAKS_TRIED):
        # an apostrophe in a text may upset the count, so some breaks are tried
        end = data.rfind(b"\n", 0, end)
        if end < 0:
            break
        ends.append(end + 1)
    closed = (end for end in ends if data.count(b"'", 0, end) % 2 == 0)
    # where none fits, the last break: what is kept must not grow with the file
    return next(closed, max(ends, default=0))


def _double_quoted(field: re.Match[bytes]) -> bytes:
    inside = field[1].replace(b"''", b"'").replace(b"\\'", b"'")
    return b'"' + inside.replace(b'"', b'""') + b'"'
