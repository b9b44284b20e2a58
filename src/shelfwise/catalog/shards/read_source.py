"""One source file of an ingestion: its products go to the shards, and its other records to quarantine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.detection.file_detection import detect_reading
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.detection.format_detection import open_source
from shelfwise.catalog.reading.images.image_index import ImageFinder
from shelfwise.catalog.reading.images.image_urls import FetchedImages
from shelfwise.catalog.reading.joined_tables import category_rows_of_file
from shelfwise.catalog.reading.reader import ProgressReporter, quarantine_row
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.category_rows import CategoryRows
from shelfwise.catalog.reading.streaming.parallel import ReadingPool
from shelfwise.catalog.reading.streaming.stream import CheckedBlocks
from shelfwise.catalog.reading.streaming.stream_position import StreamPlace
from shelfwise.catalog.shards.ingest_state import IngestState
from shelfwise.catalog.shards.manifest import SourceAccount, describe_reading
from shelfwise.catalog.shards.sources import Source
from shelfwise.disk.files import json_text
from shelfwise.errors import CatalogError, ReadingStoppedError

# of a line's number among those of all sources; the bits above tell the file
_LINE_BITS = 40


@dataclass(frozen=True)
class SourceReader:
    """Reads source files one after the other.

    Args:
        sources: all of them.
        state: takes in what is read.
        pool: processes that help; None for none.
        advance: told how many bytes were read.
        context: shows the progress of what is read beside that.
    """

    sources: Sequence[Source]
    state: IngestState
    pool: ReadingPool | None
    advance: Callable[[int], None]
    context: ProgressReporter

    def read(self, number: int) -> SourceAccount:
        """Read the source of that number from where the state says; the account of the whole of it.

        Raises:
            CatalogError: somebody wrote to the file meanwhile.
        """
        source = self.sources[number]
        account = SourceAccount(source.name, source.bytes, source.sha256, fault=source.fault)
        if source.fault is not None:
            return account
        opened = open_source(source.path, source.settings, self.advance)
        reading, opened = detect_reading(opened, source.settings, strict=False)
        account = replace(
            account, format=opened.name, reading=describe_reading(reading, opened.notes)
        )
        if reading.line_ids is not None and len(self.sources) > 1:
            fix = "name the column of its ids in the settings, or ingest it by itself"
            why = f"{source.name} has products without an id, and lines of several files repeat"
            return replace(account, fault=f"{why}; {fix}")
        # what was fetched is told beside the file, and not in it
        reading = replace(reading, urls=FetchedImages.of(source.path))
        images = ImageFinder(source.path.parent)
        place = StreamPlace(
            seen=self.state.seen,
            lines_before=number << _LINE_BITS,
            describe=self._line_in_words,
            pool=self.pool,
            start=self.state.position,
        )
        rows = self._category_rows(source, reading)
        stream = CheckedBlocks(
            opened, source.settings.columns, reading, images, place=place, category_rows=rows
        )
        fault = self._drain(stream, source)
        # its sha256 was taken before, and would be that of another file
        if not source.is_unchanged():
            fix = "remove the folder and ingest again when nobody writes to it"
            raise CatalogError(f"{source.path} was changed while it was read; {fix}")
        return replace(
            account,
            products=stream.accepted,
            refused=dict(stream.refused),
            notes=dict(stream.notes),
            fault=fault,
        )

    def _category_rows(self, source: Source, reading: FileReading) -> CategoryRows | None:
        """The rows that add categories to a product above them, for which the source is read once more."""
        if reading.repeated_ids != "join":
            return None
        title = f"joining rows of {source.name}"
        with self.context.progress(title, source.bytes) as bar:
            return category_rows_of_file(
                source.path, source.settings, reading, self.pool, bar.advance
            )

    def _drain(self, stream: CheckedBlocks, source: Source) -> str | None:
        """Take in all batches; why the file cannot be read to its end, None where it can."""
        try:
            for table, refused in stream:
                lines = [_quarantine_line(record, source) for record in refused]
                table = _with_folder(table, source)
                self.state.add(table, stream.lines + stream.place.lines_before, lines)
                self.state.reached(stream.position)
        except ReadingStoppedError:
            raise
        except CatalogError as error:
            # the products before the damage are products all the same
            return str(error).replace(str(source.path), source.name)
        return None

    def _line_in_words(self, line: int) -> str:
        """A line among those of all sources."""
        number, within = line >> _LINE_BITS, line & ((1 << _LINE_BITS) - 1)
        # of a single file everybody knows which one is meant
        if len(self.sources) == 1:
            return f"line {within}"
        return f"line {within} of {self.sources[number].name}"


def _quarantine_line(record: Quarantined, source: Source) -> str:
    return json_text({"file": source.name, **quarantine_row(record)}) + "\n"


def _with_folder(table: pa.Table, source: Source) -> pa.Table:
    """The products with image paths that are relative to the folder of all sources."""
    folder = PurePosixPath(source.name).parent.as_posix()
    if folder == ".":
        return table
    place = table.column_names.index("image")
    # where there is no image, there is none below the folder either
    images = pc.binary_join_element_wise(folder, table.column(place), "/")
    return table.set_column(place, "image", images)
