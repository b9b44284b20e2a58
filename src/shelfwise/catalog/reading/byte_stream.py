"""A file as pieces of bytes that tile it: one piece a record, blank lines and headers included, nothing lost.

Offsets and lengths are of the decompressed bytes. A piece that cannot be a record carries the reason as its fault.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from shelfwise.errors import CatalogError

GZIP_MAGIC = b"\x1f\x8b"
MAX_QUOTED = 1 << 20
"""Bytes after which an open quote is taken for a mistake; keeps one stray quote from swallowing the file."""

BLOCK_BYTES = 4 << 20
"""What is read, checked and passed between processes at once: enough to be quick, little enough to need no memory to speak of."""

_CHUNK = 1 << 20
_COUNTED = 1 << 17


@dataclass(frozen=True, slots=True)
class RecordError:
    """Why a piece is no record: the kind in two or three words, to be counted by, and the reason in full."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class RawRecord:
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
    fault: RecordError | None = None

    @property
    def blank(self) -> bool:
        """White space only: no record, and no fault either."""
        return self.fault is None and not self.raw.strip()


@dataclass(frozen=True, slots=True)
class Block:
    """Many records of a source, one after the other.

    Args:
        line: number of the first physical line, from 1; in Parquet the first row.
        offset: of the first byte, in the decompressed file; -1 in Parquet.
        data: whole lines as bytes, or an Arrow record batch.
        fault: why this cannot hold records; None while it may.
        last: nothing follows that could belong to the last record.
    """

    line: int
    offset: int
    data: Any
    fault: RecordError | None = None
    last: bool = False

    def piece(self, span: Iterable[int]) -> RawRecord:
        """The bytes of one record, given its line, offset and length in the source."""
        line, offset, length = map(int, span)
        return RawRecord(line, offset, self.data[offset - self.offset : offset - self.offset + length])


class CorruptGzipError(Exception):
    """A compressed file ends or breaks here; everything before was handed out."""


def read_chunks(path: Path, advance: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """The file's bytes, decompressed where it is gzip (whatever its name); `advance` hears of the bytes on disk.

    Raises:
        CatalogError: the disk or the system refuses.
        Damaged: the gzip stream is truncated or corrupt.
    """
    try:
        with path.open("rb") as disk:
            zipped = disk.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            disk.seek(0)
            stream: gzip.GzipFile | BinaryIO = gzip.GzipFile(fileobj=disk) if zipped else disk
            seen = 0
            # read1, because read would lose what it gathered before the damage
            while chunk := stream.read1(_CHUNK) if isinstance(stream, gzip.GzipFile) else stream.read(_CHUNK):
                advance(disk.tell() - seen)
                seen = disk.tell()
                yield chunk
            advance(disk.tell() - seen)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorruptGzipError(str(error)) from None
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror or error}") from None


def split_lines(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
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
        except CorruptGzipError as error:
            fault, chunk = _damage(error), None
        if chunk is None:
            break
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for after in others:
            raw = b"".join(rest) + b"\n"
            yield RawRecord(line, offset, raw)
            line, offset, rest = line + 1, offset + len(raw), [after]
    last = b"".join(rest)
    if last or fault:
        yield RawRecord(line, offset, last, fault)


def last_break(data: bytes) -> int:
    """Where the last whole line of `data` ends; 0 where there is none."""
    return data.rfind(b"\n") + 1


def count_breaks(data: bytes) -> int:
    """The number of line breaks; four times as fast as ``data.count``."""
    letters = np.frombuffer(data, np.uint8)
    return sum(
        int(np.count_nonzero(letters[i : i + _COUNTED] == 10)) for i in range(0, len(letters), _COUNTED)
    )


def cut_blocks(
    chunks: Iterable[bytes], after: RawRecord | None = None, cut: Callable[[bytes], int] = last_break
) -> Iterator[Block]:
    """The file behind the piece `after` (its header) as blocks of some megabytes, whole lines each.

    What follows the last whole line of a damaged file is a faulty block of its own, even if empty.

    Args:
        cut: where a piece of the file had best be cut, so that no record spans two blocks: behind a line break, or 0 for nowhere.
    """
    skip = 0 if after is None else after.offset + len(after.raw)
    line, offset = (1 if after is None else after.line + 1), skip
    held: list[bytes] = []
    size, fault = 0, None
    try:
        for chunk in chunks:
            chunk, skip = chunk[skip:], max(skip - len(chunk), 0)
            size += len(chunk)
            if size >= BLOCK_BYTES and (end := cut(chunk)):
                block = Block(line, offset, b"".join((*held, chunk[:end])))
                yield block
                line, offset, size = (
                    line + count_breaks(block.data),
                    offset + len(block.data),
                    len(chunk) - end,
                )
                held, chunk = [], chunk[end:]
            held.append(chunk)
    except CorruptGzipError as error:
        fault = _damage(error)
    data = b"".join(held)
    end = last_break(data) if fault else len(data)
    if end:
        yield Block(line, offset, data[:end])
    if fault:
        yield Block(line + count_breaks(data), offset + end, data[end:], fault)


def _damage(error: CorruptGzipError) -> RecordError:
    return RecordError(
        "damaged gzip",
        f"the gzip file is damaged from here on ({error}); expected a whole file: fetch it again",
    )


def open_quote() -> RecordError:
    """The fault of a line that opens a quoted field which no following line closes properly."""
    return RecordError(
        "unclosed quote",
        "a quoted field is opened here and never properly closed; expected a closing quote, and quotes inside doubled",
    )


def gather_quoted(
    first: RawRecord, following: Iterator[RawRecord], delimiter: bytes, columns: int
) -> tuple[list[RawRecord], bool | None]:
    """The lines of the CSV record that begins with `first`, joined while a quoted field is open, and whether they make a whole record.

    A joined record must follow RFC 4180 to the letter and have exactly `columns` fields. Otherwise the first line alone is faulty
    and reading resumes at the second, so that a stray quote costs one line and never the products after it. None means that
    `following` ended first.
    """
    taken = [first]
    if b'"' not in first.raw:
        return taken, True
    scan = scan_quotes(first.raw, delimiter, inside=False)
    if scan is None or not scan[1]:
        return (
            taken,
            True,
        )  # one line: the row parser judges it, and is lenient about quotes within unquoted fields
    fields, size = 1 + scan[0], len(first.raw)
    for piece in following:
        taken.append(piece)
        scan = scan_quotes(piece.raw, delimiter, inside=True)
        size += len(piece.raw)
        if scan is None or size > MAX_QUOTED or (fields := fields + scan[0]) > columns:
            return taken, False
        if not scan[1]:
            return taken, fields == columns
    return taken, None


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
        if (after_quote and not part.startswith(delimiter)) or (
            before_quote and not part.endswith(delimiter)
        ):
            return None
    return sum(part.count(delimiter) for part in outside), ends_inside
