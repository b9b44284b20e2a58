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
import pyarrow as pa

from shelfwise.catalog.reading.arrow import Column, python_values
from shelfwise.catalog.reading.byte_stream import RecordError
from shelfwise.catalog.reading.columns.chosen_columns import Sample
from shelfwise.catalog.reading.file_format import OpenedFile, ParsedBlock
from shelfwise.config import CatalogSettings

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
        return lru_cache(maxsize=None)(partial(_sample, self.parts))

    def values(self, name: str) -> list[Any]:
        """The first values of a column, and some from further down."""
        return [*self.sample(name), *_spread(self.parts, name)]

    def every(self, name: str) -> list[Any]:
        """All values of a column that the block has."""
        column: Column = self.parts.columns.get(name, [])
        others = [one.get(name) for _, one in self.parts.others if isinstance(one, Mapping)]
        return _from_json([*python_values(column), *others])


def _sample(parts: ParsedBlock, name: str) -> list[Any]:
    """The first values of a column as Python objects."""
    column: Column = parts.columns.get(name, [])
    values = python_values(column[:MAX_SAMPLE])
    # records that are read one by one, such as rows with line breaks, count as much as the others
    for _, record in parts.others[: MAX_SAMPLE - len(values)]:
        if isinstance(record, Mapping):
            values.append(record.get(name))
    return _from_json(values)


def _spread(parts: ParsedBlock, name: str) -> list[Any]:
    """As many values of a column from all over the block behind its first ones: catalogues may be sorted."""
    column: Column = parts.columns.get(name, [])
    step = max(1, len(column) // MAX_SAMPLE)
    places = range(MAX_SAMPLE, len(column), step)
    listed = isinstance(column, list)
    values = [column[i] for i in places] if listed else column.take(pa.array(places, pa.int64()))
    # records with columns of their own count too, behind those that are columns
    others = parts.others[max(0, MAX_SAMPLE - len(column)) :]
    records = [one for _, one in others[:: max(1, len(others) // MAX_SAMPLE)]]
    found = [one.get(name) for one in records if isinstance(one, Mapping)]
    return _from_json([*python_values(values), *found])


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
