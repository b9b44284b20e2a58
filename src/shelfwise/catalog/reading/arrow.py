"""What Arrow arrays of strings and lists are asked about them, as numpy arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_PIECE = 1 << 17
_MOST_STRETCHES = 256

Marks = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]
"""Which of some bytes are marked."""

Column = Any
"""N values of one field: an Arrow array of strings, a list of what JSON and Parquet may hold, or, of categories, their JSON as bytes."""


def python_values(column: Column) -> list[Any]:
    """The column as N Python values."""
    return column if isinstance(column, list) else list(column.to_pylist())


def is_text(values: Column) -> bool:
    """Whether there is nothing but texts and None."""
    return not isinstance(values, list) or set(map(type, values)) <= {str, NoneType}


def strings(values: Column) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The texts as Arrow strings, null where empty or none, and which values are neither text nor None."""
    odd = np.zeros(len(values), dtype=bool)
    if isinstance(values, list):
        if not is_text(values):
            odd = np.fromiter((type(v) not in (str, NoneType) for v in values), bool, len(values))
            values = [v if type(v) is str else None for v in values]
        values = pa.array(values, pa.string())
    empty = np.diff(bounds(values)) == 0
    return (hidden(values, empty) if (empty & filled(values)).any() else values), odd


def filled(array: pa.Array) -> NDArray[np.bool_]:
    """Which values are not null: (N,)."""
    return np.asarray(array.is_valid())


def truths(array: pa.Array) -> NDArray[np.bool_]:
    """Which of N truth values are true; null is not."""
    return np.asarray(array.fill_null(False))


def hidden(array: pa.Array, hide: NDArray[np.bool_]) -> pa.Array:
    """The strings with some of them null; their bytes are shared."""
    bits = pa.py_buffer(np.packbits(filled(array) & ~hide, bitorder="little"))
    return pa.StringArray.from_buffers(len(array), pa.py_buffer(bounds(array)), array.buffers()[2], bits)


def bounds(array: pa.Array) -> NDArray[np.int32]:
    """Where each string or list begins, and where the last ends: (N + 1,)."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array) + 1, dtype=np.int32)
    return np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]


def places(letters: NDArray[np.uint8], marks: Marks, overlap: int = 0) -> NDArray[np.int64]:
    """Where `marks` says so, told piece by piece: what comes in between stays in the processor's cache, which is twice as fast.

    Args:
        overlap: how many bytes `marks` looks back; what it says of these is told twice.
    """
    pieces = ((max(i - overlap, 0), i + _PIECE) for i in range(0, len(letters), _PIECE))
    return np.concatenate(
        [np.empty(0, np.int64), *(np.flatnonzero(marks(letters[begin:end])) + begin for begin, end in pieces)]
    )


def unprintable(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes are not printable ASCII."""
    return (letters - np.uint8(32)) > 94  # below 32 it wraps around


def untidy(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes may belong to mark-up, entities, mojibake or doubled spaces."""
    marks: NDArray[np.bool_] = unprintable(letters) | (letters == ord("&")) | (letters == ord("<"))
    blank = letters == 32
    marks[1:] |= blank[1:] & blank[:-1]
    return marks


def opening(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes open a list or an object of JSON."""
    marks: NDArray[np.bool_] = (letters == ord("[")) | (letters == ord("{"))
    return marks


def holding(array: pa.Array, marks: Marks) -> NDArray[np.bool_]:
    """Which strings hold a letter that `marks` says: (N,)."""
    edges = bounds(array)
    found = np.zeros(len(array), dtype=bool)
    if edges[-1] > edges[0]:
        letters = np.frombuffer(array.buffers()[2], np.uint8)[edges[0] : edges[-1]]
        found[np.searchsorted(edges[1:] - edges[0], places(letters, marks, overlap=1), side="right")] = True
    return found & filled(array)


def marked(array: pa.Array, marks: Marks | None = None) -> NDArray[np.bool_]:
    """Which strings hold a letter that `marks` says, or begin or end with what may be a space: (N,)."""
    edges = bounds(array)
    doubt = np.zeros(len(array), dtype=bool) if marks is None else holding(array, marks)
    some = np.flatnonzero((edges[1:] > edges[:-1]) & filled(array))
    if len(some):
        letters = np.frombuffer(array.buffers()[2], np.uint8)
        first, last = letters[edges[some]], letters[edges[some + 1] - 1]
        doubt[some[(first <= 32) | (first > 126) | (last <= 32) | (last > 126)]] = True
    return doubt


def with_any(marks: NDArray[np.bool_], edges: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of N lists hold a marked element: (N,)."""
    before = np.concatenate(([0], np.cumsum(marks)))
    found: NDArray[np.bool_] = before[edges[1:] - edges[0]] > before[edges[:-1] - edges[0]]
    return found


def stretches(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The first and the last of each stretch of rows that follow each other.

    >>> stretches(np.array([2, 3, 4, 7]))
    [(2, 4), (7, 7)]
    """
    breaks = np.flatnonzero(np.diff(rows) != 1)
    first, last = np.concatenate((rows[:1], rows[breaks + 1])), np.concatenate((rows[breaks], rows[-1:]))
    return list(zip(first.tolist(), last.tolist(), strict=True))


def rows_of(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Some rows of a table in a given order; where these are few stretches, their bytes are shared, which is 20 times as fast."""
    parts = stretches(rows)
    if len(parts) > _MOST_STRETCHES:
        return table.combine_chunks().take(pa.array(rows))
    return pa.concat_tables(
        [table.slice(first, last - first + 1) for first, last in parts] or [table.slice(0, 0)]
    )


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays([*column.chunks, pa.array([], column.type)])
    )
