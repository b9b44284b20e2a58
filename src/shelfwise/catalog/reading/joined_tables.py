"""Tables joined of products and categories: rows that add categories are found by reading the file once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from shelfwise.catalog.reading.detection.file_detection import detect_reading
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.detection.format_detection import open_source
from shelfwise.catalog.reading.duplicate_ids import DuplicateIds
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.streaming.category_rows import CategoryRows, find_category_rows
from shelfwise.catalog.reading.streaming.parallel import ReadingPool
from shelfwise.catalog.reading.streaming.stream import CheckedBlocks
from shelfwise.catalog.reading.streaming.stream_position import StreamPlace
from shelfwise.config import CatalogSettings


def category_rows_of_file(
    path: Path,
    settings: CatalogSettings,
    reading: FileReading,
    pool: ReadingPool | None,
    advance: Callable[[int], None],
) -> CategoryRows | None:
    """The rows of a file that add categories to a product above them; None where it has no such rows.

    Args:
        reading: how the file is read.
        pool: processes that help.
        advance: told how many bytes were read.
    """
    if reading.repeated_ids != "join":
        return None
    source = open_source(path, settings, advance)
    _, source = detect_reading(source, settings, strict=False)
    return category_rows_of(source, settings.columns, reading, pool)


def category_rows_of(
    source: OpenedFile,
    columns: Mapping[str, str],
    reading: FileReading,
    pool: ReadingPool | None = None,
) -> CategoryRows | None:
    """The same of an opened file, which is read to its end."""
    if reading.repeated_ids != "join":
        return None
    with closing(DuplicateIds()) as seen:
        place = StreamPlace(seen, pool=pool)
        return find_category_rows(CheckedBlocks(source, columns, reading, place=place))
