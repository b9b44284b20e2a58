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

_GZIP_MAGIC = b"\x1f\x8b"

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
            zipped = disk.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
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
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> CatalogError:
    return CatalogError(f"{path} cannot be read: {error.strerror or error}")


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
