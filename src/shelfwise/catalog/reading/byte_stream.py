"""A file as pieces of bytes that tile it: one piece a record, blank lines and headers included, nothing lost.

Offsets and lengths are of the decompressed bytes; where the file is not in UTF-8, of the text decoded and
written in UTF-8. A piece that cannot be a record carries the reason as its fault.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from shelfwise.catalog.reading.text_encoding import as_utf_8
from shelfwise.catalog.reading.zip_archive import (
    MAX_EXPANSION,
    MIN_EXPANDED,
    is_archive,
    open_member,
)
from shelfwise.core.types import Int64Array
from shelfwise.errors import CatalogError, ShelfwiseError

MAX_RECORD_BYTES = 16 << 20
"""Of a record, up to a megabyte more; a longer one is refused, so that one line cannot take all memory."""

_GZIP_MAGIC = b"\x1f\x8b"
_MAGIC_BYTES = 4
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RecordError:
    """Why a piece is no record: the kind in two or three words, to be counted by, and the reason in full."""

    kind: str
    reason: str


class DamagedFileError(ShelfwiseError):
    """A file ends or breaks here; everything before was handed out.

    Args:
        fault: what is wrong with the rest.
    """

    def __init__(self, fault: RecordError) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class CorruptFileError(DamagedFileError):
    """A compressed file ends or breaks here.

    Args:
        form: how it is compressed, such as ``"gzip"``.
        reason: what the library for it says.
    """

    def __init__(self, form: str, reason: str) -> None:
        found = f"the {form} file is damaged from here on ({reason})"
        fault = RecordError(f"damaged {form}", f"{found}; expected a whole file: fetch it again")
        super().__init__(fault)


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
        skipped: bytes behind `data` that belong to the faulty block and are not kept.
    """

    line: int
    offset: int
    data: Any
    fault: RecordError | None = None
    last: bool = False
    skipped: int = 0

    def piece(self, span: Iterable[int]) -> RawRecord:
        """The bytes of one record, given its line, offset and length in the source."""
        line, offset, length = map(int, span)
        begin = offset - self.offset
        return RawRecord(line, offset, self.data[begin : begin + length])


def as_spans(lines: Int64Array, offsets: Int64Array, lengths: Int64Array) -> Int64Array:
    """Line, offset and length of each of N records: (N, 3)."""
    return np.stack((lines, offsets, lengths), axis=1)


def compression(path: Path) -> str | None:
    """How the file is compressed, by its first bytes: ``"gzip"``, ``"zip"`` or not at all.

    Raises:
        CatalogError: the system refuses to read it, or an archive is damaged.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_MAGIC_BYTES)
        if start.startswith(_GZIP_MAGIC):
            return "gzip"
        return "zip" if is_archive(start, path) else None
    except OSError as error:
        raise _unreadable(path, error) from None


def read_chunks(
    path: Path, advance: Callable[[int], None] = lambda _: None, encoding: str | None = None
) -> Iterator[bytes]:
    """The file's bytes, decompressed where it is gzip (whatever its name) or the only one in a zip archive.

    Args:
        advance: called with the number of bytes on disk that were read since the last call.
        encoding: of the file; its text then comes in UTF-8. None: the bytes come as they are.

    Raises:
        CatalogError: the disk or the system refuses, or an archive holds several catalogues.
        CorruptFileError: the compressed stream is truncated or corrupt.
    """
    return _with_line_feeds(_text_chunks(path, advance, encoding))


def has_old_line_ends(path: Path, encoding: str | None = None) -> bool:
    """Whether lines end with carriage returns alone, as in Excel's "CSV (Macintosh)".

    Args:
        encoding: as :func:`read_chunks` takes it.
    """
    try:
        return _ends_with_returns(next(_text_chunks(path, lambda _: None, encoding), b""))
    except CorruptFileError:
        # the format reports the damage in its place
        return False


def _text_chunks(
    path: Path, advance: Callable[[int], None], encoding: str | None
) -> Iterator[bytes]:
    chunks = _decompressed_chunks(path, advance)
    return chunks if encoding is None else as_utf_8(chunks, encoding)


def _with_line_feeds(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks with line feeds, where lines end with carriage returns alone."""
    first = next(chunks, None)
    if first is None:
        return
    if not _ends_with_returns(first):
        yield first
        yield from chunks
        return
    # one byte for one: offsets stay
    for chunk in chain([first], chunks):
        yield chunk.replace(b"\r", b"\n")


def _ends_with_returns(start: bytes) -> bool:
    """Whether text has carriage returns and no line feed; the last one may still get its line feed."""
    return b"\r" in start[:-1] and b"\n" not in start and b"\0" not in start


def _decompressed_chunks(path: Path, advance: Callable[[int], None]) -> Iterator[bytes]:
    """The file's bytes, decompressed where need be."""
    form = compression(path)
    try:
        with path.open("rb") as disk:
            stream: Any = disk
            read = disk.read
            if form == "gzip":
                stream = gzip.GzipFile(fileobj=disk)
            elif form == "zip":
                stream = open_member(disk, path)
            if form is not None:
                # read would lose what it gathered before the damage
                read = stream.read1
            seen = 0
            expanded = 0
            while chunk := read(_CHUNK_BYTES):
                advance(disk.tell() - seen)
                seen = disk.tell()
                expanded += len(chunk)
                if form is not None and expanded > max(MIN_EXPANDED, MAX_EXPANSION * seen):
                    raise CatalogError(
                        f"{path} expands to more than {MAX_EXPANSION} times its size ({seen:,} bytes gave "
                        f"{expanded:,} so far), as no catalogue does; unpack it yourself if you trust it"
                    )
                yield chunk
            advance(disk.tell() - seen)
    except (EOFError, gzip.BadGzipFile, BadZipFile, zlib.error) as error:
        raise CorruptFileError(str(form), str(error)) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def split_lines(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    r"""Physical lines, cut after each ``\n``.

    What follows the last whole line of a damaged file is one faulty piece, even if empty. So is the beginning
    of a line that is longer than a record may be, and it is the last piece.

    >>> [(p.line, p.offset, p.raw) for p in split_lines([b"a\nb", b"c\n\nd"])]
    [(1, 0, b'a\n'), (2, 2, b'bc\n'), (3, 5, b'\n'), (4, 6, b'd')]
    """
    line = 1
    offset = 0
    begun: list[bytes] = []
    size = 0
    fault = None
    try:
        for chunk in chunks:
            first, *others = chunk.split(b"\n")
            begun.append(first)
            for following in others:
                raw = b"".join(begun) + b"\n"
                yield RawRecord(line, offset, raw)
                line += 1
                offset += len(raw)
                # what follows the last break of the chunk goes on in the next
                begun = [following]
                size = 0
            size += len(begun[-1])
            if size > MAX_RECORD_BYTES:
                yield RawRecord(line, offset, b"".join(begun), too_long(size))
                return
    except DamagedFileError as error:
        fault = error.fault
    last = b"".join(begun)
    if last or fault:
        yield RawRecord(line, offset, last, fault)


def too_long(size: int) -> RecordError:
    """The fault of a record of `size` bytes, or more."""
    found = f"the record has {size:,} bytes or more"
    return RecordError("record too long", f"{found}; expected at most {MAX_RECORD_BYTES:,}")


def _unreadable(path: Path, error: OSError) -> CatalogError:
    return CatalogError(f"{path} cannot be read: {error.strerror or error}")
