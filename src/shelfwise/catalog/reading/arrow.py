"""What is asked of Arrow arrays of strings and lists, answered as numpy arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BYTES_AT_ONCE = 1 << 17
"""What is made of so many bytes stays in the processor's cache, which is twice as fast."""

_MAX_RUNS = 256

Marks = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]
"""Which of some bytes are marked."""

Column = Any
"""N values of one field.

An Arrow array of strings; or a list of what JSON and Parquet may hold; or, of categories, their JSON as bytes.
"""


def python_values(column: Column) -> list[Any]:
    """The column as N Python values."""
    return column if isinstance(column, list) else list(column.to_pylist())


def is_text(values: Column) -> bool:
    """Whether there is nothing but texts and None."""
    if not isinstance(values, list):
        return True
    return set(map(type, values)) <= {str, NoneType}


def as_strings(values: Column) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The texts as Arrow strings, null where empty or none, and which values are neither text nor None."""
    odd = np.zeros(len(values), dtype=bool)
    if isinstance(values, list):
        if not is_text(values):
            odd = np.fromiter((type(value) not in (str, NoneType) for value in values), bool, len(values))
            values = [value if type(value) is str else None for value in values]
        values = pa.array(values, pa.string())
    empty = np.diff(value_offsets(values)) == 0
    # most columns have no empty text, and stay as they are
    if (empty & not_null(values)).any():
        values = with_nulls(values, empty)
    return values, odd


def not_null(array: pa.Array) -> NDArray[np.bool_]:
    """Which values are not null: (N,)."""
    return np.asarray(array.is_valid())


def is_true(array: pa.Array) -> NDArray[np.bool_]:
    """Which of N truth values are true; null is not."""
    return np.asarray(array.fill_null(False))


def with_nulls(array: pa.Array, hide: NDArray[np.bool_]) -> pa.Array:
    """The strings with those null that `hide` (N,) marks; their bytes are shared."""
    validity = np.packbits(not_null(array) & ~hide, bitorder="little")
    offsets = pa.py_buffer(value_offsets(array))
    letters = array.buffers()[2]
    return pa.StringArray.from_buffers(len(array), offsets, letters, pa.py_buffer(validity))


def value_offsets(array: pa.Array) -> NDArray[np.int32]:
    """Where each string or list begins, and where the last ends: (N + 1,)."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array) + 1, dtype=np.int32)
    # an array may be a slice of a longer one
    return np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]


def positions(letters: NDArray[np.uint8], marks: Marks, overlap: int = 0) -> NDArray[np.int64]:
    """Where the marked bytes stand.

    Args:
        overlap: how many bytes `marks` looks back; marks among these may come twice.
    """
    found = [np.empty(0, np.int64)]
    for i in range(0, len(letters), _BYTES_AT_ONCE):
        begin = max(i - overlap, 0)
        found.append(np.flatnonzero(marks(letters[begin : i + _BYTES_AT_ONCE])) + begin)
    return np.concatenate(found)


def is_unprintable(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes are not printable ASCII."""
    return (letters - np.uint8(32)) > 94  # below 32 it wraps around


def may_be_untidy(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes may belong to mark-up, entities, mojibake or doubled spaces."""
    marks: NDArray[np.bool_] = is_unprintable(letters)
    marks = marks | (letters == ord("&")) | (letters == ord("<"))
    # the second of two spaces
    space = letters == ord(" ")
    marks[1:] |= space[1:] & space[:-1]
    return marks


def opens_json(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes open a list or an object of JSON."""
    marks: NDArray[np.bool_] = (letters == ord("[")) | (letters == ord("{"))
    return marks


def holds_mark(array: pa.Array, marks: Marks) -> NDArray[np.bool_]:
    """Which strings hold a marked byte: (N,)."""
    offsets = value_offsets(array)
    holds = np.zeros(len(array), dtype=bool)
    if offsets[-1] > offsets[0]:
        letters = np.frombuffer(array.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        marked = positions(letters, marks, overlap=1)
        # a byte belongs to the first string that ends behind it
        holds[np.searchsorted(offsets[1:] - offsets[0], marked, side="right")] = True
    return holds & not_null(array)


def may_need_cleaning(array: pa.Array, marks: Marks | None = None) -> NDArray[np.bool_]:
    """Which strings hold a marked byte, or begin or end with what may be a space: (N,)."""
    offsets = value_offsets(array)
    doubt = np.zeros(len(array), dtype=bool) if marks is None else holds_mark(array, marks)
    filled = np.flatnonzero((offsets[1:] > offsets[:-1]) & not_null(array))
    if len(filled):
        letters = np.frombuffer(array.buffers()[2], np.uint8)
        first = letters[offsets[filled]]
        last = letters[offsets[filled + 1] - 1]
        # beyond ASCII there are spaces too
        space = (first <= 32) | (first > 126) | (last <= 32) | (last > 126)
        doubt[filled[space]] = True
    return doubt


def lists_with_mark(marks: NDArray[np.bool_], offsets: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of N lists hold a marked element: (N,).

    Args:
        marks: of all elements of the lists, one after the other.
        offsets: (N + 1,) where each list begins.
    """
    marks_before = np.concatenate(([0], np.cumsum(marks)))
    at_end = marks_before[offsets[1:] - offsets[0]]
    at_begin = marks_before[offsets[:-1] - offsets[0]]
    holds: NDArray[np.bool_] = at_end > at_begin
    return holds


def consecutive_runs(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The first and the last of each run of rows that follow each other.

    >>> consecutive_runs(np.array([2, 3, 4, 7]))
    [(2, 4), (7, 7)]
    """
    breaks = np.flatnonzero(np.diff(rows) != 1)
    first = np.concatenate((rows[:1], rows[breaks + 1]))
    last = np.concatenate((rows[breaks], rows[-1:]))
    return list(zip(first.tolist(), last.tolist(), strict=True))


def take_rows(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Some rows of a table in a given order.

    Where these are few runs, their bytes are shared, which is 20 times as fast.
    """
    runs = consecutive_runs(rows)
    if len(runs) > _MAX_RUNS:
        return table.combine_chunks().take(pa.array(rows))
    parts = [table.slice(first, last - first + 1) for first, last in runs]
    return pa.concat_tables(parts or [table.slice(0, 0)])


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    # the empty array is for a column without any chunk
    return pa.concat_arrays([*column.chunks, pa.array([], column.type)])
