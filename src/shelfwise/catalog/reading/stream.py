"""A source as a stream of checked products and refused records, in the order of the file and in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from loky import cpu_count
from numpy.typing import NDArray

from shelfwise.catalog.reading.arrow import one_chunk, rows_of
from shelfwise.catalog.reading.blocks import CheckedBlock, Quarantined, check_block, refuse
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.duplicate_ids import DuplicateIds
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.parallel import Settle, shared
from shelfwise.catalog.reading.record_parsing import raw_json
from shelfwise.catalog.reading.value_parsing import Rules
from shelfwise.core.catalog import SCHEMA

MAX_FURTHER = 256
"""Columns kept besides ours; keeps a source with a new key in every record from becoming a table of a million columns."""

_WORTH_PROCESSES = 64 << 20
"""Bytes of a source below which starting processes takes longer than they save."""

Batch = tuple[pa.Table, list[Quarantined]]


class CheckedBlocks:
    """The batches of a source; to be iterated over once.

    Args:
        source: the opened file.
        columns: our field name -> the source's column name, where told.
        rules: how values written as text are read.
        processes: among how many the work is shared.

    Attributes, filled while iterating:
        accepted: number of products.
        refused: kind of fault -> number of records.
        first_refused: the first of these.
        notes: what was set aside without refusing the product, in plain words -> how many.
    """

    def __init__(
        self, source: OpenedFile, columns: Mapping[str, str], rules: Rules, processes: int = 1
    ) -> None:
        self.source = source
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.first_refused: Quarantined | None = None
        self.notes: Counter[str] = Counter()
        self._processes = processes
        self._check: Settle = partial(check_block, form=source.form, columns=dict(columns), rules=rules)
        self._seen = DuplicateIds()
        self._further: dict[str, None] = {}
        self._left_out: set[str] = set()

    def __iter__(self) -> Iterator[Batch]:
        """Some thousand records at once, in the order of the file: products, ids unique in the whole source, and refused records."""
        with closing(_settled(self.source, self._check, self._processes)) as results:
            for block, settled in results:
                self.notes += settled.notes
                table, refused = self._unique(block, settled)
                self.accepted += len(table)
                self.refused.update(q.kind for q in refused)
                self.first_refused = self.first_refused or next(iter(refused), None)
                yield table, refused
        if self._left_out:
            self.notes[f"columns left out, being more than {MAX_FURTHER} besides ours"] = len(self._left_out)

    def _unique(self, block: Block, settled: CheckedBlock) -> Batch:
        table, refused = settled.table, settled.refused
        ids = one_chunk(table.column("id"))
        first = self._seen.add(ids, settled.spans[:, 0])
        if first.any():
            again = np.flatnonzero(first)
            refused = sorted(
                [*refused, *(_duplicate(block, settled.spans[i], ids[i].as_py(), first[i]) for i in again)],
                key=lambda q: q.line,
            )
            table = rows_of(table, np.flatnonzero(first == 0))
        return table.select([*SCHEMA.names, *self._kept(table)]), refused

    def _kept(self, table: pa.Table) -> list[str]:
        """The further columns that hold something and are not too many; new ones in the order in which they first hold it."""
        begins = {}
        for name in table.column_names[len(SCHEMA) :]:
            column = table.column(name)
            if column.null_count < len(column):
                begins[name] = 0 if name in self._further else pc.index(column.is_valid(), True).as_py()
        for name in sorted(begins, key=lambda name: begins[name]):
            if name in self._further or len(self._further) < MAX_FURTHER:
                self._further[name] = None
            else:
                self._left_out.add(name)
        return [name for name in self._further if name in begins]


def processes_for(path: Path) -> int:
    """Among how many processes to share the reading of a file: one for a small one, else one a core."""
    return 1 if path.stat().st_size < _WORTH_PROCESSES else cpu_count()


def _duplicate(block: Block, span: NDArray[np.int64], identifier: str, line: int) -> Quarantined:
    fault = RecordError(
        "duplicate id", f"product {identifier!r}: the id is that of line {line}; expected every id once"
    )
    if not isinstance(block.data, pa.RecordBatch):
        return refuse(block.piece(span), fault, identifier)
    row = int(span[0])
    (values,) = block.data.slice(row - block.line, 1).to_pylist()
    return refuse(RawRecord(row, -1, raw_json(values)), fault, identifier)


def _settled(
    source: OpenedFile, work: Settle, processes: int
) -> Generator[tuple[Block, CheckedBlock], None, None]:
    """Every block with what came of it. A record that a block does not end is read again with the block that follows."""
    open_block: Block | None = None
    with closing(shared(source.blocks, work, processes, source.file)) as results:
        for block, result in results:
            if open_block is not None and block.fault is None:
                block = replace(open_block, data=open_block.data + block.data)
                settled = work(block)
                open_block = None
            else:
                if open_block is not None:
                    yield (last := replace(open_block, last=True)), work(last)
                    open_block = None
                settled = result()
            yield block, settled
            if settled.rest is not None:
                data = block.data[settled.rest :]
                line = block.line + block.data.count(b"\n", 0, settled.rest)
                open_block = Block(line, block.offset + settled.rest, data)
    if open_block is not None:
        yield (last := replace(open_block, last=True)), work(last)
