"""The formats of a catalogue: which one a file is in, and its records one by one."""

from __future__ import annotations

import ast
import csv
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.sources import GZIP_MAGIC, Fault, Piece, join_quoted, read_chunks, split_lines
from shelfwise.errors import CatalogError

Values = Mapping[str, Any]
Record = tuple[Piece, Values | Fault]
"""A piece of the source, and the values it holds or the reason why it holds none."""

_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet"}
_SURROGATE = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"
_SNIFFED_LINES = 50
_MARKS_OF_2018 = frozenset({"also_buy", "also_view", "main_cat", "imageURL", "imageURLHighRes", "similar_item"})


@dataclass(frozen=True)
class Source:
    """An opened catalogue: the format it turned out to be, and its records."""

    format: str
    records: Iterator[Record]


def open_source(path: Path, wanted: str, advance: Callable[[int], None]) -> Source:
    """The records of `path` in the format `wanted`, or in the one it looks like where that is ``"auto"``.

    Raises:
        CatalogError: the format cannot be told, or nothing in the file can be read in it.
    """
    form = detect_format(path) if wanted == "auto" else wanted
    if form == "parquet":
        return Source(form, _parquet_records(path, advance))
    lines = split_lines(read_chunks(path, advance))
    if form in ("csv", "tsv"):
        return Source(form, _table_records(lines, form, path))
    parse = parse_literal if form == "amazon2014" else parse_json
    return Source(form, ((piece, _parsed(piece, parse)) for piece in lines if not piece.blank))


def detect_format(path: Path) -> str:
    """What a file is, by its first bytes, its name, and its first records.

    Raises:
        CatalogError: neither tells.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return "parquet"
    name = path.with_suffix("") if path.suffix.lower() == ".gz" or magic.startswith(GZIP_MAGIC) else path
    if (named := _SUFFIXES.get(name.suffix.lower())) is not None:
        return named
    lines = [p for p in islice(split_lines(read_chunks(path)), _SNIFFED_LINES) if not p.blank and p.fault is None]
    if lines and lines[0].raw.removeprefix(_BOM).strip()[:2] in (b"[", b"[{"):
        raise CatalogError(
            f"{path} is one JSON array; write it as one object a line, for instance with: jq -c '.[]' {path.name} > products.jsonl"
        )
    for piece in lines:
        values = _parsed(piece, parse_json)
        if not isinstance(values, Fault):
            return "amazon2018" if "category" in values and _MARKS_OF_2018 & values.keys() else "jsonl"
        if not isinstance(_parsed(piece, parse_literal), Fault):
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


def parse_json(text: str) -> Values:
    """One JSON object. Raises ValueError for anything else."""
    value = json.loads(text, strict=False)
    if not isinstance(value, dict):
        raise ValueError(f"found a JSON {type(value).__name__}, not an object")
    return value


def parse_literal(text: str) -> Values:
    """One dictionary as JSON or as a Python literal (the 2014 dumps). Raises ValueError or SyntaxError for anything else."""
    try:
        return parse_json(text)
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # text such as "\d" is not the reader's business
            value = ast.literal_eval(text.strip())
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError("found a Python literal that is not a dictionary with texts as keys")
    return value


def _parsed(piece: Piece, parse: Callable[[str], Values]) -> Values | Fault:
    """The values of one line, or why there are none."""
    text, fault = _decoded(piece)
    if fault is not None:
        return fault
    try:
        values = parse(text)
        if _SURROGATE.search(text):
            json.dumps(values, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return Fault("half a character", "half of a surrogate pair stands alone in an escape; expected characters that UTF-8 can hold")
    except (RecursionError, MemoryError):
        return Fault("nested too deeply", "the record is nested too deeply; expected an object of texts, numbers and lists")
    except (ValueError, SyntaxError, TypeError) as error:
        kind = "a JSON object" if parse is parse_json else "a JSON object or a Python dictionary"
        return Fault("not a record", f"the line is not {kind} ({_first_line(error)}); expected one record a line")
    return values


def _decoded(piece: Piece) -> tuple[str, Fault | None]:
    """The text of a piece, or why it has none."""
    if piece.fault is not None:
        return "", piece.fault
    if b"\0" in piece.raw:
        return "", Fault("NUL byte", f"a NUL byte stands at byte {piece.raw.index(0)}; expected text in UTF-8")
    try:
        return piece.raw.removeprefix(_BOM).decode(), None
    except UnicodeDecodeError as error:
        return "", Fault("not UTF-8", f"byte {piece.raw[error.start]:#04x} at byte {error.start} is not UTF-8; expected text in UTF-8")


def _table_records(lines: Iterator[Piece], form: str, path: Path) -> Iterator[Record]:
    header = next((piece for piece in lines if not piece.blank), None)
    if header is None:
        return
    text, fault = _decoded(header)
    delimiter = "\t" if form == "tsv" else max(",;\t", key=text.count)
    names = fault or _row(text, delimiter)
    if isinstance(names, Fault):
        raise CatalogError(f"the header of {path} (line {header.line}) cannot be read: {names.reason}")
    names = [name.strip() for name in names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CatalogError(f"the header of {path} names {', '.join(map(repr, twice))} more than once; give every column its own name")
    for piece in join_quoted(lines, delimiter.encode(), len(names)):
        if piece.blank:
            continue
        text, fault = _decoded(piece)
        row = fault or _row(text, delimiter)
        if isinstance(row, list) and len(row) != len(names):
            row = Fault("wrong number of columns", f"the row has {len(row)} columns; expected {len(names)}, as the header has")
        yield piece, row if isinstance(row, Fault) else dict(zip(names, row, strict=True))


def _row(text: str, delimiter: str) -> list[str] | Fault:
    """The fields of one record, or why there are none."""
    try:
        rows = list(csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return Fault("unreadable row", f"the row cannot be read ({error}); expected fields with quotes inside doubled")
    return rows[0] if len(rows) == 1 else Fault("unreadable row", f"the row falls into {len(rows)} rows; expected one")


def _parquet_records(path: Path, advance: Callable[[int], None]) -> Iterator[Record]:
    """Rows as records; they have no bytes of their own, so the row number is the line and the values as JSON are the raw bytes."""
    try:
        with pq.ParquetFile(path) as file:
            total, row = path.stat().st_size, 0
            for batch in file.iter_batches(batch_size=4096):
                for values in _rows(batch):
                    row += 1
                    raw = b"" if isinstance(values, Fault) else json.dumps(values, default=str).encode()
                    yield Piece(row, -1, raw), values
                advance(total * batch.num_rows // max(file.metadata.num_rows, 1))
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path} cannot be read as Parquet ({_first_line(error)}); write it again") from None


def _rows(batch: pa.RecordBatch) -> Iterator[Values | Fault]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for i in range(batch.num_rows):
            try:
                yield from batch.slice(i, 1).to_pylist()
            except UnicodeDecodeError:
                yield Fault("not UTF-8", "the row holds bytes that are not UTF-8; expected text in UTF-8")


def _first_line(error: BaseException) -> str:
    return next(chain(str(error).splitlines(), [""])) or type(error).__name__
