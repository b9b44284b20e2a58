"""Tar archives of products, as WebDataset writes them: files of one name, one after the other, are a product.

``0001.json`` has its fields, ``0001.jpg`` is its image, and any other file is a field with the ending as its
name: ``0001.cls`` is the field ``cls``. A record's line is its number in the archive.
"""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

import msgspec

from shelfwise.catalog.reading.byte_stream import (
    MAX_RECORD_BYTES,
    Block,
    CorruptFileError,
    RawRecord,
    RecordError,
    compression,
)
from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.file_format import BY_NAME, CERTAIN
from shelfwise.catalog.reading.formats._as_lines import blocks_of
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat
from shelfwise.catalog.reading.images.image_index import ENDINGS
from shelfwise.catalog.reading.record_parsing import Record, first_line
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

_MAGIC = b"ustar"
_MAGIC_AT = 257
_HEADER_BYTES = 512

_CATALOGUES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".xml", ".parquet", ".xlsx"})


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Args:
        product: what the names of a product's files have in common.
        ending: the rest of the name, in lower case, with its dot.
        size: in bytes.
        content: the bytes; none where they are too many for a record.
    """

    product: str
    ending: str
    size: int
    content: bytes


class Tar(JsonLinesFormat):
    """Products of a tar archive."""

    suffixes: ClassVar[Mapping[str, float]] = {".tar": BY_NAME}
    bytes_on_disk: ClassVar[bool] = False

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """The header of the first file says so."""
        is_tar = start[_MAGIC_AT:].startswith(_MAGIC)
        return CERTAIN if is_tar else 0.0

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The products of an archive.

        Raises:
            CatalogError: the archive is compressed.
        """
        if compression(path) is not None:
            raise CatalogError(f"{path} is a compressed tar archive; decompress it to a .tar first")
        records = _records(_members(path, advance), settings.columns)
        return cls(settings.columns), blocks_of(records)

    def _parsed_line(self, line: RawRecord) -> Record:
        """A record, or why its files are none: that stands in its place as a text."""
        if line.raw.startswith(b'"'):
            return line, RecordError("not a record", json.loads(line.raw))
        return super()._parsed_line(line)


def _records(members: Iterator[Member], columns: Mapping[str, str]) -> Iterator[Any]:
    """The fields of each product."""

    @lru_cache(maxsize=1024)
    def has_id(names: tuple[str, ...]) -> bool:
        return "id" in plan_columns(names, columns).ours

    for name, files in groupby(members, key=attrgetter("product")):
        record = _record(files)
        if isinstance(record, dict) and not has_id(tuple(record)):
            # what the files of one product have in common is its id
            record["id"] = name
        yield record


def _record(files: Iterator[Member]) -> dict[str, Any] | str:
    """The fields of one product, from its files; or why it has none."""
    record: dict[str, Any] = {}
    apart: dict[str, str] = {}
    fault = None
    for file in files:
        kind = file.ending.removeprefix(".")
        # its content was not read: the size says enough
        if file.size > MAX_RECORD_BYTES:
            found = f"{file.product}{file.ending} has {file.size:,} bytes"
            fault = f"{found}; expected at most {MAX_RECORD_BYTES:,}"
        elif kind == "json":
            try:
                record = msgspec.json.decode(file.content, type=dict[str, Any])
            except (ValueError, RecursionError) as error:
                found = f"{file.product}.json is not a JSON object ({first_line(error)})"
                fault = f"{found}; expected the product's fields"
        elif file.ending in ENDINGS:
            data_url = f"data:image/{kind};base64,{base64.b64encode(file.content).decode()}"
            # of several images the first counts
            apart.setdefault("image", data_url)
        else:
            apart[kind] = file.content.decode("utf-8", "surrogateescape").strip()
    return fault or {**record, **apart}


def _members(path: Path, advance: Callable[[int], None]) -> Iterator[Member]:
    """The files of an archive, in their order.

    Raises:
        CatalogError: there is a whole catalogue in it, or the system refuses to read it.
        CorruptFileError: the archive is damaged, or not whole.
    """
    seen = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                advance(archive.offset - seen)
                seen = archive.offset
                # folders and links are no fields, and macOS adds hidden files
                name = PurePosixPath(member.name)
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or name.name.startswith("."):
                    continue
                if name.suffix.lower() in _CATALOGUES:
                    raise CatalogError(
                        f"{path} holds the catalogue {name}, not a file for each product; unpack it and name "
                        "the catalogue"
                    )
                # at the first dot, as WebDataset does: 0001.seg.png is a file of product 0001
                stem, dot, ending = name.name.partition(".")
                fits = member.size <= MAX_RECORD_BYTES
                yield Member(
                    product=str(name.parent / stem),
                    ending=dot + ending.lower(),
                    size=member.size,
                    content=content.read() if fits else b"",
                )
            end = archive.offset
        _check_end(path, end)
    except (tarfile.TarError, EOFError) as error:
        raise CorruptFileError("tar", first_line(error)) from None
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror or error}") from None


def _check_end(path: Path, end: int) -> None:
    """Refuse an archive that does not end with an empty header: the library takes any damage for its end.

    Raises:
        CorruptFileError: it does not.
    """
    with path.open("rb") as file:
        file.seek(end)
        header = file.read(_HEADER_BYTES)
    if header != bytes(_HEADER_BYTES):
        found = "a file's header is damaged" if header else "its end is missing"
        raise CorruptFileError("tar", found)
