"""Questions about Arrow arrays of strings and lists, answered as numpy arrays."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.catalog.reading.missing import MISSING
from shelfwise.core.types import Bools, Int64Array

Letters = NDArray[np.uint8]
"""Bytes as numbers."""

Offsets = NDArray[np.int32]

Marks = Callable[[Letters], Bools]
"""Which of some bytes are marked."""

Column = Any
"""N values of one field.

An Arrow array of strings; or a list of what JSON and Parquet may hold; or, of categories, JSON as bytes.
"""

# what is made of so many bytes stays in the processor's cache, which is twice as fast
_BYTES_AT_ONCE = 1 << 17

_MAX_RUNS = 256
_LONGEST_MISSING = max(len(text.encode()) for text in MISSING)
_TEXT_TYPES = {str, NoneType}
_SPACE = 32
# of ASCII, whose first printable character is the space
_LAST_PRINTABLE = 126


def python_values(column: Column) -> list[Any]:
    """The column as N Python values."""
    if isinstance(column, list):
        return column
    return list(column.to_pylist())


def is_text(values: Column) -> bool:
    """Whether there is nothing but texts and None."""
    if not isinstance(values, list):
        return True
    return set(map(type, values)) <= _TEXT_TYPES


def as_strings(values: Column) -> tuple[pa.Array, Bools]:
    """The texts as Arrow strings, null where they are missing, and which values are neither text nor None."""
    odd = np.zeros(len(values), dtype=bool)
    if isinstance(values, list):
        if not is_text(values):
            other_type = (type(value) not in _TEXT_TYPES for value in values)
            odd = np.fromiter(other_type, bool, len(values))
            values = [value if type(value) is str else None for value in values]
        # all texts and None by now, which Arrow takes as they are
        values = pa.array(values, pa.string())
    missing = _is_missing(values)
    # most columns miss nothing, and stay as they are
    if missing.any():
        values = with_nulls(values, missing)
    return values, odd


def _is_missing(texts: pa.Array) -> Bools:
    """Which texts are empty, or say that there is nothing."""
    lengths = np.diff(value_offsets(texts))
    missing: Bools = (lengths == 0) & not_null(texts)
    # only short texts can: long ones are not looked at
    rows = np.flatnonzero((lengths > 0) & (lengths <= _LONGEST_MISSING))
    if len(rows):
        short = texts.take(pa.array(rows))
        missing[rows] = is_true(pc.is_in(short, pa.array(sorted(MISSING), texts.type)))
    return missing


def not_null(array: pa.Array) -> Bools:
    """Which values are not null: (N,)."""
    return np.asarray(array.is_valid())


def is_true(array: pa.Array) -> Bools:
    """Which of N truth values are true; null is not."""
    return np.asarray(array.fill_null(False))


def with_nulls(array: pa.Array, hide: Bools) -> pa.Array:
    """The strings with those null that `hide` (N,) marks; their bytes are shared."""
    # Arrow keeps which values are there in bits, the first value in the lowest
    stays = not_null(array) & ~hide
    validity = np.packbits(stays, bitorder="little")
    offsets = value_offsets(array)
    letters = array.buffers()[2]
    return pa.StringArray.from_buffers(
        len(array),
        pa.py_buffer(offsets),
        letters,
        pa.py_buffer(validity),
    )


def value_offsets(array: pa.Array) -> Offsets:
    """Where each string or list begins, and where the last ends: (N + 1,)."""
    buffer = array.buffers()[1]
    count = len(array)
    # an empty array may come without a buffer
    if buffer is None or count == 0:
        return np.zeros(count + 1, dtype=np.int32)
    offsets = np.frombuffer(buffer, np.int32)
    # an array may be a slice of a longer one
    first = array.offset
    return offsets[first : first + count + 1]


def letters_of(array: pa.Array) -> Letters:
    """The bytes that the offsets of an array of strings point into."""
    return np.frombuffer(array.buffers()[2], np.uint8)


def positions(letters: Letters, marks: Marks, overlap: int = 0) -> Int64Array:
    """Where the marked bytes stand.

    Args:
        overlap: how many bytes `marks` looks back; marks among these may come twice.
    """
    # the empty one is for no letters at all
    found = [np.empty(0, np.int64)]
    for start in range(0, len(letters), _BYTES_AT_ONCE):
        begin = max(start - overlap, 0)
        end = start + _BYTES_AT_ONCE
        marked = marks(letters[begin:end])
        found.append(np.flatnonzero(marked) + begin)
    return np.concatenate(found)


def is_unprintable(letters: Letters) -> Bools:
    """Which bytes are not printable ASCII."""
    # one comparison in place of two: below the space the difference wraps around to a large number
    above_space = letters - np.uint8(_SPACE)
    unprintable: Bools = above_space > _LAST_PRINTABLE - _SPACE
    return unprintable


def may_be_untidy(letters: Letters) -> Bools:
    """Which bytes may belong to mark-up, entities, mojibake or doubled spaces."""
    marks = is_unprintable(letters)
    marks |= letters == ord("&")
    marks |= letters == ord("<")
    # the second of two spaces
    space = letters == _SPACE
    after_space = space[:-1]
    marks[1:] |= space[1:] & after_space
    return marks


def opens_json(letters: Letters) -> Bools:
    """Which bytes open a list or an object of JSON."""
    opens: Bools = letters == ord("[")
    opens |= letters == ord("{")
    return opens


def holds_mark(array: pa.Array, marks: Marks) -> Bools:
    """Which strings hold a marked byte: (N,)."""
    offsets = value_offsets(array)
    holds = np.zeros(len(array), dtype=bool)
    begin = offsets[0]
    end = offsets[-1]
    if end > begin:
        letters = letters_of(array)[begin:end]
        marked = positions(letters, marks, overlap=1)
        # a byte belongs to the first string that ends behind it
        ends = offsets[1:] - begin
        holds[np.searchsorted(ends, marked, side="right")] = True
    # a null may stand over bytes, too
    return holds & not_null(array)


def may_need_cleaning(array: pa.Array, marks: Marks | None = None) -> Bools:
    """Which strings hold a marked byte, or begin or end with what may be a space: (N,)."""
    offsets = value_offsets(array)
    doubt = np.zeros(len(array), dtype=bool)
    if marks is not None:
        doubt = holds_mark(array, marks)
    has_letters = np.diff(offsets) > 0
    has_letters &= not_null(array)
    filled = np.flatnonzero(has_letters)
    if not len(filled):
        return doubt
    letters = letters_of(array)
    first = letters[offsets[filled]]
    last = letters[offsets[filled + 1] - 1]
    # one byte tells: a letter's first or last byte is looked up, not decoded
    padded = _may_be_space(first) | _may_be_space(last)
    doubt[filled[padded]] = True
    return doubt


def lists_with_mark(marks: Bools, offsets: Offsets) -> Bools:
    """Which of N lists hold a marked element: (N,).

    Args:
        marks: of all elements of the lists, one after the other.
        offsets: (N + 1,) where each list begins.
    """
    # a list holds a mark when the number of marks grows from its begin to its end
    marks_before = np.zeros(len(marks) + 1, dtype=np.int64)
    np.cumsum(marks, out=marks_before[1:])
    from_zero = offsets - offsets[0]
    counts = marks_before[from_zero]
    holds: Bools = counts[1:] > counts[:-1]
    return holds


def consecutive_runs(rows: Int64Array) -> list[tuple[int, int]]:
    """The first and the last of each run of rows that follow each other.

    >>> consecutive_runs(np.array([2, 3, 4, 7]))
    [(2, 4), (7, 7)]
    """
    # behind each of these rows another run begins
    breaks = np.flatnonzero(np.diff(rows) != 1)
    later = rows[breaks + 1]
    first = np.concatenate((rows[:1], later))
    last = np.concatenate((rows[breaks], rows[-1:]))
    return list(zip(first.tolist(), last.tolist(), strict=True))


def take_rows(table: pa.Table, rows: Int64Array) -> pa.Table:
    """Some rows of a table in a given order.

    Where these are few runs, their bytes are shared, which is 20 times as fast.
    """
    runs = consecutive_runs(rows)
    if len(runs) > _MAX_RUNS:
        return table.combine_chunks().take(pa.array(rows))
    parts = []
    for first, last in runs:
        count = last - first + 1
        parts.append(table.slice(first, count))
    if not parts:
        # no tables cannot be put together, an empty one can
        parts.append(table.slice(0, 0))
    return pa.concat_tables(parts)


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if column.num_chunks == 1:
        return column.chunk(0)
    # the empty array is for a column without any chunk
    empty = pa.array([], column.type)
    return pa.concat_arrays([*column.chunks, empty])


def _may_be_space(letters: Letters) -> Bools:
    """Which bytes may be, or belong to, a space: beyond ASCII there are spaces too."""
    return (letters <= _SPACE) | (letters > _LAST_PRINTABLE)
