"""A block of a source, some megabytes of whole records: taken apart by its format, checked, and accounted for record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from shelfwise.catalog.reading.arrow import rows_of
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.column_checks import check_columns
from shelfwise.catalog.reading.column_mapping import plan_columns
from shelfwise.catalog.reading.file_format import FileFormat
from shelfwise.catalog.reading.product import Product, why
from shelfwise.catalog.reading.record_parsing import Record
from shelfwise.catalog.reading.value_parsing import Rules
from shelfwise.core.catalog import SCHEMA


@dataclass(frozen=True)
class Quarantined:
    """One source record that was refused.

    Args:
        line: first physical line, from 1; in Parquet the row, from 1.
        offset: first byte in the decompressed file; -1 in Parquet, whose rows have no bytes of their own.
        length: number of bytes, line ending included.
        kind: the kind of fault in a few words, such as "duplicate id", to be counted by.
        reason: product, field, what was found and what is expected, in plain words.
        raw: the bytes; in Parquet the row as JSON.
        id: the product's id, where it could be told.
    """

    line: int
    offset: int
    length: int
    kind: str
    reason: str
    raw: bytes
    id: str | None = None


@dataclass(frozen=True)
class CheckedBlock:
    """What came of a block, ids not yet compared with each other.

    Args:
        table: N products in the order of the source.
        spans: (N, 3); line, offset and length of each.
        refused: the other records, in the order of the source.
        notes: what was set aside without refusing the product -> how many.
        rest: where in the block a record begins that does not end in it; it and what follows are not accounted for.
    """

    table: pa.Table
    spans: NDArray[np.int64]
    refused: list[Quarantined]
    notes: Counter[str]
    rest: int | None = None


def check_block(block: Block, form: FileFormat, columns: Mapping[str, str], rules: Rules) -> CheckedBlock:
    """Accept or refuse every record of a block."""
    if block.fault is not None:
        piece = RawRecord(block.line, block.offset, block.data, block.fault)
        return CheckedBlock(_table([]), np.empty((0, 3), np.int64), [refuse(piece, block.fault)], Counter())
    rules = Rules(rules.separator, rules.delimiter)
    parts = form.take_apart(block)
    checked = check_columns(
        plan_columns(tuple(parts.columns), columns), parts.columns, len(parts.spans), rules
    )
    records = [form.record(block, span) for span in parts.spans[checked.failed]] + parts.others
    products, product_spans, refused = _one_by_one(records, columns, rules)
    spans = np.concatenate((parts.spans, np.array(product_spans, np.int64).reshape(-1, 3)))
    rows = np.flatnonzero(np.append(~checked.failed, np.ones(len(products), dtype=bool)))
    table = checked.table
    if products:
        table = pa.concat_tables([table, _table(products)], promote_options="default")
        rows = rows[np.argsort(spans[rows, 0], kind="stable")]
    if len(rows) < len(spans) or products:
        table, spans = rows_of(table, rows).combine_chunks(), spans[rows]
    return CheckedBlock(
        table, spans, sorted(refused, key=lambda q: q.line), checked.notes + rules.notes, parts.rest
    )


def refuse(piece: RawRecord, fault: RecordError, identifier: Any = None) -> Quarantined:
    """The piece as it goes to quarantine."""
    known = str(identifier) if isinstance(identifier, str | int) and str(identifier).strip() else None
    return Quarantined(piece.line, piece.offset, len(piece.raw), fault.kind, fault.reason, piece.raw, known)


def _one_by_one(
    records: list[Record], columns: Mapping[str, str], rules: Rules
) -> tuple[list[Product], list[tuple[int, int, int]], list[Quarantined]]:
    plan = lru_cache(maxsize=1024)(lambda names: plan_columns(names, columns))
    products, spans, refused = [], [], []
    for piece, values in records:
        if isinstance(values, RecordError):
            refused.append(refuse(piece, values))
            continue
        named = plan(tuple(values)).apply(values)
        try:
            products.append(Product.model_validate(named, context=rules))
            spans.append((piece.line, piece.offset, len(piece.raw)))
        except ValidationError as error:
            refused.append(refuse(piece, why(error, named), named.get("id")))
        except RecursionError:
            refused.append(
                refuse(
                    piece,
                    RecordError(
                        "nested too deeply", "a value is nested too deeply; expected texts, numbers and lists"
                    ),
                )
            )
    return products, spans, refused


def _table(products: list[Product]) -> pa.Table:
    ours = {f.name: pa.array([_value(p, f.name) for p in products], type=f.type) for f in SCHEMA}
    names = dict.fromkeys(name for p in products for name in p.further)
    return pa.table(
        {**ours, **{name: pa.array([p.further.get(name) for p in products], pa.string()) for name in names}}
    )


def _value(product: Product, name: str) -> Any:
    value = getattr(product, name)
    return list(value.items()) if isinstance(value, dict) else value
