"""The first block of a file, some megabytes, and what is found out about it.

Values are taken from its first records and from all over the rest: catalogues may be sorted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.arrow import Column, python_values
from shelfwise.catalog.reading.byte_stream import RecordError
from shelfwise.catalog.reading.columns.chosen_columns import Sample
from shelfwise.catalog.reading.file_format import OpenedFile, ParsedBlock
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Int64Array

MAX_SAMPLE = 5000
"""Values of a column that are looked at."""


@dataclass(frozen=True)
class FileBeginning:
    """The first block of a file, and what is found out about it.

    Args:
        parts: its records, taken apart.
        names: all columns that a record has.
        evidence: sentences for the user; steps of the detection add to it.
    """

    parts: ParsedBlock
    names: tuple[str, ...]
    settings: CatalogSettings
    evidence: list[str]

    @classmethod
    def of(cls, source: OpenedFile, parts: ParsedBlock, settings: CatalogSettings) -> FileBeginning:
        """The beginning of `source`, with what its format tells."""
        names = dict.fromkeys(parts.columns)
        for _, values in parts.others:
            if not isinstance(values, RecordError):
                names.update(dict.fromkeys(values))
        return cls(parts, tuple(names), settings, [*source.notes, *source.form.told()])

    @cached_property
    def sample(self) -> Sample:
        """The first values of a column, by its name; each column is taken out once."""
        return lru_cache(maxsize=None)(partial(_in_order, self.parts, self._order[:MAX_SAMPLE]))

    def values(self, name: str) -> list[Any]:
        """The first values of a column, and some from further down."""
        # catalogues may be sorted, so as many from all over the block behind its first ones
        step = max(1, len(self._order) // MAX_SAMPLE)
        return [*self.sample(name), *_in_order(self.parts, self._order[MAX_SAMPLE::step], name)]

    def every(self, name: str) -> list[Any]:
        """All values of a column that the block has."""
        return _in_order(self.parts, self._order, name)

    @cached_property
    def _order(self) -> Int64Array:
        """The places of the N records in the order of the file, as if those read one by one were the last."""
        own = self.parts.spans[:, 0]
        others = np.array([piece.line for piece, _ in self.parts.others], np.int64)
        # records of one line, as of JSON in one, stay in their order
        return np.argsort(np.concatenate([own, others]), kind="stable")


def _in_order(parts: ParsedBlock, order: Int64Array, name: str) -> list[Any]:
    """The values of a column as Python objects.

    Args:
        order: the places of the records.
    """
    column: Column = parts.columns.get(name, [])
    in_columns = len(parts.spans)
    places = order[order < in_columns]
    # of a column that only records read one by one have, nothing is missing in the others
    if isinstance(column, list):
        values = [column[place] for place in places.tolist()] if column else []
    else:
        values = python_values(column.take(pa.array(places)))
    # mostly all are
    if len(places) == len(order):
        return _from_json(values)
    own = iter(values)
    found: list[Any] = []
    for place in order.tolist():
        if place < in_columns:
            found += [next(own)] if values else []
            continue
        record = parts.others[place - in_columns][1]
        if isinstance(record, Mapping):
            found.append(record.get(name))
    return _from_json(found)


def _from_json(values: list[Any]) -> list[Any]:
    """The values; JSON lines keep their categories as bytes until they are read."""
    # most columns hold none, and asking is fast
    if bytes not in set(map(type, values)):
        return values
    return [_decoded(value) if isinstance(value, bytes) else value for value in values]


def _decoded(value: bytes) -> Any:
    """What JSON says; None of what is none."""
    with suppress(ValueError):
        # what the fast decoder accepts, it reads alike
        return msgspec.json.decode(value)
    try:
        return json.loads(value)
    except ValueError:
        return None
