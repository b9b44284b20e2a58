"""The products of a shard on their way to rows: which of them, in what portions, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.reader import quarantine_row
from shelfwise.catalog.reading.record_parsing import raw_json
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.portions import WantedColumns, portions
from shelfwise.catalog.reading.streaming.stream import Batch
from shelfwise.core.catalog import Catalog
from shelfwise.disk.files import json_text
from shelfwise.model.decision import Decision
from shelfwise.model.labelling import CHUNK_ROWS
from shelfwise.model.prediction_rows import Row, product_row
from shelfwise.scale.shard_queue import Task

KILLED = "killed the worker"
"""The kind of fault of a record that ends whatever labels it."""


class ShardTally:
    """What is counted while a shard is labelled.

    Args:
        fields: the columns that the model reads.
        shard: the name of the shard.

    Attributes:
        rows: products labelled.
        queues: products in each queue.
        refusals: lines about images that could not be used.
        quarantine: lines about records that were left out.
        killers: why each of these was.
        columns: those that the model reads; which of them the shard does not have.
    """

    def __init__(self, fields: Sequence[str], shard: str) -> None:
        self.columns = WantedColumns(sorted(fields))
        self.shard = shard
        self.rows = 0
        self.queues: Counter[str] = Counter()
        self.refusals: list[str] = []
        self.quarantine: list[str] = []
        self.killers: list[str] = []

    def leave_out(self, row: int, record: pa.Table) -> None:
        """Account for a record that is not labelled.

        Args:
            row: of the shard, from 0.
            record: the record as a table of one row.
        """
        values = record.to_pylist()[0]
        raw = raw_json(values)
        reason = f"each worker that had row {row + 1} of {self.shard} alone was ended by it"
        self.killers.append(reason)
        refused = Quarantined(row + 1, -1, len(raw), KILLED, reason, raw, values["id"])
        self.quarantine.append(json_text({"file": self.shard, **quarantine_row(refused)}) + "\n")


def chosen_products(
    tables: Iterator[pa.Table], task: Task, root: Path, tally: ShardTally
) -> Iterator[Catalog]:
    """The products of a task in catalogues of equal size.

    Without some records the portions are those of a shard that never had them.
    """
    wanted: Iterator[Batch] = ((table, []) for table in _chosen(tables, task, tally))
    for table in portions(wanted, CHUNK_ROWS, _nothing):
        yield Catalog(tally.columns.completed(table), root, tally.shard)


def counted_rows(
    decisions: Iterator[Decision], tally: ShardTally, advance: Callable[[int], None]
) -> Iterator[Row]:
    """The decisions as rows, counted.

    Args:
        advance: told how many products were labelled since the last call.
    """
    # as a generator: rows are written as they are counted, and only some are in memory
    for decision in decisions:
        tally.rows += 1
        if decision.queue is not None:
            tally.queues[decision.queue] += 1
        tally.refusals += (json_text(vars(one)) + "\n" for one in decision.rejected)
        yield product_row(decision)
        if tally.rows % CHUNK_ROWS == 0:
            advance(CHUNK_ROWS)
    if tally.rows % CHUNK_ROWS:
        advance(tally.rows % CHUNK_ROWS)


def _chosen(tables: Iterator[pa.Table], task: Task, tally: ShardTally) -> Iterator[pa.Table]:
    """The rows of a task, a table at a time."""
    start = 0
    for table in tables:
        rows = np.arange(start, start + table.num_rows)
        start += table.num_rows
        out = np.isin(rows, task.without)
        for place in np.flatnonzero(out):
            tally.leave_out(int(rows[place]), table.slice(place, 1))
        if task.trial is not None:
            first, end = task.trial
            out |= (rows < first) | (rows >= end)
        # a table that is kept whole is not copied
        yield table.filter(pa.array(~out)) if out.any() else table


def _nothing(refused: Sequence[Quarantined]) -> None:
    """Shards hold no record that was refused."""
