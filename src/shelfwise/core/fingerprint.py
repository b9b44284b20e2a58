"""A digest of the values of an Arrow table, whatever the chunks and the widths they are kept in."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.core.arrow_size import is_text, one_array
from shelfwise.disk.table_store import release_pages

_PORTION_ROWS = 1 << 14


def fingerprint(table: pa.Table) -> str:
    """A sha256 over every value of every column, in order; the order of the columns does not count."""
    digest = hashlib.sha256()
    # by name: the same products, read from columns in another order, are the same
    for name in sorted(table.column_names):
        digest.update(f"{len(name)} {name} {table.num_rows}".encode())
        column = table.column(name)
        # cut by rows, not by chunks: how a table was read does not count
        for start in range(0, table.num_rows, _PORTION_ROWS):
            _add_column(digest, column.slice(start, _PORTION_ROWS))
            release_pages()
    return digest.hexdigest()


def _add_column(digest: Any, column: pa.ChunkedArray) -> None:
    """Add some values of a column, in any number of chunks."""
    if not is_text(column.type):
        _add_values(digest, one_array(column))
        return
    # texts are added chunk by chunk: in one piece they would be copied
    digest.update(np.packbits(np.asarray(column.is_valid(), dtype=bool)))
    values = [chunk.drop_null() for chunk in column.chunks]
    lengths = [np.asarray(pc.binary_length(chunk)) for chunk in values if len(chunk)]
    if not lengths:
        return
    _add_numbers(digest, "text", pa.array(np.concatenate(lengths)))
    for chunk in values:
        _add_bytes(digest, chunk)


def _add_values(digest: Any, array: pa.Array) -> None:
    """Add which values are there, and these values."""
    digest.update(np.packbits(np.asarray(array.is_valid(), dtype=bool)))
    # what lies behind a null is no value
    values = array.drop_null()
    kind = values.type
    if not len(values):
        return
    if pa.types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        values = values.cast(pa.list_(entry))
        kind = values.type
    if is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        _add_numbers(digest, "text" if is_text(kind) else "bytes", pc.binary_length(values))
        _add_bytes(digest, values)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        # lengths tell [[a], [b]] from [[a, b]]
        _add_numbers(digest, "list", pc.list_value_length(values))
        _add_values(digest, pc.list_flatten(values))
    elif pa.types.is_struct(kind):
        for part in values.flatten():
            _add_values(digest, part)
    else:
        _add_numbers(digest, str(kind), values)


def _add_bytes(digest: Any, values: pa.Array) -> None:
    """Add texts or bytes end to end, none of them null."""
    if not len(values):
        return
    _, offsets, data = values.buffers()
    large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    places = np.frombuffer(offsets, np.int64 if large else np.int32)
    first = int(places[values.offset])
    last = int(places[values.offset + len(values)])
    # texts that are all empty have no data
    if last > first:
        digest.update(memoryview(data)[first:last])


def _add_numbers(digest: Any, kind: str, values: pa.Array) -> None:
    """Add numbers, none of them null, after the name of what they are."""
    digest.update(f"{kind} {len(values)} ".encode())
    numbers = values.to_numpy(zero_copy_only=False)
    # lengths have the width of their array's offsets
    if numbers.dtype.kind == "i":
        numbers = numbers.astype(np.int64)
    digest.update(np.ascontiguousarray(numbers))
