"""What compressed files and archives hold, and the same container again around other content."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from shelfwise.catalog.reading.byte_stream import compression, read_chunks
from shelfwise.catalog.reading.zip_archive import catalogue_member, check_expansion
from shelfwise.errors import CatalogError

_HAS_EXTRA = 4
_HAS_NAME = 8
_FIXED_BYTES = 10
"""Of the beginning of a gzip file: marks, flags and time."""


@dataclass(frozen=True)
class Unpacked:
    """The catalogue in a file.

    Args:
        content: its bytes, decompressed.
        pack: puts other content in its place.
    """

    content: bytes
    pack: Callable[[bytes], bytes]


def unpack(path: Path) -> Unpacked:
    """The catalogue in a file that is gzip, a zip archive, or neither.

    Raises:
        CatalogError: an archive is damaged, or the file expands beyond what a catalogue does.
    """
    form = compression(path)
    packed = path.read_bytes()
    # as the reader unpacks it, with all its limits
    content = b"".join(read_chunks(path))
    if form == "gzip":
        return Unpacked(content, lambda new: _gzipped(new, packed))
    if form == "zip":
        member = catalogue_member(path)
        return Unpacked(content, lambda new: with_member(packed, member, new))
    return Unpacked(content, lambda new: new)


def with_member(archive: bytes, name: str, content: bytes) -> bytes:
    """A zip archive with other content in one member; the others keep theirs, and all their facts.

    Raises:
        CatalogError: a member is there twice, is damaged, takes a password or expands without measure.
    """
    written = io.BytesIO()
    try:
        with ZipFile(io.BytesIO(archive)) as old, ZipFile(written, "w") as new:
            _check_members(old, name, len(archive))
            new.comment = old.comment
            for info in old.infolist():
                # writing notes the new places in it
                kept = copy(info)
                data = content if info.filename == name else old.read(info)
                new.writestr(kept, data, compress_type=info.compress_type)
    # a password and an unknown compression are runtime errors
    except (BadZipFile, RuntimeError, zlib.error) as error:
        raise CatalogError(f"the archive cannot be copied ({error}); make it anew") from None
    return written.getvalue()


def _check_members(archive: ZipFile, name: str, size: int) -> None:
    """Refuse an archive before anything of it is expanded.

    Args:
        name: of the member that is changed.
        size: of the archive, in bytes.

    Raises:
        CatalogError: the member is there twice, or all of them expand without measure.
    """
    members = archive.infolist()
    if sum(info.filename == name for info in members) > 1:
        raise CatalogError(f"the archive holds {name} more than once; make it anew")
    check_expansion(archive, size)


def _gzipped(content: bytes, packed: bytes) -> bytes:
    """A gzip file with the name and the time that another one has."""
    time = int.from_bytes(packed[4:8], "little")
    written = io.BytesIO()
    with gzip.GzipFile(_name_within(packed), "wb", fileobj=written, mtime=time) as file:
        file.write(content)
    return written.getvalue()


def _name_within(packed: bytes) -> str:
    """The file name that a gzip file remembers; empty where it remembers none."""
    flags = packed[3]
    if not flags & _HAS_NAME:
        return ""
    start = _FIXED_BYTES
    if flags & _HAS_EXTRA:
        start += 2 + int.from_bytes(packed[start : start + 2], "little")
    return packed[start : packed.index(b"\0", start)].decode("latin-1")
