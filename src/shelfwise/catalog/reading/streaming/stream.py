"""A source as a stream of checked products and refused records, in the file's order and in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from loky import cpu_count

from shelfwise.catalog.reading.arrow import not_null, one_chunk, take_rows
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.categories.late_signs import LateSigns
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.images.image_index import ImageFinder
from shelfwise.catalog.reading.record_parsing import raw_json
from shelfwise.catalog.reading.row_kinds import NO_TOTAL
from shelfwise.catalog.reading.streaming.block_sequence import checked_in_order
from shelfwise.catalog.reading.streaming.blocks import (
    CheckedBlock,
    Quarantined,
    check_block,
    refuse,
)
from shelfwise.catalog.reading.streaming.parallel import BlockCheck
from shelfwise.catalog.reading.streaming.stream_position import StreamPlace, StreamPosition
from shelfwise.core.catalog import SCHEMA
from shelfwise.core.image_sources import IMAGE_BYTES
from shelfwise.core.types import Bools, Int64Array

MAX_FURTHER = 256
"""Columns kept besides ours.

Keeps a source with a new key in every record from becoming a table of a million columns.
"""

BELOW_TOTAL = (
    "the row stands below the last total of the table, as notes do; leave notes out of the file"
)

_MOST_NOTES = 5
"""Rows below the last total up to which they may be notes; more are a part of the table."""

# of a source; below, starting processes takes longer than they save
_MIN_SHARED_BYTES = 64 << 20

Batch = tuple[pa.Table, list[Quarantined]]


class CheckedBlocks:
    """The batches of a source; to be iterated over once.

    Args:
        source: the opened file.
        columns: our field name -> the source's column name, where the settings name it.
        reading: how the file is read.
        images: finds the files of images; None leaves their paths as they are.
        ids_repeat: whether products may share an id; else all but the first are refused.
        place: where the file stands among those of its catalogue; a file by itself, from its beginning,
            where it is left out.

    Attributes, filled while iterating:
        accepted: number of products.
        refused: kind of fault -> number of records.
        first_refused: the first of these.
        notes: what was set aside without refusing the product, in plain words -> how many.
        lines: (N,) where each product of the last batch stands.
    """

    def __init__(
        self,
        source: OpenedFile,
        columns: Mapping[str, str],
        reading: FileReading,
        images: ImageFinder | None = None,
        ids_repeat: bool = False,
        place: StreamPlace | None = None,
    ) -> None:
        self.source = source
        self.reading = reading
        self.place = place or StreamPlace()
        self._own_ids = closing(self.place.seen) if place is None else nullcontext()
        start = self.place.start or StreamPosition()
        self.accepted = start.accepted
        self.refused: Counter[str] = Counter(start.refused)
        self.first_refused: Quarantined | None = None
        self.notes: Counter[str] = Counter(start.notes)
        self.lines = np.empty(0, np.int64)
        self._images = images
        self._ids_repeat = ids_repeat
        if images is not None:
            images.restore(start.images)
        # whoever asks about N products gets N answers
        rules = replace(reading.rules, keeps_parts=ids_repeat)
        if images is not None:
            rules = replace(rules, root=images.root)
        self._check: BlockCheck = partial(
            check_block,
            form=source.form,
            columns={**reading.chosen, **columns},
            rules=rules,
            line_ids=reading.line_ids,
        )
        self._further: dict[str, None] = dict.fromkeys(start.further)
        self._left_out: set[str] = set(start.left_out)
        # products since the last total; 0 before one
        self._below_total = 0
        self._blocks_done: int | None = start.blocks

    def __iter__(self) -> Iterator[Batch]:
        """Some thousand records at once, in the order of the file.

        Each batch is a table of products and the refused records. Ids are unique in the whole source, unless
        they may repeat.
        """
        skip = self._blocks_done or 0
        late_signs = LateSigns()
        results = checked_in_order(self.source, self._check, self.place.pool, skip)
        # whoever stops in the middle stops the reading too
        with self._own_ids, closing(results):
            for found in results:
                self.notes += found.checked.notes
                table, refused = self._without_duplicates(found.block, found.checked)
                table = self._with_located_images(table)
                # signs that stand further down than the beginning was looked at
                late_signs.add(table.column("categories"))
                self.accepted += len(table)
                self.refused.update(record.kind for record in refused)
                if refused and self.first_refused is None:
                    self.first_refused = refused[0]
                totals = [one for one in refused if one.reason.endswith(NO_TOTAL)]
                if totals:
                    self._below_total = self.accepted - totals[-1].accepted_before
                elif self._below_total:
                    self._below_total += len(table)
                self._blocks_done = found.done
                yield table, refused
        if self._left_out:
            note = f"columns left out, being more than {MAX_FURTHER} besides ours"
            self.notes[note] = len(self._left_out)
        if self._images is not None:
            self.notes += self._images.notes()
        told = late_signs.told()
        if told is not None:
            self.notes[told[0]] = told[1]
        if 0 < self._below_total <= _MOST_NOTES:
            self.notes[BELOW_TOTAL] = self._below_total

    @property
    def position(self) -> StreamPosition | None:
        """After a batch: from where reading can go on later; None in the middle of a record."""
        # a place between two records only can be found again
        if self._blocks_done is None:
            return None
        return StreamPosition(
            blocks=self._blocks_done,
            accepted=self.accepted,
            refused=dict(self.refused),
            notes=dict(self.notes),
            further=list(self._further),
            left_out=sorted(self._left_out),
            images=None if self._images is None else self._images.state(),
        )

    def _with_located_images(self, table: pa.Table) -> pa.Table:
        """The products with the files of their images in the place of what the source says."""
        if self._images is None:
            return table
        place = table.column_names.index("image")
        names = table.column(place)
        if IMAGE_BYTES not in table.column_names:
            return table.set_column(place, "image", self._images.locate(names))
        # of an embedded image there is no file to look for
        embedded = table.column(IMAGE_BYTES).is_valid()
        others = pc.if_else(embedded, None, names)
        located = pc.if_else(embedded, names, self._images.locate(others))
        return table.set_column(place, "image", located)

    def _without_duplicates(self, block: Block, checked: CheckedBlock) -> Batch:
        """The products whose ids are new, and the refused records with the others among them."""
        table = checked.table
        refused = checked.refused
        ids = one_chunk(table.column("id"))
        lines = checked.spans[:, 0]
        first_lines = np.zeros_like(lines)
        if not self._ids_repeat:
            # 0 where an id is new, else the line that had it first
            first_lines = self.place.seen.add(ids, lines + self.place.lines_before)
        if first_lines.any():
            refused = list(refused)
            variant = _says_nothing_new(table)
            for i in np.flatnonzero(first_lines).tolist():
                first = self.place.describe(int(first_lines[i]))
                record = _duplicate(block, checked.spans[i], ids[i].as_py(), first, variant[i])
                refused.append(record)
            refused.sort(key=lambda record: record.line)
            table = take_rows(table, np.flatnonzero(first_lines == 0))
        self.lines = lines[first_lines == 0]
        refused = self._with_places(refused, self.lines)
        names = [*SCHEMA.names, *self._kept_columns(table)]
        return table.select(names), refused

    def _with_places(self, refused: list[Quarantined], lines: Int64Array) -> list[Quarantined]:
        """The refused records of a batch, each with the number of products before it in the file.

        Args:
            lines: (N,) of the batch's products, rising.
        """
        # of products that are accepted, but not counted yet
        before = np.searchsorted(lines, [record.line for record in refused])
        return [
            replace(record, accepted_before=self.accepted + count)
            for record, count in zip(refused, before.tolist(), strict=True)
        ]

    def _kept_columns(self, table: pa.Table) -> list[str]:
        """The further columns that hold something and are not too many.

        New ones come in the order in which they first hold something.
        """
        first_rows: dict[str, int] = {}
        for name in table.column_names[len(SCHEMA) :]:
            column = table.column(name)
            if column.null_count == len(column):
                continue
            first_rows[name] = 0
            # the order of those that are known already stands
            if name not in self._further:
                first_rows[name] = pc.index(column.is_valid(), True).as_py()
        for name in sorted(first_rows, key=lambda name: first_rows[name]):
            if name in self._further or len(self._further) < MAX_FURTHER:
                self._further[name] = None
            else:
                self._left_out.add(name)
        return [name for name in self._further if name in first_rows]


def processes_for(path: Path) -> int:
    """Among how many processes to share the reading of a file: one for a small one, else one a core."""
    if path.stat().st_size < _MIN_SHARED_BYTES:
        return 1
    count: int = cpu_count()
    return count


def _says_nothing_new(table: pa.Table) -> Bools:
    """Which rows have no text and no category.

    (N,). With a known id they are variants, as shops export them.
    """
    columns = (one_chunk(table.column(name)) for name in ("title", "description", "categories"))
    nothing: Bools = ~np.any([not_null(column) for column in columns], axis=0)
    return nothing


def _duplicate(
    block: Block, span: Int64Array, identifier: str, first: str, is_variant: bool
) -> Quarantined:
    """The record at `span`, whose id stood at `first`, as it goes to quarantine."""
    reason = f"product {identifier!r}: the id is that of {first}; expected every id once"
    fault = RecordError("duplicate id", reason)
    if is_variant:
        reason = (
            f"the row belongs to the product {identifier!r} of {first}, of which it is a variant"
        )
        fault = RecordError("variant row", reason)
    if not isinstance(block.data, pa.RecordBatch):
        return refuse(block.piece(span), fault, identifier)
    # rows of Parquet have no bytes of their own
    row = int(span[0])
    only_row = block.data.slice(row - block.line, 1)
    (values,) = only_row.to_pylist()
    piece = RawRecord(row, -1, raw_json(values))
    return refuse(piece, fault, identifier)
