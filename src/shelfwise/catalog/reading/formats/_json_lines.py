"""JSON Lines, a block at once: one C call a line decodes it against the block's own columns; any other line is read slowly and exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shelfwise.catalog.reading.arrow import Column, places, python_values
from shelfwise.catalog.reading.blocks import ParsedBlock
from shelfwise.catalog.reading.byte_stream import Block, RawRecord
from shelfwise.catalog.reading.column_mapping import plan_columns
from shelfwise.catalog.reading.record_parsing import Record, parsed

_SAMPLE = 64
_TOGETHER = 1024
"""Lines of which all that is made of them stays in the processor's cache until it is in a column."""

_BREAK = ord("\n")
_MAX_NAMES = 512
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True)
class JsonLinesFormat:
    """One JSON object a line.

    Args:
        columns: our field name -> the source's column name, where told.
        literal: lines may be Python dictionaries (the 2014 dumps).
    """

    columns: Mapping[str, str]
    literal: bool = False

    def take_apart(self, block: Block) -> ParsedBlock:
        """Decode every line; what the quick decoder accepts, it reads as :func:`json.loads` does."""
        spans = _spans(block)
        names = _names(map(block.piece, spans[:: max(1, len(spans) // _SAMPLE)]), {})
        columns, odd = self._decoded(block, spans, names)
        if odd and len(wider := _names((block.piece(spans[i]) for i in odd), names)) > len(names):
            names = wider
            columns, odd = self._decoded(block, spans, names)
        others = [self._read(piece) for piece in (block.piece(spans[i]) for i in odd) if piece.raw.strip()]
        read = np.ones(len(spans), dtype=bool)
        read[odd] = False
        return ParsedBlock(dict(zip(names, columns, strict=True)), spans[read], others)

    def record(self, block: Block, span: NDArray[np.int64]) -> Record:
        """One line, read exactly."""
        return self._read(block.piece(span))

    def _read(self, piece: RawRecord) -> Record:
        return piece, parsed(piece, self.literal)

    def _decoded(
        self, block: Block, spans: NDArray[np.int64], names: Iterable[str]
    ) -> tuple[list[Column], list[int]]:
        """The columns of the lines that can be decoded, and the numbers of those that cannot."""
        names = tuple(names)
        decode = _decoder(names, tuple(sorted(self.columns.items())))
        fields = [attrgetter(f"f{i}") for i in range(len(names))]
        parts: list[list[Column]] = [[] for _ in names]
        odd: list[int] = []
        for first in range(0, len(spans), _TOGETHER):
            here = spans[first : first + _TOGETHER]
            begin, end = here[0, 1] - block.offset, here[-1, 1] + here[-1, 2] - block.offset
            records, faulty = _decode(block.data[begin:end].split(b"\n")[: len(here)], decode)
            odd += [first + i for i in faulty]
            for part, field in zip(parts, fields, strict=True) if records else ():
                part.append(_column(list(map(field, records))))
        return list(map(_joined, parts)), odd


def _spans(block: Block) -> NDArray[np.int64]:
    """Line, offset and length of each line of a block, line breaks included: (N, 3)."""
    ends = places(np.frombuffer(block.data, np.uint8), lambda letters: letters == _BREAK) + 1
    if not len(ends) or ends[-1] < len(block.data):
        ends = np.append(ends, len(block.data))
    starts = np.concatenate(([0], ends[:-1]))
    return np.stack((block.line + np.arange(len(ends)), block.offset + starts, ends - starts), axis=1)


def _names(pieces: Iterable[RawRecord], known: Mapping[str, None]) -> dict[str, None]:
    """The keys of the lines that are objects, in order, after those already known; those that a quick decoder can be made for."""
    names = dict(known)
    for piece in pieces:
        try:
            names.update(dict.fromkeys(_keys(piece.raw)))
        except (ValueError, RecursionError):
            continue
        if len(names) > _MAX_NAMES:
            break
    return {
        name: None for name in list(names)[:_MAX_NAMES] if name.isprintable() and not {'"', "\\"} & set(name)
    }


@lru_cache(maxsize=256)
def _decoder(names: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> Any:
    """A decoder to structures with the fields f0, f1, ...; absent keys are None, and lines with any other key are refused.

    A key without which another one would count in its place (``name`` where there is no ``title``) must be there, so that all
    records of a block have one plan. Categories stay JSON: most products share theirs with others.
    """
    told, plan = dict(columns), plan_columns(names, dict(columns))
    fields = []
    for i, name in enumerate(names):
        others = plan_columns(tuple(n for n in names if n != name), told)
        kept = [
            {ours: source for ours, source in m.items() if source != name}
            for m in (plan.ours, plan.relations, plan.further)
        ]
        kind, missing = (
            (msgspec.Raw, msgspec.Raw(b"null")) if plan.ours.get("categories") == name else (Any, None)
        )
        optional = kept == [others.ours, others.relations, others.further]
        fields.append((f"f{i}", kind, missing) if optional else (f"f{i}", kind))
    rename = {f"f{i}": name for i, name in enumerate(names)}
    return msgspec.json.Decoder(
        msgspec.defstruct("Line", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)
    ).decode


def _decode(lines: list[bytes], decode: Any) -> tuple[list[Any], list[int]]:
    """The decoded lines, and the numbers of those that could not be."""
    records: list[Any] = []
    odd: list[int] = []
    waiting = iter(lines)
    while len(records) + len(odd) < len(lines):
        try:
            records.extend(
                map(decode, waiting)
            )  # what was decoded before an error stays, and the next round goes on behind it
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


def _joined(parts: list[Column]) -> Column:
    if parts and not any(isinstance(part, list) for part in parts):
        return pa.concat_arrays(parts)
    return list(chain.from_iterable(map(python_values, parts)))
