"""Zip archives with one catalogue file in them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import BadZipFile, ZipFile

from shelfwise.errors import CatalogError

MAX_EXPANSION = 200
"""How often a compressed file may hold its own size. Catalogues are compressed 3 to 20 times."""

MIN_EXPANDED = 64 << 20
"""Bytes from which on expansion counts: small files may well be compressed a thousand times."""

_MAGIC = b"PK\x03\x04"
_WORKBOOK_PARTS = frozenset({"[Content_Types].xml", "mimetype"})
"""Files that are in every workbook, which is a zip archive too."""

_TEXTS = frozenset({".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".xml"})
_NOT_IN_ARCHIVES = frozenset(
    {".parquet", ".pq", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".gz", ".zip"}
)
"""They must be read in any order, or are compressed once more."""

_NOTE = ".txt"
"""How a table may end, and what somebody writes about one."""

_MAX_NAMED = 10
"""Files of an archive that a message names."""


def is_archive(start: bytes, path: Path) -> bool:
    """Whether `path`, whose first bytes are `start`, is a zip archive and no workbook.

    Raises:
        CatalogError: the archive is damaged.
    """
    if not start.startswith(_MAGIC):
        return False
    return not _WORKBOOK_PARTS & set(_names(path))


def check_expansion(archive: ZipFile, size: int) -> None:
    """Refuse an archive before anything of it is expanded.

    Args:
        size: of the archive, in bytes.

    Raises:
        CatalogError: its members expand without measure.
    """
    # no more than the size that stands there is ever read of a member
    expanded = sum(info.file_size for info in archive.infolist())
    if expanded > max(MIN_EXPANDED, MAX_EXPANSION * size):
        raise CatalogError(
            f"the archive expands to {expanded:,} bytes, more than {MAX_EXPANSION} times its size; "
            "remove what is no part of the catalogue"
        )


def catalogue_member(path: Path) -> str:
    """The name of the only catalogue file in an archive.

    Raises:
        CatalogError: there is none, there are several, or it must be unpacked.
    """
    # folders, and what macOS and hidden files add, are nobody's catalogue
    names = [name for name in _names(path) if not name.endswith("/") and not _is_hidden(name)]
    catalogues = [name for name in names if _suffix(name) in _TEXTS | _NOT_IN_ARCHIVES]
    # a file with another ending counts where it is the only one
    found = catalogues if catalogues or len(names) != 1 else names
    # a text beside one table is a note about it
    tables = [name for name in found if _suffix(name) != _NOTE]
    found = tables if len(tables) == 1 else found
    if not found:
        raise CatalogError(
            f"the archive {path} holds no catalogue file; unpack it and name the file"
        )
    if len(found) > 1:
        listed = ", ".join(found[:_MAX_NAMED])
        more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        raise CatalogError(
            f"the archive {path} holds {len(found)} files that may be the catalogue: {listed}{more}; "
            "unpack it and name one of them"
        )
    if _suffix(found[0]) in _NOT_IN_ARCHIVES:
        raise CatalogError(
            f"{found[0]} in the archive {path} cannot be read there; unpack it and name it"
        )
    return found[0]


def open_member(disk: IO[bytes], path: Path) -> IO[bytes]:
    """The catalogue file in the archive `path`, which is open as `disk`.

    Raises:
        CatalogError: there is not exactly one, or a password is needed.
    """
    name = catalogue_member(path)
    try:
        return ZipFile(disk).open(name)
    except (RuntimeError, NotImplementedError) as error:
        raise CatalogError(
            f"{name} in the archive {path} cannot be read ({error}); unpack it"
        ) from None


def _names(path: Path) -> list[str]:
    try:
        with ZipFile(path) as archive:
            return archive.namelist()
    except BadZipFile as error:
        raise CatalogError(f"the archive {path} is damaged ({error}); fetch it again") from None


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
