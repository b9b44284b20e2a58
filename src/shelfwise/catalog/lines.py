"""JSON Lines, a block at once: one C call a line decodes it against the block's own columns; any other line is read slowly and exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shelfwise.catalog.blocks import Parts
from shelfwise.catalog.columns import plan_columns
from shelfwise.catalog.records import Record, parsed
from shelfwise.catalog.sources import Block, Piece

_SAMPLE = 64
_MAX_NAMES = 512
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line.

    Args:
        columns: our field name -> the source's column name, where told.
        literal: lines may be Python dictionaries (the 2014 dumps).
    """

    columns: Mapping[str, str]
    literal: bool = False

    def take_apart(self, block: Block) -> Parts:
        """Decode every line; what the quick decoder accepts, it reads as :func:`json.loads` does."""
        lines = block.data.split(b"\n")
        lengths = np.fromiter(map(len, lines), np.int64, len(lines)) + 1
        offsets = block.offset + np.concatenate(([0], np.cumsum(lengths)[:-1]))
        lengths[-1] -= 1  # nothing stands after the last line break
        spans = np.stack((block.line + np.arange(len(lines)), offsets, lengths), axis=1)
        names = _names(lines[:: max(1, len(lines) // _SAMPLE)], {})
        records, odd = _decode(lines, self._shape(names))
        if odd and len(wider := _names((lines[i] for i in odd), names)) > len(names):
            names = wider
            records, odd = _decode(lines, self._shape(names))
        others = [self._read(block.piece(spans[i])) for i in odd if lines[i].strip()]
        read = np.ones(len(lines), dtype=bool)
        read[odd] = False
        values = zip(*map(msgspec.structs.astuple, records), strict=True) if records else ([] for _ in names)
        columns = {name: _column(list(column)) for name, column in zip(names, values, strict=True)}
        return Parts(columns, spans[read], others)

    def record(self, block: Block, span: NDArray[np.int64]) -> Record:
        """One line, read exactly."""
        return self._read(block.piece(span))

    def _read(self, piece: Piece) -> Record:
        return piece, parsed(piece, self.literal)

    def _shape(self, names: Iterable[str]) -> Any:
        return _decoder(tuple(names), tuple(sorted(self.columns.items())))


def _names(lines: Iterable[bytes], known: Mapping[str, None]) -> dict[str, None]:
    """The keys of the lines that are objects, in order, after those already known; those that a quick decoder can be made for."""
    names = dict(known)
    for line in lines:
        try:
            names.update(dict.fromkeys(_keys(line)))
        except (ValueError, RecursionError):
            continue
        if len(names) > _MAX_NAMES:
            break
    return {name: None for name in list(names)[:_MAX_NAMES] if name.isprintable() and not {'"', "\\"} & set(name)}


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
        kept = [{ours: source for ours, source in m.items() if source != name} for m in (plan.ours, plan.relations, plan.further)]
        kind, missing = (msgspec.Raw, msgspec.Raw(b"null")) if plan.ours.get("categories") == name else (Any, None)
        optional = kept == [others.ours, others.relations, others.further]
        fields.append((f"f{i}", kind, missing) if optional else (f"f{i}", kind))
    rename = {f"f{i}": name for i, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Line", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)).decode


def _decode(lines: list[bytes], decode: Any) -> tuple[list[Any], list[int]]:
    """The decoded lines, and the numbers of those that could not be."""
    records: list[Any] = []
    odd: list[int] = []
    waiting = iter(lines)
    while len(records) + len(odd) < len(lines):
        try:
            records.extend(map(decode, waiting))  # what was decoded before an error stays, and the next round goes on behind it
        except (ValueError, RecursionError):
            odd.append(len(records) + len(odd))
    return records, odd


def _column(values: list[Any]) -> Any:
    return pa.array(list(map(bytes, values)), pa.binary()) if values and type(values[0]) is msgspec.Raw else values
