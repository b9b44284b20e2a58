"""Rows whose id stood before: variants of a product, categories of it, or the product once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.arrow import not_null, one_chunk
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.record_parsing import raw_json
from shelfwise.catalog.reading.streaming.blocks import Quarantined, refuse
from shelfwise.core.types import Bools, Int64Array


class RepeatedRows(NamedTuple):
    """R rows that repeat an id.

    Args:
        table: what they would be as products.
        spans: (R, 3) line, offset and length of each.
        first_lines: (R,) the line where each id stood first, as the catalogue counts its lines.
    """

    table: pa.Table
    spans: Int64Array
    first_lines: Int64Array


def refuse_repeated(
    block: Block, rows: RepeatedRows, add_categories: Bools, describe: Callable[[int], str]
) -> list[Quarantined]:
    """The rows as they go to quarantine.

    Args:
        add_categories: (R,) which of them add categories to the product with their id.
        describe: a line in words.
    """
    is_variant = _says_nothing_new(rows.table)
    ids = one_chunk(rows.table.column("id")).to_pylist()
    refused = []
    for row, (identifier, line) in enumerate(zip(ids, rows.first_lines.tolist(), strict=True)):
        product = f"product {identifier!r}"
        first = describe(line)
        fault = RecordError(
            "duplicate id", f"{product}: the id is that of {first}; expected every id once"
        )
        if add_categories[row]:
            reason = f"the row's categories are added to the {product} of {first}"
            fault = RecordError("category row", reason)
        elif is_variant[row]:
            reason = f"the row belongs to the {product} of {first}, of which it is a variant"
            fault = RecordError("variant row", reason)
        refused.append(refuse(_raw(block, rows.spans[row]), fault, identifier))
    return refused


def _says_nothing_new(table: pa.Table) -> Bools:
    """Which rows have no text and no category.

    (N,). With a known id they are variants, as shops export them.
    """
    columns = (one_chunk(table.column(name)) for name in ("title", "description", "categories"))
    nothing: Bools = ~np.any([not_null(column) for column in columns], axis=0)
    return nothing


def _raw(block: Block, span: Int64Array) -> RawRecord:
    """The record at `span`."""
    if not isinstance(block.data, pa.RecordBatch):
        return block.piece(span)
    # rows of Parquet have no bytes of their own
    row = int(span[0])
    only_row = block.data.slice(row - block.line, 1)
    (values,) = only_row.to_pylist()
    return RawRecord(row, -1, raw_json(values))
