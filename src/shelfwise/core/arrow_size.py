"""Arrow tables of any size: their texts are kept in chunks, because an array holds 2 GiB of text at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.disk.table_store import TableStore, release_pages

BLOCK_BYTES = 8 << 20
"""Of text that is worked on at a time, where a column has more."""

MAX_CHUNK_BYTES = 1 << 30
"""Of what is joined in one array. Half of what it holds: lower case may be longer than what was written."""

Rows = NDArray[np.int64]


def concatenated(tables: Sequence[pa.Table], limit: int = MAX_CHUNK_BYTES) -> pa.Table:
    """Tables below each other, in one chunk where that is possible; a column that one lacks is null there.

    Args:
        limit: in bytes; a larger table stays in the chunks that it came in.
    """
    table = pa.concat_tables(tables, promote_options="default")
    return table.combine_chunks() if table.nbytes <= limit else table


def take_rows(table: pa.Table, rows: Rows, limit: int = MAX_CHUNK_BYTES) -> pa.Table:
    """The given rows, (K,), in that order, whatever their size.

    Args:
        limit: bytes that are joined in one chunk.
    """
    # a small table may be large when its rows are repeated
    if table.nbytes <= limit and len(rows) <= table.num_rows:
        return table.take(pa.array(rows))
    store = TableStore(limit)
    for portion in _portions(_row_bytes(table)[rows], min(limit, BLOCK_BYTES)):
        store.add(_gathered(table, rows[portion]))
        release_pages()
    # no tables cannot be put together, an empty one can
    return concatenated(store.tables() or [table.slice(0, 0)], limit)


def text_blocks(
    texts: pa.ChunkedArray, most_bytes: int, most_rows: int | None = None
) -> Iterator[pa.ChunkedArray]:
    """A text column in slices of about `most_bytes` of text, and of `most_rows` texts at most.

    What was read of a mapped column is given back after each slice, so that a column of any size passes
    through little memory.
    """
    sizes = np.asarray(pc.fill_null(pc.binary_length(texts), 0), np.int64)
    for portion in _portions(sizes, most_bytes):
        step = most_rows or len(portion)
        for start in range(int(portion[0]), int(portion[-1]) + 1, step):
            yield texts.slice(start, min(step, int(portion[-1]) + 1 - start))
            release_pages()


def one_array(column: pa.ChunkedArray, limit: int = MAX_CHUNK_BYTES) -> pa.Array:
    """A column in one piece; of a wider type (large_string, large_list) above `limit` bytes."""
    if column.nbytes > limit:
        column = column.cast(large_type(column.type))
    return column.combine_chunks()


def large_type(kind: pa.DataType) -> pa.DataType:
    """The type that holds the same values without a limit of 2 GiB.

    >>> large_type(pa.list_(pa.string()))
    LargeListType(large_list<item: large_string>)
    """
    if pa.types.is_string(kind):
        return pa.large_string()
    if pa.types.is_binary(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.large_list(large_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, large_type(field.type)) for field in kind])
    return kind


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts, of either width."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _portions(sizes: Rows, limit: int) -> Iterator[Rows]:
    """The places of values of these `sizes` (K,), cut where they fill `limit` bytes."""
    ends = np.cumsum(sizes)
    # a row that ends in the next chunk begins it
    cuts = np.flatnonzero(np.diff(ends // limit)) + 1
    # no rows are no portion
    yield from (portion for portion in np.split(np.arange(len(sizes)), cuts) if len(portion))


def _row_bytes(table: pa.Table) -> Rows:
    """How many bytes each of N rows has, (N,): texts as they are, all else as in the mean row."""
    sizes = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        kind = column.type
        if is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            sizes += np.asarray(pc.fill_null(pc.binary_length(column), 0), np.int64)
        else:
            # numbers, and lists of some ids: no product has much more of these than others
            sizes += column.nbytes // max(table.num_rows, 1) + 1
    return sizes


def _gathered(table: pa.Table, rows: Rows) -> pa.Table:
    """The given rows in one chunk, taken from each chunk by itself: joined, these may not fit in an array."""
    batches = table.to_batches()
    starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    if rows.min() < 0 or rows.max() >= table.num_rows:
        raise IndexError(f"rows must be from 0 to {table.num_rows - 1}")
    # empty batches begin where the next one begins
    sources = np.searchsorted(starts, rows, side="right") - 1
    parts: list[pa.RecordBatch] = []
    places: list[NDArray[Any]] = []
    for source in np.unique(sources).tolist():
        wanted = np.flatnonzero(sources == source)
        parts.append(batches[source].take(pa.array(rows[wanted] - starts[source])))
        places.append(wanted)
    gathered = pa.Table.from_batches(parts, table.schema).combine_chunks()
    order = np.argsort(np.concatenate(places))
    # rows that rise stand in their order already
    if np.all(np.diff(order) == 1):
        return gathered
    return gathered.take(pa.array(order))
