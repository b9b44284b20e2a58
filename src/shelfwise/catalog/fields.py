"""Whole columns at once: what is plainly in order stays as it is, and only the values in doubt are read one by one.

In doubt is every value that its function in :mod:`~shelfwise.catalog.values` might change or refuse. Both ways therefore give the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.catalog.columns import Plan
from shelfwise.catalog.store import SCHEMA
from shelfwise.catalog.values import (
    Rules,
    levels,
    read_further,
    read_id,
    read_image,
    read_name,
    read_paths,
    read_price,
    read_related,
    read_text,
)

Column = Any
"""N values of one field: an Arrow array of strings, or a list of what JSON and Parquet may hold."""

_LEVELS = SCHEMA.field("categories").type.value_type
_PLAIN_PATH = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
_PLAIN_NUMBER = r"^[0-9]{1,15}(?:\.[0-9]{1,15})?$"


@dataclass(frozen=True)
class Checked:
    """N records, checked.

    Args:
        table: the columns of :data:`~shelfwise.catalog.store.SCHEMA` and the further ones, N rows; void where `failed`.
        failed: (N,); records with a value that cannot be used.
        notes: of the others, what was set aside -> how many.
    """

    table: pa.Table
    failed: NDArray[np.bool_]
    notes: Counter[str]


def check_columns(plan: Plan, columns: Mapping[str, Column], count: int, rules: Rules) -> Checked:
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
        lists = [_values(columns[source]) for source in plan.relations.values()]
        ours["related"] = [dict(zip(plan.relations, (v or None for v in row), strict=True)) for row in zip(*lists, strict=True)]
    table = {f.name: read[f.name](ours[f.name]) if f.name in ours else pa.nulls(count, f.type) for f in SCHEMA}
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
        array, doubt = _strings(values)
        return self._mend(array, doubt | _marked(array, _unprintable) | ~_valid(array), values, read_id)

    def texts(self, values: Column, read: Callable[[Any], str | None] = read_text) -> pa.Array:
        array, doubt = _strings(values)
        return self._mend(array, doubt | _marked(array, _untidy), values, read)

    def images(self, values: Column) -> pa.Array:
        array, doubt = _strings(values)
        plain = _mask(pc.match_substring_regex(array, _PLAIN_PATH))
        return self._mend(array, doubt | (_valid(array) & ~plain), values, partial(read_image, rules=self.rules))

    def prices(self, values: Column) -> pa.Array:
        if isinstance(values, list) and set(map(type, values)) <= {int, float, NoneType}:
            try:
                array = pa.array(values, pa.float64())
            except pa.ArrowInvalid:  # an integer that no float holds
                array, doubt = pa.nulls(len(values), pa.float64()), np.ones(len(values), dtype=bool)
            else:
                doubt = _valid(array) & ~_mask(pc.and_(pc.greater_equal(array, 0), pc.is_finite(array)))
        else:
            texts, doubt = _strings(values)
            plain = _mask(pc.match_substring_regex(texts, _PLAIN_NUMBER))
            doubt = doubt | (_valid(texts) & ~plain)
            array = pc.cast(_hidden(texts, ~plain), pa.float64())
        return self._mend(array, doubt, values, partial(read_price, rules=self.rules))

    def paths(self, values: Column) -> pa.Array:
        array, doubt = _written_paths(values, self.rules) if _is_text(values) else _listed_paths(values, self.rules)
        return self._mend(array, doubt, values, partial(read_paths, rules=self.rules))

    def related(self, values: Column) -> pa.Array:
        found = _values(values)
        doubt = np.fromiter((v is not None for v in found), bool, len(found))
        return self._mend(pa.nulls(len(found), SCHEMA.field("related").type), doubt, found, _items)

    def further(self, values: Column) -> pa.Array:
        array, doubt = _strings(values)
        return self._mend(array, doubt | _marked(array), values, read_further)

    def _mend(self, array: pa.Array, doubt: NDArray[np.bool_], values: Column, read: Callable[[Any], Any]) -> pa.Array:
        """`array` with the rows in doubt read one by one from `values`."""
        rows = np.flatnonzero(doubt)
        if not len(rows):
            return array
        found = [values[i] for i in rows] if isinstance(values, list) else values.take(pa.array(rows)).to_pylist()
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
        where = np.arange(len(array))
        where[rows] = len(array) + np.arange(len(rows))
        return pa.concat_arrays([array, pa.array(results, array.type)]).take(pa.array(where))


def _items(value: Any) -> list[tuple[str, list[str]]] | None:
    related = read_related(value)
    return list(related.items()) if related else None


def _values(column: Column) -> list[Any]:
    return column if isinstance(column, list) else list(column.to_pylist())


def _is_text(values: Column) -> bool:
    return not isinstance(values, list) or set(map(type, values)) <= {str, NoneType}


def _strings(values: Column) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The texts as Arrow strings, null where empty or none, and which values are neither text nor None."""
    odd = np.zeros(len(values), dtype=bool)
    if isinstance(values, list):
        if not _is_text(values):
            odd = np.fromiter((type(v) not in (str, NoneType) for v in values), bool, len(values))
            values = [v if type(v) is str else None for v in values]
        values = pa.array(values, pa.string())
    empty = np.diff(_offsets(values)) == 0
    return (_hidden(values, empty) if (empty & _valid(values)).any() else values), odd


def _valid(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.is_valid())


def _mask(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.fill_null(False))


def _hidden(array: pa.Array, hide: NDArray[np.bool_]) -> pa.Array:
    """The strings with some of them null; their bytes are shared."""
    bits = pa.py_buffer(np.packbits(_valid(array) & ~hide, bitorder="little"))
    return pa.StringArray.from_buffers(len(array), pa.py_buffer(_offsets(array)), array.buffers()[2], bits)


def _offsets(array: pa.Array) -> NDArray[np.int32]:
    """Where each string or list begins, and where the last ends: (N + 1,)."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array) + 1, dtype=np.int32)
    return np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]


def _unprintable(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (letters - np.uint8(32)) > 94  # below 32 it wraps around


def _untidy(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    marks: NDArray[np.bool_] = _unprintable(letters) | (letters == ord("&")) | (letters == ord("<"))
    blank = letters == 32
    marks[1:] |= blank[1:] & blank[:-1]
    return marks


def _marked(array: pa.Array, marks: Callable[[NDArray[np.uint8]], NDArray[np.bool_]] | None = None) -> NDArray[np.bool_]:
    """Which strings hold a letter that `marks` says, or begin or end with what may be a space: (N,)."""
    offsets = _offsets(array)
    doubt = np.zeros(len(array), dtype=bool)
    if offsets[-1] == offsets[0]:
        return doubt
    letters = np.frombuffer(array.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    starts, ends = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
    if marks is not None:
        doubt[np.searchsorted(ends, np.flatnonzero(marks(letters)), side="right")] = True
    some = np.flatnonzero(ends > starts)
    first, last = letters[starts[some]], letters[ends[some] - 1]
    doubt[some[(first <= 32) | (first > 126) | (last <= 32) | (last > 126)]] = True
    doubt &= _valid(array)
    return doubt


def _written_paths(values: Column, rules: Rules) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Paths from texts such as ``A > B | A > C``; each distinct path is read once."""
    texts, _ = _strings(values)
    doubt = _mask(pc.match_substring_regex(texts, r"[\[{]"))
    if rules.delimiter.strip():
        parts = pc.split_pattern(texts, rules.delimiter)
    else:
        parts = pa.ListArray.from_arrays(pa.array(np.arange(len(texts) + 1, dtype=np.int32)), texts)
    codes = parts.flatten().dictionary_encode()
    paths = [read_paths([levels(text or "", rules)], rules) for text in codes.dictionary.to_pylist()]
    names = pa.array([path[0] if path else None for path in paths], _LEVELS).take(codes.indices)
    offsets = _offsets(parts)
    valid = _valid(texts)
    doubt |= _with_any(~_valid(names), offsets) & valid
    return pa.ListArray.from_arrays(pa.array(offsets - offsets[0]), names, mask=pa.array(~valid)), doubt


def _listed_paths(values: list[Any], rules: Rules) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Paths from lists of paths, or from one list of names a product; each distinct name is read once."""
    kinds = set(map(type, chain.from_iterable(filter(None, values)))) if set(map(type, values)) <= {list, NoneType} else {dict}
    flat = str in kinds
    try:
        if not kinds <= {str if flat else list, NoneType}:  # Arrow would take a text for a list of letters
            raise pa.ArrowTypeError
        array = pa.array(values, _LEVELS if flat else pa.list_(_LEVELS))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.nulls(len(values), pa.list_(_LEVELS)), np.fromiter((v is not None for v in values), bool, len(values))
    lists = array if flat else array.flatten()
    codes = lists.flatten().dictionary_encode()
    written = rules.separator if flat and rules.separator.strip() else None
    fine = [_is_fine(name, written) for name in codes.dictionary.to_pylist()]
    odd_name = ~np.append(fine, False).astype(bool)[np.asarray(codes.indices.fill_null(len(fine)))]
    odd_path = _with_any(odd_name, _offsets(lists)) | (np.diff(_offsets(lists)) == 0)
    if flat:
        valid = _valid(array)
        each = pa.array(np.arange(len(array) + 1, dtype=np.int32))
        return pa.ListArray.from_arrays(each, array, mask=pa.array(~valid)), odd_path & valid
    empty = np.diff(_offsets(array)) == 0
    return array, (_with_any(odd_path, _offsets(array)) | empty) & _valid(array)


def _is_fine(name: str | None, separator: str | None) -> bool:
    """A name that stays as it is and is no written path."""
    return bool(name) and read_name(name) == name and not (separator and separator in name)


def _with_any(marks: NDArray[np.bool_], offsets: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of N lists hold a marked element: (N,)."""
    before = np.concatenate(([0], np.cumsum(marks)))
    found: NDArray[np.bool_] = before[offsets[1:] - offsets[0]] > before[offsets[:-1] - offsets[0]]
    return found
