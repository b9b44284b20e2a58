"""A file as pieces of bytes that tile it: one piece a record, blank lines and headers included, nothing lost.

Offsets and lengths are of the decompressed bytes. A piece that cannot be a record carries the reason as its
fault.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from shelfwise.core.types import Int64Array
from shelfwise.errors import CatalogError, ShelfwiseError

BLOCK_BYTES = 4 << 20
"""What is read, checked and passed between processes at once.

Enough to be fast, little enough to need no memory to speak of.
"""

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
# bytes that stay in the processor's cache while they are counted
_BYTES_COUNTED = 1 << 17

_BREAK = ord("\n")


class CorruptGzipError(ShelfwiseError):
    """A compressed file ends or breaks here; everything before was handed out."""


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
        begin = offset - self.offset
        return RawRecord(line, offset, self.data[begin : begin + length])


def as_spans(lines: Int64Array, offsets: Int64Array, lengths: Int64Array) -> Int64Array:
    """Line, offset and length of each of N records: (N, 3)."""
    return np.stack((lines, offsets, lengths), axis=1)


def is_gzip(path: Path) -> bool:
    """Whether the file is compressed, by its first bytes.

    Raises:
        CatalogError: the system refuses to read it.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    except OSError as error:
        raise _unreadable(path, error) from None


def read_chunks(
    path: Path,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """The file's bytes, decompressed where it is gzip (whatever its name).

    Args:
        advance: called with the number of bytes on disk that were read since the last call.

    Raises:
        CatalogError: the disk or the system refuses.
        CorruptGzipError: the gzip stream is truncated or corrupt.
    """
    try:
        with path.open("rb") as disk:
            compressed = disk.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            disk.seek(0)
            stream: gzip.GzipFile | BinaryIO = gzip.GzipFile(fileobj=disk) if compressed else disk
            read = stream.read
            if isinstance(stream, gzip.GzipFile):
                # read would lose what it gathered before the damage
                read = stream.read1
            seen = 0
            while chunk := read(_CHUNK_BYTES):
                advance(disk.tell() - seen)
                seen = disk.tell()
                yield chunk
            advance(disk.tell() - seen)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorruptGzipError(str(error)) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def split_lines(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    r"""Physical lines, cut after each ``\n``.

    What follows the last whole line of a damaged file is one faulty piece, even if empty.

    >>> [(p.line, p.offset, p.raw) for p in split_lines([b"a\nb", b"c\n\nd"])]
    [(1, 0, b'a\n'), (2, 2, b'bc\n'), (3, 5, b'\n'), (4, 6, b'd')]
    """
    line = 1
    offset = 0
    begun: list[bytes] = []
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
    except CorruptGzipError as error:
        fault = _gzip_fault(error)
    last = b"".join(begun)
    if last or fault:
        yield RawRecord(line, offset, last, fault)


def last_break(data: bytes) -> int:
    """Where the last whole line of `data` ends; 0 where there is none."""
    return data.rfind(b"\n") + 1


def count_breaks(data: bytes) -> int:
    """The number of line breaks; four times as fast as ``data.count``."""
    letters = np.frombuffer(data, np.uint8)
    count = 0
    for begin in range(0, len(letters), _BYTES_COUNTED):
        part = letters[begin : begin + _BYTES_COUNTED]
        count += int(np.count_nonzero(part == _BREAK))
    return count


def cut_blocks(
    chunks: Iterable[bytes],
    after: RawRecord | None = None,
    cut: Callable[[bytes], int] = last_break,
) -> Iterator[Block]:
    """The file behind the piece `after` (its header) as blocks of some megabytes, whole lines each.

    What follows the last whole line of a damaged file is a faulty block of its own, even if empty.

    Args:
        cut: where a piece of the file had best be cut, so that no record spans two blocks: behind a line
            break, or 0 for nowhere.
    """
    line = 1
    offset = 0
    if after is not None:
        line = after.line + 1
        offset = after.offset + len(after.raw)
    # the header may reach over several chunks
    to_skip = offset
    held: list[bytes] = []
    size = 0
    fault = None
    try:
        for chunk in chunks:
            kept = chunk[to_skip:]
            to_skip = max(to_skip - len(chunk), 0)
            size += len(kept)
            end = cut(kept) if size >= BLOCK_BYTES else 0
            if end:
                held.append(kept[:end])
                data = b"".join(held)
                yield Block(line, offset, data)
                line += count_breaks(data)
                offset += len(data)
                # what follows the cut begins the next block
                held = []
                kept = kept[end:]
                size = len(kept)
            held.append(kept)
    except CorruptGzipError as error:
        fault = _gzip_fault(error)
    data = b"".join(held)
    # a whole file may end without a line break, a damaged one breaks off within its last line
    end = last_break(data) if fault else len(data)
    if end:
        yield Block(line, offset, data[:end])
    if fault:
        line += count_breaks(data)
        yield Block(line, offset + end, data[end:], fault)


def _unreadable(path: Path, error: OSError) -> CatalogError:
    return CatalogError(f"{path} cannot be read: {error.strerror or error}")


def _gzip_fault(error: CorruptGzipError) -> RecordError:
    found = f"the gzip file is damaged from here on ({error})"
    return RecordError("damaged gzip", f"{found}; expected a whole file: fetch it again")
