"""A file as pieces of bytes that tile it: one piece a record, blank lines and headers included, nothing lost.

Offsets and lengths are of the decompressed bytes. A piece that cannot be a record carries the reason as its fault.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b"
MAX_QUOTED = 1 << 20
"""Bytes after which an open quote is taken for a mistake; keeps one stray quote from swallowing the file."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a piece is no record: the kind in two or three words, to be counted by, and the reason in full."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of a source.

    Args:
        line: number of the first physical line, from 1.
        offset: of the first byte, in the decompressed file.
        raw: the bytes, line ending included.
        fault: why this cannot be a record; None while it may be one.
    """

    line: int
    offset: int
    raw: bytes
    fault: Fault | None = None

    @property
    def blank(self) -> bool:
        """White space only: no record, and no fault either."""
        return self.fault is None and not self.raw.strip()


class Damaged(Exception):
    """A compressed file ends or breaks here; everything before was handed out."""


def read_chunks(path: Path, advance: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """The file's bytes, decompressed where it is gzip (whatever its name); `advance` hears of the bytes on disk.

    Raises:
        Damaged: the gzip stream is truncated or corrupt.
    """
    with path.open("rb") as disk:
        zipped = disk.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        disk.seek(0)
        stream: gzip.GzipFile | BinaryIO = gzip.GzipFile(fileobj=disk) if zipped else disk
        seen = 0
        while True:
            try:
                # read1, because read would lose what it gathered before the damage
                chunk = stream.read1(_CHUNK) if isinstance(stream, gzip.GzipFile) else stream.read(_CHUNK)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise Damaged(str(error)) from None
            advance(disk.tell() - seen)
            seen = disk.tell()
            if not chunk:
                return
            yield chunk


def split_lines(chunks: Iterable[bytes]) -> Iterator[Piece]:
    r"""Physical lines, cut after each ``\n``. What follows the last whole line of a damaged file is one faulty piece, even if empty.

    >>> [(p.line, p.offset, p.raw) for p in split_lines([b"a\nb", b"c\n\nd"])]
    [(1, 0, b'a\n'), (2, 2, b'bc\n'), (3, 5, b'\n'), (4, 6, b'd')]
    """
    line, offset, rest = 1, 0, [b""]
    fault = None
    source = iter(chunks)
    while True:
        try:
            chunk = next(source, None)
        except Damaged as error:
            reason = f"the gzip file is damaged from here on ({error}); expected a whole file: fetch it again"
            fault, chunk = Fault("damaged gzip", reason), None
        if chunk is None:
            break
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for after in others:
            raw = b"".join(rest) + b"\n"
            yield Piece(line, offset, raw)
            line, offset, rest = line + 1, offset + len(raw), [after]
    last = b"".join(rest)
    if last or fault:
        yield Piece(line, offset, last, fault)


def join_quoted(lines: Iterable[Piece], delimiter: bytes, columns: int) -> Iterator[Piece]:
    """CSV records from physical lines: lines are joined while a quoted field is open.

    A joined record must follow RFC 4180 to the letter and have exactly `columns` fields. Otherwise the first line alone is faulty
    and reading resumes at the second, so that a stray quote costs one line and never the products after it.
    """
    source = iter(lines)
    waiting: deque[Piece] = deque()
    while True:
        first = waiting.popleft() if waiting else next(source, None)
        if first is None:
            return
        taken, closed = _gather(first, chain(_drain(waiting), source), delimiter, columns)
        if closed:
            yield first if len(taken) == 1 else Piece(first.line, first.offset, b"".join(p.raw for p in taken))
        else:
            reason = "a quoted field is opened here and never properly closed; expected a closing quote, and quotes inside doubled"
            yield Piece(first.line, first.offset, first.raw, Fault("unclosed quote", reason))
            waiting.extendleft(reversed(taken[1:]))


def _drain(waiting: deque[Piece]) -> Iterator[Piece]:
    while waiting:
        yield waiting.popleft()


def _gather(first: Piece, following: Iterator[Piece], delimiter: bytes, columns: int) -> tuple[list[Piece], bool]:
    """The lines of the record that begins with `first`, and whether they make a whole record."""
    taken = [first]
    if first.fault is not None or b'"' not in first.raw:
        return taken, True
    scan = scan_quotes(first.raw, delimiter, inside=False)
    if scan is None or not scan[1]:
        return taken, True  # one line: the row parser judges it, and is lenient about quotes within unquoted fields
    fields, size = 1 + scan[0], len(first.raw)
    for piece in following:
        taken.append(piece)
        scan = None if piece.fault is not None else scan_quotes(piece.raw, delimiter, inside=True)
        size += len(piece.raw)
        if scan is None or size > MAX_QUOTED or (fields := fields + scan[0]) > columns:
            return taken, False
        if not scan[1]:
            return taken, fields == columns
    return taken, False


def scan_quotes(line: bytes, delimiter: bytes, inside: bool) -> tuple[int, bool] | None:
    r"""Delimiters outside quotes, and whether the line ends inside quotes; None where quotes stand against RFC 4180.

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
    parts = line.rstrip(b"\r\n").split(b'"')
    outside = parts[1 if inside else 0 :: 2]
    ends_inside = (len(parts) % 2 == 0) != inside
    for i, part in enumerate(outside):
        after_quote, before_quote = inside or i > 0, i < len(outside) - 1 or ends_inside
        if not part:
            continue  # between two quotes: an escaped quote; at an end: the line begins or ends with one
        if (after_quote and not part.startswith(delimiter)) or (before_quote and not part.endswith(delimiter)):
            return None
    return sum(part.count(delimiter) for part in outside), ends_inside
