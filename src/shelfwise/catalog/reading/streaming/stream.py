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

from shelfwise.catalog.reading.arrow import one_chunk, take_rows
from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.categories.late_signs import LateSigns
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.images.image_index import ImageFinder
from shelfwise.catalog.reading.row_kinds import NO_TOTAL
from shelfwise.catalog.reading.streaming.block_sequence import checked_in_order
from shelfwise.catalog.reading.streaming.blocks import (
    CheckedBlock,
    Quarantined,
    check_block,
)
from shelfwise.catalog.reading.streaming.category_rows import CategoryRows
from shelfwise.catalog.reading.streaming.parallel import BlockCheck
from shelfwise.catalog.reading.streaming.repeated_rows import RepeatedRows, refuse_repeated
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

REPEATED_BELOW = (
    "rows below the file's beginning repeat an id; if they have further categories of a product, write "
    'under [catalog]: repeated_ids = "join"'
)

_FEW_REPEATED = 0.01
"""Rows that repeat an id, for each product, up to which they are odd ones out."""

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
        category_rows: the rows that add categories to a product above them; else such rows are refused as
            repeated ids.

    Attributes, filled while iterating:
        accepted: number of products.
        refused: kind of fault -> number of records.
        first_refused: the first of these.
        notes: what was set aside without refusing the product, in plain words -> how many.
        lines: (N,) where each product of the last batch stands.
        repeated: the rows of the last batch that repeat an id; None where there are none.
    """

    def __init__(
        self,
        source: OpenedFile,
        columns: Mapping[str, str],
        reading: FileReading,
        images: ImageFinder | None = None,
        ids_repeat: bool = False,
        place: StreamPlace | None = None,
        category_rows: CategoryRows | None = None,
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
        self.repeated: RepeatedRows | None = None
        self._category_rows = category_rows
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
                self.notes[REPEATED_BELOW] += self._late_repeats(refused)
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
        if self.notes[REPEATED_BELOW] <= _FEW_REPEATED * self.accepted:
            del self.notes[REPEATED_BELOW]
        if 0 < self._below_total <= _MOST_NOTES:
            self.notes[BELOW_TOTAL] = self._below_total

    def _late_repeats(self, refused: list[Quarantined]) -> int:
        """How many rows of a batch repeat an id, of which nobody was told that they may add categories."""
        # of the file's beginning users are told with how it is read
        if self._blocks_done == 0 or self.reading.repeated_ids is not None:
            return 0
        return sum(record.kind == "duplicate id" for record in refused)

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
        if "image" not in self.reading.columns and names.null_count == len(names):
            return table.set_column(place, "image", self._images.locate_by_id(table))
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
        self.repeated = None
        if first_lines.any():
            again = np.flatnonzero(first_lines)
            self.repeated = RepeatedRows(
                take_rows(table, again), checked.spans[again], first_lines[again]
            )
            added = self._are_added(self.repeated)
            further = refuse_repeated(block, self.repeated, added, self.place.describe)
            refused = sorted([*refused, *further], key=lambda record: record.line)
            table = take_rows(table, np.flatnonzero(first_lines == 0))
        self.lines = lines[first_lines == 0]
        if self._category_rows is not None:
            table = self._category_rows.added_to(table)
        refused = self._with_places(refused, self.lines)
        names = [*SCHEMA.names, *self._kept_columns(table)]
        return table.select(names), refused

    def _are_added(self, rows: RepeatedRows) -> Bools:
        """Which rows add categories to a product of this file."""
        lines = rows.spans[:, 0]
        if self._category_rows is None:
            return np.zeros(len(lines), dtype=bool)
        # products of another file stay as they are
        own_product = rows.first_lines > self.place.lines_before
        return self._category_rows.are_at(lines) & own_product

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
