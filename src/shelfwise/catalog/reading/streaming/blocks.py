"""A block of a source, some megabytes of whole records: taken apart, checked, and accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from shelfwise.catalog.reading.arrow import take_rows
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.columns.column_checks import CheckedColumns, check_columns
from shelfwise.catalog.reading.columns.column_mapping import ColumnPlan, plan_columns
from shelfwise.catalog.reading.columns.missing_ids import NOTE, LineIds
from shelfwise.catalog.reading.file_format import FileFormat
from shelfwise.catalog.reading.product import Product, why
from shelfwise.catalog.reading.record_parsing import Record
from shelfwise.catalog.reading.value_parsing import Rules
from shelfwise.core.catalog import SCHEMA
from shelfwise.core.image_sources import IMAGE_BYTES, image_columns
from shelfwise.core.types import Int64Array

NOTHING_BUT_ID = "the row has nothing but an id, as headings and footers within a table have"
"""Counted for each of them."""

MAX_BLOCK_FURTHER = 1024
"""Further columns of the records of one block that are read one by one; a catalogue keeps fewer."""

Span = tuple[int, int, int]
"""Line, offset and length of a record."""

Names = tuple[str, ...]


@dataclass(frozen=True)
class Quarantined:
    """One source record that was refused.

    Args:
        line: first physical line, from 1; in Parquet the row, from 1.
        offset: first byte in the decompressed file; -1 in Parquet, whose rows have no bytes of their own.
        length: number of bytes, line ending included.
        kind: the kind of fault in a few words, such as "duplicate id", to be counted by.
        reason: product, field, what was found and what is expected, in plain words.
        raw: the bytes; in Parquet the row as JSON; of a record that is too long its beginning.
        id: the product's id, where it could be read.
        accepted_before: products of the file that stand before it; gives each record its place again.
    """

    line: int
    offset: int
    length: int
    kind: str
    reason: str
    raw: bytes
    id: str | None = None
    # known once the whole file before it is read, and no part of what is wrong with the record
    accepted_before: int = field(default=0, compare=False)


@dataclass(frozen=True)
class CheckedBlock:
    """What came of a block, ids not yet compared with each other.

    Args:
        table: N products in the order of the source.
        spans: (N, 3); line, offset and length of each.
        refused: the other records, in the order of the source.
        notes: what was set aside without refusing the product -> how many.
        rest: where in the block a record begins that does not end in it; it and what follows are not
            accounted for.
    """

    table: pa.Table
    spans: Int64Array
    refused: list[Quarantined]
    notes: Counter[str]
    rest: int | None = None


def check_block(
    block: Block,
    form: FileFormat,
    columns: Mapping[str, str],
    rules: Rules,
    line_ids: LineIds | None = None,
) -> CheckedBlock:
    """Accept or refuse every record of a block.

    Args:
        columns: our field -> the source's column, where the names alone do not tell.
        line_ids: how products without an id are called; None refuses these.
    """
    if block.fault is not None:
        piece = RawRecord(block.line, block.offset, block.data, block.fault)
        return CheckedBlock(
            table=_table_of([]),
            spans=np.empty((0, 3), np.int64),
            refused=[replace(refuse(piece, block.fault), length=len(block.data) + block.skipped)],
            notes=Counter(),
        )
    # notes are counted anew for every block
    rules = rules.with_own_notes()
    parts = form.take_apart(block)
    plan = plan_columns(tuple(parts.columns), columns)
    named = np.zeros(len(parts.spans), dtype=bool)
    if line_ids is not None:
        plan, filled, named = line_ids.filled(plan, parts.columns, parts.spans[:, 0])
        parts = replace(parts, columns=filled)
    checked = check_columns(plan, parts.columns, len(parts.spans), rules)
    rules.notes[NOTE] += int((named & ~checked.failed).sum())
    # why a record failed is found by reading it once more, slowly and exactly
    failed_spans = parts.spans[checked.failed]
    failed = [form.record(block, span) for span in failed_spans]
    products, product_spans, refused = _one_by_one(failed + parts.others, columns, rules, line_ids)
    table, spans = _in_source_order(checked, parts.spans, products, product_spans)
    bare = _count_of_bare_ids(table)
    if bare:
        rules.notes[NOTHING_BUT_ID] += bare
    return CheckedBlock(
        table=table,
        spans=spans,
        refused=sorted(refused, key=lambda record: record.line),
        # adding leaves out what was counted zero times
        notes=checked.notes + rules.notes,
        rest=parts.rest,
    )


def _count_of_bare_ids(table: pa.Table) -> int:
    """How many products have an id and no other value."""
    others = table.drop_columns(["id"]).columns
    # most tables have a column without gaps
    if any(not column.null_count for column in others):
        return 0
    has_value = np.any([np.asarray(column.is_valid()) for column in others], axis=0)
    return int((~has_value).sum())


def refuse(piece: RawRecord, fault: RecordError, identifier: Any = None) -> Quarantined:
    """The piece as it goes to quarantine."""
    # an id of another kind may be what is wrong with the record
    known = str(identifier) if isinstance(identifier, str | int) else ""
    return Quarantined(
        line=piece.line,
        offset=piece.offset,
        length=len(piece.raw),
        kind=fault.kind,
        reason=fault.reason,
        raw=piece.raw,
        id=known if known.strip() else None,
    )


def _in_source_order(
    checked: CheckedColumns,
    checked_spans: Int64Array,
    products: list[Product],
    product_spans: list[Span],
) -> tuple[pa.Table, Int64Array]:
    """The products of both ways of checking as one table, and their spans (N, 3)."""
    table = checked.table
    spans = checked_spans
    accepted = ~checked.failed
    # mostly nothing failed and nothing was read one by one
    if accepted.all() and not products:
        return table, spans
    rows = np.flatnonzero(accepted)
    if products:
        table = pa.concat_tables([table, _table_of(products)], promote_options="default")
        spans = np.concatenate((spans, np.array(product_spans, np.int64)))
        # these stand behind the others, and all of them count
        added = np.arange(len(accepted), len(spans))
        rows = np.concatenate((rows, added))
        lines = spans[rows, 0]
        rows = rows[np.argsort(lines, kind="stable")]
    return take_rows(table, rows).combine_chunks(), spans[rows]


def _one_by_one(
    records: list[Record],
    columns: Mapping[str, str],
    rules: Rules,
    line_ids: LineIds | None,
) -> tuple[list[Product], list[Span], list[Quarantined]]:
    """Products, the span of each, and the refused records."""
    products: list[Product] = []
    # of the products only: a refused record keeps its place by itself
    spans: list[Span] = []
    refused: list[Quarantined] = []
    plan_for = _remembered_plans(columns)
    for piece, values in records:
        if isinstance(values, RecordError):
            refused.append(refuse(piece, values))
            continue
        plan = plan_for(tuple(values))
        named = plan.apply(values)
        if rules.category_columns is not None:
            named["categories"] = rules.category_columns.combine(values)
        if plan.is_part(values) and not rules.keeps_parts:
            reason = "the row is part of another product, which stands in a row of its own"
            refused.append(refuse(piece, RecordError("variant row", reason), named.get("id")))
            continue
        is_called_after_line = line_ids is not None and line_ids.named(named, piece.line)
        try:
            products.append(Product.model_validate(named, context=rules))
            rules.notes[NOTE] += is_called_after_line
            spans.append((piece.line, piece.offset, len(piece.raw)))
        except ValidationError as error:
            fault = why(error, named)
            refused.append(refuse(piece, fault, named.get("id")))
        except RecursionError:
            # pydantic and the json module go down as deep as the value does
            reason = "a value is nested too deeply; expected texts, numbers and lists"
            fault = RecordError("nested too deeply", reason)
            refused.append(refuse(piece, fault))
    further = {name for product in products for name in product.further}
    if len(further) > MAX_BLOCK_FURTHER:
        note = f"columns left out, being more than {MAX_BLOCK_FURTHER} in a part of the file"
        rules.notes[note] += len(further) - MAX_BLOCK_FURTHER
    return products, spans, refused


def _remembered_plans(columns: Mapping[str, str]) -> Callable[[Names], ColumnPlan]:
    """:func:`plan_columns` with the plans of the last records at hand: most have the same columns."""

    @lru_cache(maxsize=1024)
    def plan_for(names: Names) -> ColumnPlan:
        return plan_columns(names, columns)

    return plan_for


def _table_of(products: list[Product]) -> pa.Table:
    """Products as rows: our columns, then the further ones in the order in which they turn up."""
    images = image_columns([product.image for product in products])
    columns: dict[str, pa.Array] = {}
    for column in SCHEMA:
        if column.name == "image":
            columns["image"] = images["image"]
        else:
            values = [_arrow_value(getattr(product, column.name)) for product in products]
            columns[column.name] = pa.array(values, column.type)
    # behind our own columns, where there are any
    if IMAGE_BYTES in images:
        columns[IMAGE_BYTES] = images[IMAGE_BYTES]
    # a dictionary, because a set has no order
    further = dict.fromkeys(name for product in products for name in product.further)
    # a key of its own in every record would make a table as wide as it is long
    further = dict.fromkeys(islice(further, MAX_BLOCK_FURTHER))
    for name in further:
        texts = [product.further.get(name) for product in products]
        columns[name] = pa.array(texts, pa.string())
    return pa.table(columns)


def _arrow_value(value: Any) -> Any:
    """The value as Arrow takes it: a map as a list of pairs."""
    if isinstance(value, dict):
        return list(value.items())
    return value
