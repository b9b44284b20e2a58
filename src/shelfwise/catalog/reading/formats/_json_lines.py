"""One record a line, a block at once: one C call a line decodes it against the block's own columns.

Any line that this cannot read is read slowly and exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.arrow import Column, positions, python_values
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError, cut_blocks, read_chunks
from shelfwise.catalog.reading.column_mapping import plan_columns
from shelfwise.catalog.reading.file_format import FileFormat, ParsedBlock
from shelfwise.catalog.reading.record_parsing import Record, Values, nonblank_lines, parsed
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Int64Array

_SAMPLED_LINES = 64
_LINES_TOGETHER = 1024
"""Lines of which all that is made of them stays in the processor's cache until it is in a column."""

_BREAK = ord("\n")
_MAX_NAMES = 512
_UNUSABLE = frozenset({'"', "\\"})
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
    """

    columns: Mapping[str, str]

    bytes_on_disk: ClassVar[bool] = True
    literal: ClassVar[bool] = False
    """Whether lines may be Python dictionaries too."""

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The lines of a file."""
        return cls(settings.columns), cut_blocks(read_chunks(path, advance))

    def take_apart(self, block: Block) -> ParsedBlock:
        """Decode every line; what the fast decoder accepts, it reads as :func:`json.loads` does."""
        spans = _line_spans(block)
        # most blocks have the columns of a few lines out of them; where not, those of the lines that did not fit
        sample = spans[:: max(1, len(spans) // _SAMPLED_LINES)]
        names = _column_names(map(block.piece, sample), {})
        columns, odd = self._decoded(block, spans, names)
        if odd:
            more_names = _column_names((block.piece(spans[i]) for i in odd), names)
            if len(more_names) > len(names):
                names = more_names
                columns, odd = self._decoded(block, spans, names)
        odd_lines = [block.piece(spans[i]) for i in odd]
        others = [self._parsed_line(line) for line in odd_lines if line.raw.strip()]
        decoded = np.ones(len(spans), dtype=bool)
        decoded[odd] = False
        return ParsedBlock(dict(zip(names, columns, strict=True)), spans[decoded], others)

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
        decode = _decoder(names, tuple(sorted(self.columns.items())))
        fields = [attrgetter(f"f{i}") for i in range(len(names))]
        parts: list[list[Column]] = [[] for _ in names]
        odd: list[int] = []
        for first in range(0, len(spans), _LINES_TOGETHER):
            here = spans[first : first + _LINES_TOGETHER]
            begin = here[0, 1] - block.offset
            end = here[-1, 1] + here[-1, 2] - block.offset
            # behind the last line break there is an empty piece, which is no line
            lines = block.data[begin:end].split(b"\n")[: len(here)]
            records, refused = _decode_lines(lines, decode)
            odd += [first + i for i in refused]
            if records:
                for part, field in zip(parts, fields, strict=True):
                    part.append(_column(list(map(field, records))))
        return [_concatenated(part) for part in parts], odd


def first_record(start: bytes) -> FirstRecord | None:
    """The first of these lines that is a record; None where none is."""
    for line in nonblank_lines(start):
        piece = RawRecord(1, 0, line)
        for literal in (False, True):
            values = parsed(piece, literal)
            if not isinstance(values, RecordError):
                return FirstRecord(values, is_json=not literal)
    return None


def _line_spans(block: Block) -> Int64Array:
    """Line, offset and length of each line of a block, line breaks included: (N, 3)."""
    letters = np.frombuffer(block.data, np.uint8)
    ends = positions(letters, lambda some: some == _BREAK) + 1
    if not len(ends) or ends[-1] < len(block.data):
        # the last line of a file may have no line break
        ends = np.append(ends, len(block.data))
    starts = np.concatenate(([0], ends[:-1]))
    numbers = block.line + np.arange(len(ends))
    return np.stack((numbers, block.offset + starts, ends - starts), axis=1)


def _column_names(lines: Iterable[RawRecord], known: Mapping[str, None]) -> dict[str, None]:
    """The keys of the lines that are objects, in order, after the known ones; only those a fast decoder can be made for."""
    names = dict(known)
    for line in lines:
        try:
            keys = _decode_keys(line.raw)
        except (ValueError, RecursionError):
            continue
        names.update(dict.fromkeys(keys))
        if len(names) > _MAX_NAMES:
            break
    # msgspec refuses to make fields with quotes, backslashes or control characters in their names
    return {
        name: None for name in list(names)[:_MAX_NAMES] if name.isprintable() and not _UNUSABLE & set(name)
    }


@lru_cache(maxsize=256)
def _decoder(names: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> Any:
    """A decoder to structures with the fields f0, f1, ...; absent keys are None, and lines with any other key are refused.

    A key without which another one would count in its place (``name`` where there is no ``title``) must be
    there, so that all records of a block have one plan. Categories stay JSON: most products share theirs
    with others.
    """
    configured = dict(columns)
    plan = plan_columns(names, configured)
    fields: list[tuple[Any, ...]] = []
    for i, name in enumerate(names):
        kind: Any = Any
        absent: Any = None
        if plan.ours.get("categories") == name:
            kind = msgspec.Raw
            absent = msgspec.Raw(b"null")
        plan_without = plan_columns(tuple(other for other in names if other != name), configured)
        optional = plan_without == plan.without(name)
        fields.append((f"f{i}", kind, absent) if optional else (f"f{i}", kind))
    rename = {f"f{i}": name for i, name in enumerate(names)}
    line = msgspec.defstruct(
        "Line", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False
    )
    return msgspec.json.Decoder(line).decode


def _decode_lines(lines: list[bytes], decode: Callable[[bytes], Any]) -> tuple[list[Any], list[int]]:
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
        return pa.array(list(map(bytes, values)), pa.binary())
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return values


def _concatenated(parts: list[Column]) -> Column:
    """The parts of one column as one, an Arrow array only where all of them are."""
    if parts and not any(isinstance(part, list) for part in parts):
        return pa.concat_arrays(parts)
    return list(chain.from_iterable(map(python_values, parts)))
