"""One record a line, a block at once: one C call a line decodes it against the block's own columns.

Any line that this cannot read is read slowly and exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.arrow import Column, positions, python_values
from shelfwise.catalog.reading.byte_stream import (
    Block,
    RawRecord,
    RecordError,
    as_spans,
    read_chunks,
)
from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.file_format import FileFormat, ParsedBlock
from shelfwise.catalog.reading.formats._shadowed_values import shadowing_lines
from shelfwise.catalog.reading.record_parsing import BOM, Record, Values, nonblank_lines, parsed
from shelfwise.catalog.reading.streaming.block_cutting import cut_blocks
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Int64Array

_SAMPLED_LINES = 64
# lines of which all that is made of them stays in the processor's cache until it is in a column
_LINES_TOGETHER = 1024

_BREAK = ord("\n")
_MAX_NAMES = 512

_MAX_TRIED_BYTES = 1 << 20
"""Of a line that may be the first record; a whole catalogue in one line would be tried for seconds."""

_UNUSABLE = frozenset({'"', "\\"})

Names = tuple[str, ...]
Decode = Callable[[bytes], Any]

_decode_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True)
class FirstRecord:
    """The first record of a file.

    Args:
        values: what it holds.
        is_json: whether it is JSON; else it is a Python dictionary.
    """

    values: Values
    is_json: bool


@dataclass(frozen=True)
class JsonLinesFormat(FileFormat):
    """One JSON object a line.

    Args:
        columns: our field name -> the source's column name, where the settings name it.
        sentences: what a user is told of the whole file.
    """

    columns: Mapping[str, str]
    sentences: tuple[str, ...] = ()

    bytes_on_disk: ClassVar[bool] = True
    literal: ClassVar[bool] = False
    """Whether lines may be Python dictionaries too."""

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The lines of a file."""
        return cls(settings.columns), cut_blocks(read_chunks(path, advance, settings.encoding))

    def with_columns(self, columns: Mapping[str, str]) -> Self:
        """The same format for other columns of ours: categories are decoded in a way of their own."""
        return replace(self, columns=columns)

    def told(self) -> tuple[str, ...]:
        """What was found out when the file was opened."""
        return self.sentences

    def take_apart(self, block: Block) -> ParsedBlock:
        """Decode every line; what the fast decoder accepts, it reads as :func:`json.loads` does."""
        spans = _line_spans(block)
        # lines from all over the block tell which keys there are
        step = max(1, len(spans) // _SAMPLED_LINES)
        sample = map(block.piece, spans[::step])
        names = _column_names(sample, {})
        columns, odd = self._decoded(block, spans, names)
        # the sample may lack columns: the lines that did not fit have them
        more_names = _column_names(map(block.piece, spans[odd]), names)
        if len(more_names) > len(names):
            names = more_names
            columns, odd = self._decoded(block, spans, names)
        odd_lines = map(block.piece, spans[odd])
        others = [self._parsed_line(line) for line in odd_lines if line.raw.strip()]
        decoded = np.ones(len(spans), dtype=bool)
        decoded[odd] = False
        named = dict(zip(names, columns, strict=True))
        return ParsedBlock(named, spans[decoded], others)

    def record(self, block: Block, span: Int64Array) -> Record:
        """One line, read exactly."""
        return self._parsed_line(block.piece(span))

    def _parsed_line(self, line: RawRecord) -> Record:
        return line, parsed(line, self.literal)

    def _decoded(
        self, block: Block, spans: Int64Array, names: Iterable[str]
    ) -> tuple[list[Column], list[int]]:
        """The columns of the lines that can be decoded, and the numbers of those that cannot."""
        names = tuple(names)
        configured = tuple(sorted(self.columns.items()))
        decode = _decoder(names, configured)
        field_names = map(_field_name, range(len(names)))
        fields = [attrgetter(name) for name in field_names]
        parts: list[list[Column]] = [[] for _ in names]
        odd: list[int] = []
        categories = plan_columns(names, self.columns).ours.get("categories")
        shadowing = set() if categories is None else shadowing_lines(block, spans, categories)
        for first in range(0, len(spans), _LINES_TOGETHER):
            lines = _lines_of(block, spans[first : first + _LINES_TOGETHER])
            for number in shadowing.intersection(range(first, first + len(lines))):
                # what is no JSON is read exactly
                lines[number - first] = b""
            records, refused = _decode_lines(lines, decode)
            odd += [first + i for i in refused]
            if not records:
                continue
            for part, field in zip(parts, fields, strict=True):
                values = list(map(field, records))
                part.append(_column(values))
        return [_concatenated(part) for part in parts], odd


def first_record(start: bytes) -> FirstRecord | None:
    """The first of these lines that is a record; None where none is."""
    for line in nonblank_lines(start):
        opens_object = line.removeprefix(BOM).lstrip().startswith(b"{")
        if not opens_object or len(line) > _MAX_TRIED_BYTES:
            continue
        piece = RawRecord(1, 0, line)
        # JSON first: most of it is a Python literal too
        for literal in (False, True):
            values = parsed(piece, literal)
            if not isinstance(values, RecordError):
                return FirstRecord(values, is_json=not literal)
    return None


def _line_spans(block: Block) -> Int64Array:
    """Line, offset and length of each line of a block, line breaks included: (N, 3)."""
    size = len(block.data)
    letters = np.frombuffer(block.data, np.uint8)
    ends = positions(letters, lambda some: some == _BREAK) + 1
    if not block.data.endswith(b"\n"):
        # the last line of a file may have no line break
        ends = np.append(ends, size)
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    numbers = block.line + np.arange(len(ends))
    return as_spans(numbers, block.offset + starts, ends - starts)


def _lines_of(block: Block, spans: Int64Array) -> list[bytes]:
    """The bytes of some lines that follow each other, without their line breaks."""
    first = spans[0]
    last = spans[-1]
    begin = first[1] - block.offset
    end = last[1] + last[2] - block.offset
    lines: list[bytes] = block.data[begin:end].split(b"\n")
    # behind the last line break there is an empty piece, which is no line
    return lines[: len(spans)]


def _column_names(
    lines: Iterable[RawRecord],
    known: Mapping[str, None],
) -> dict[str, None]:
    """The keys of the lines that are objects, in order, after the known ones.

    Only those that a fast decoder can be made for.
    """
    names = dict(known)
    for line in lines:
        try:
            keys = _decode_keys(line.raw)
        except (ValueError, RecursionError):
            continue
        names.update(dict.fromkeys(keys))
        # records with keys of their own would make a decoder of any size
        if len(names) > _MAX_NAMES:
            break
    # msgspec refuses to make fields with quotes, backslashes or control characters in their names
    usable = [name for name in list(names)[:_MAX_NAMES] if _is_usable(name)]
    return dict.fromkeys(usable)


def _is_usable(name: str) -> bool:
    return name.isprintable() and not _UNUSABLE & set(name)


@lru_cache(maxsize=256)
def _decoder(names: Names, columns: tuple[tuple[str, str], ...]) -> Decode:
    """A decoder to structures with the fields f0, f1, ...; absent keys are None.

    Lines with any other key are refused. A key without which another one would count in its place (``name``
    where there is no ``title``) must be there, so that all records of a block have one plan. Categories stay
    JSON: most products share theirs with others.
    """
    configured = dict(columns)
    plan = plan_columns(names, configured)
    fields: list[tuple[Any, ...]] = []
    rename: dict[str, str] = {}
    for i, name in enumerate(names):
        field = _field_name(i)
        rename[field] = name
        kind: Any = Any
        absent: Any = None
        if plan.ours.get("categories") == name:
            kind = msgspec.Raw
            absent = msgspec.Raw(b"null")
        others = tuple(other for other in names if other != name)
        # without this key nothing else would take its place, so it may be absent
        if plan_columns(others, configured) == plan.without(name):
            fields.append((field, kind, absent))
        else:
            fields.append((field, kind))
    line = msgspec.defstruct(
        "Line",
        fields,
        rename=rename,
        forbid_unknown_fields=True,
        kw_only=True,
        # lines hold no cycles, and there are many of them
        gc=False,
    )
    decode: Decode = msgspec.json.Decoder(line).decode
    return decode


def _field_name(number: int) -> str:
    return f"f{number}"


def _decode_lines(lines: list[bytes], decode: Decode) -> tuple[list[Any], list[int]]:
    """The decoded lines, and the numbers of those that could not be."""
    records: list[Any] = []
    odd: list[int] = []
    waiting = iter(lines)
    while len(records) + len(odd) < len(lines):
        try:
            # what was decoded before an error stays, and the next round goes on behind it
            records.extend(map(decode, waiting))
        except (ValueError, RecursionError):
            odd.append(len(records) + len(odd))
    return records, odd


def _column(values: list[Any]) -> Column:
    """The values, one or more, as Arrow has them where all of them are texts or none, or all are JSON."""
    if type(values[0]) is msgspec.Raw:
        raw = list(map(bytes, values))
        return pa.array(raw, pa.binary())
    # trying is faster than looking at the types first
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return values


def _concatenated(parts: list[Column]) -> Column:
    """The parts of one column as one, an Arrow array only where all of them are."""
    in_arrow = not any(isinstance(part, list) for part in parts)
    # without a part there is no Arrow type either
    if parts and in_arrow:
        return pa.concat_arrays(parts)
    lists = map(python_values, parts)
    return list(chain.from_iterable(lists))
