"""The formats of a catalogue: which one a file is in, and its blocks one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from shelfwise.catalog.reading.blocks import Format
from shelfwise.catalog.reading.byte_stream import (
    GZIP_MAGIC,
    Block,
    RawRecord,
    RecordError,
    cut_blocks,
    read_chunks,
    split_lines,
)
from shelfwise.catalog.reading.delimited import DelimitedFormat
from shelfwise.catalog.reading.json_lines import JsonLinesFormat
from shelfwise.catalog.reading.parquet import ParquetFormat, parquet_blocks
from shelfwise.catalog.reading.record_parsing import BOM, decoded, parsed, split_row
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet"}
_SNIFFED_LINES = 50
_MARKS_OF_2018 = frozenset(
    {"also_buy", "also_view", "main_cat", "imageURL", "imageURLHighRes", "similar_item"}
)


@dataclass(frozen=True)
class OpenedFile:
    """An opened catalogue.

    Args:
        name: the format it turned out to be in.
        form: how to read a block of it.
        blocks: the whole file, some megabytes at a time.
        file: where the bytes of the blocks stand as they are; None where they do not.
    """

    name: str
    form: Format
    blocks: Iterator[Block]
    file: Path | None = None


def open_source(path: Path, settings: CatalogSettings, advance: Callable[[int], None]) -> OpenedFile:
    """The blocks of `path` in the format of the settings, or in the one it looks like where that is ``"auto"``.

    Raises:
        CatalogError: the format cannot be told, or nothing in the file can be read in it.
    """
    name = detect_format(path) if settings.format == "auto" else settings.format
    if name == "parquet":
        return OpenedFile(name, ParquetFormat(), parquet_blocks(path, advance))
    if name not in ("csv", "tsv"):
        form = JsonLinesFormat(settings.columns, literal=name == "amazon2014")
        return OpenedFile(name, form, cut_blocks(read_chunks(path, advance)), _plain(path))
    header = next((piece for piece in split_lines(read_chunks(path)) if not piece.blank), None)
    if header is None:
        return OpenedFile(name, DelimitedFormat((), ","), iter(()))
    table = _table(header, name, path)
    return OpenedFile(name, table, cut_blocks(read_chunks(path, advance), header, table.whole), _plain(path))


def detect_format(path: Path) -> str:
    """What a file is, by its first bytes, its name, and its first records.

    Raises:
        CatalogError: neither tells, or the system refuses.
    """
    magic = _first_bytes(path)
    if magic == b"PAR1":
        return "parquet"
    name = path.with_suffix("") if path.suffix.lower() == ".gz" or magic.startswith(GZIP_MAGIC) else path
    if (named := _SUFFIXES.get(name.suffix.lower())) is not None:
        return named
    lines = [
        p for p in islice(split_lines(read_chunks(path)), _SNIFFED_LINES) if not p.blank and p.fault is None
    ]
    if lines and lines[0].raw.removeprefix(BOM).strip()[:2] in (b"[", b"[{"):
        raise CatalogError(
            f"{path} is one JSON array; write it as one object a line, for instance with: jq -c '.[]' {path.name} > products.jsonl"
        )
    for piece in lines:
        values = parsed(piece, literal=False)
        if not isinstance(values, RecordError):
            return "amazon2018" if "category" in values and _MARKS_OF_2018 & values.keys() else "jsonl"
        if not isinstance(parsed(piece, literal=True), RecordError):
            return "amazon2014"
    if name.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return "jsonl"
    if lines and lines[0].raw.count(b"\t"):
        return "tsv"
    if lines and lines[0].raw.count(b","):
        return "csv"
    raise CatalogError(
        f"cannot tell the format of {path}: its first lines are neither JSON objects nor a table's header; "
        f"set format to one of jsonl, csv, tsv, parquet, amazon2014, amazon2018"
    )


def _plain(path: Path) -> Path | None:
    return None if _first_bytes(path).startswith(GZIP_MAGIC) else path


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror or error}") from None


def _table(header: RawRecord, form: str, path: Path) -> DelimitedFormat:
    text, fault = decoded(header)
    delimiter = "\t" if form == "tsv" else max(",;\t", key=text.count)
    names = fault or split_row(text, delimiter)
    if isinstance(names, RecordError):
        raise CatalogError(f"the header of {path} (line {header.line}) cannot be read: {names.reason}")
    names = [name.strip() for name in names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CatalogError(
            f"the header of {path} names {', '.join(map(repr, twice))} more than once; give every column its own name"
        )
    return DelimitedFormat(tuple(names), delimiter)
