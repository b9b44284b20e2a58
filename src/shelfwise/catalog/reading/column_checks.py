"""Whole columns at once: what is plainly in order stays as it is, and only the values in doubt are read one by one.

In doubt is every value that its function in :mod:`~shelfwise.catalog.reading.value_parsing` might change or refuse. Both ways therefore give the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.catalog.reading.arrow import (
    Column,
    filled,
    hidden,
    marked,
    python_values,
    strings,
    truths,
    unprintable,
    untidy,
)
from shelfwise.catalog.reading.category_paths import json_paths, json_reader, written_paths
from shelfwise.catalog.reading.column_mapping import ColumnPlan
from shelfwise.catalog.reading.value_parsing import (
    Rules,
    read_further,
    read_id,
    read_image,
    read_name,
    read_paths,
    read_price,
    read_related,
    read_text,
)
from shelfwise.core.catalog import SCHEMA

_PLAIN_PATH = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
_PLAIN_NUMBER = r"^[0-9]{1,15}(?:\.[0-9]{1,15})?$"
_PLAIN_WORD = "(?:(?:[ÀÁÄ-ÖØ-öø-ÿ]?[!-%'-;=-~])+[ÀÁÄ-ÖØ-öø-ÿ]?|[ÀÁÄ-ÖØ-öø-ÿ]|&)"
_PLAIN_TEXT = f"^{_PLAIN_WORD}(?: {_PLAIN_WORD})*$"
"""Text with accented letters that stand alone, which no pattern of mojibake fits, and with ampersands that begin no entity."""


@dataclass(frozen=True)
class Checked:
    """N records, checked.

    Args:
        table: the columns of :data:`~shelfwise.core.catalog.SCHEMA` and the further ones, N rows; void where `failed`.
        failed: (N,); records with a value that cannot be used.
        notes: of the others, what was set aside -> how many.
    """

    table: pa.Table
    failed: NDArray[np.bool_]
    notes: Counter[str]


def check_columns(plan: ColumnPlan, columns: Mapping[str, Column], count: int, rules: Rules) -> Checked:
    """Check `count` records, given as the columns of their source."""
    trial = _Trial(Rules(rules.separator, rules.delimiter), np.zeros(count, dtype=bool))
    read: dict[str, Callable[[Column], pa.Array]] = {
        "id": trial.ids,
        "title": trial.texts,
        "description": trial.texts,
        "image": trial.images,
        "categories": trial.paths,
        "price": trial.prices,
        "brand": partial(trial.texts, read=_short_text),
        "related": trial.related,
    }
    ours = {name: columns[source] for name, source in plan.ours.items()}
    if plan.relations:
        lists = [python_values(columns[source]) for source in plan.relations.values()]
        ours["related"] = [
            dict(zip(plan.relations, (v or None for v in row), strict=True))
            for row in zip(*lists, strict=True)
        ]
    table = {
        f.name: read[f.name](ours[f.name]) if f.name in ours else pa.nulls(count, f.type) for f in SCHEMA
    }
    if "id" not in ours:
        trial.failed[:] = True
    table |= {name: trial.further(columns[source]) for name, source in plan.further.items()}
    return Checked(pa.table(table), trial.failed, trial.total())


def _short_text(value: Any) -> str | None:
    """As :func:`read_text`; what many products have in common is remembered."""
    return read_name(value) or None if isinstance(value, str) else read_text(value)


@dataclass
class _Trial:
    """Reads columns, and keeps account of the records that fail and of what is noted about the others."""

    rules: Rules
    failed: NDArray[np.bool_]
    noted: list[tuple[int, Counter[str]]] = field(default_factory=list)

    def total(self) -> Counter[str]:
        """The notes about records that did not fail."""
        return sum((notes for row, notes in self.noted if not self.failed[row]), Counter())

    def ids(self, values: Column) -> pa.Array:
        array, doubt = strings(values)
        return self._mend(array, doubt | marked(array, unprintable) | ~filled(array), values, read_id)

    def texts(self, values: Column, read: Callable[[Any], str | None] = read_text) -> pa.Array:
        array, doubt = strings(values)
        rows = np.flatnonzero(marked(array, untidy))
        plain = truths(pc.match_substring_regex(array.take(pa.array(rows)), _PLAIN_TEXT))
        doubt[rows[~plain]] = True
        return self._mend(array, doubt, values, read)

    def images(self, values: Column) -> pa.Array:
        array, doubt = strings(values)
        plain = truths(pc.match_substring_regex(array, _PLAIN_PATH))
        return self._mend(
            array, doubt | (filled(array) & ~plain), values, partial(read_image, rules=self.rules)
        )

    def prices(self, values: Column) -> pa.Array:
        if isinstance(values, list) and set(map(type, values)) <= {int, float, NoneType}:
            try:
                array = pa.array(values, pa.float64())
            except pa.ArrowInvalid:  # an integer that no float holds
                array, doubt = pa.nulls(len(values), pa.float64()), np.ones(len(values), dtype=bool)
            else:
                doubt = filled(array) & ~truths(pc.and_(pc.greater_equal(array, 0), pc.is_finite(array)))
        else:
            texts, doubt = strings(values)
            plain = truths(pc.match_substring_regex(texts, _PLAIN_NUMBER))
            doubt = doubt | (filled(texts) & ~plain)
            array = pc.cast(hidden(texts, ~plain), pa.float64())
        return self._mend(array, doubt, values, partial(read_price, rules=self.rules))

    def paths(self, values: Column) -> pa.Array:
        if not isinstance(values, list) and pa.types.is_binary(values.type):
            return self._mend(*json_paths(values, self.rules), values, json_reader(self.rules))
        array, doubt = written_paths(values, self.rules)
        return self._mend(array, doubt, values, partial(read_paths, rules=self.rules))

    def related(self, values: Column) -> pa.Array:
        found = python_values(values)
        doubt = np.fromiter((v is not None for v in found), bool, len(found))
        return self._mend(pa.nulls(len(found), SCHEMA.field("related").type), doubt, found, _items)

    def further(self, values: Column) -> pa.Array:
        array, doubt = strings(values)
        return self._mend(array, doubt | marked(array), values, read_further)

    def _mend(
        self, array: pa.Array, doubt: NDArray[np.bool_], values: Column, read: Callable[[Any], Any]
    ) -> pa.Array:
        """`array` with the rows in doubt read one by one from `values`."""
        rows = np.flatnonzero(doubt)
        if not len(rows):
            return array
        found = (
            [values[i] for i in rows] if isinstance(values, list) else values.take(pa.array(rows)).to_pylist()
        )
        results, notes = [], self.rules.notes
        for row, value in zip(rows, found, strict=True):
            try:
                results.append(read(value))
            except (ValueError, RecursionError):
                results.append(None)
                self.failed[row] = True
            if notes:
                self.noted.append((int(row), +notes))
                notes.clear()
        mended = pa.array(results, array.type)
        if not pa.types.is_nested(array.type):
            return pc.replace_with_mask(array, pa.array(doubt), mended)
        where = np.arange(len(array))
        where[rows] = len(array) + np.arange(len(rows))
        return pa.concat_arrays([array, mended]).take(pa.array(where))


def _items(value: Any) -> list[tuple[str, list[str]]] | None:
    related = read_related(value)
    return list(related.items()) if related else None
