"""The URLs of a catalogue's images, one a product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from shelfwise.catalog.reading.detection.file_detection import detect_reading
from shelfwise.catalog.reading.detection.format_detection import open_source
from shelfwise.catalog.reading.duplicate_ids import DuplicateIds
from shelfwise.catalog.reading.images.image_urls import UrlsThemselves
from shelfwise.catalog.reading.source_file import check_file, unchanged
from shelfwise.catalog.reading.streaming.parallel import reading_pool
from shelfwise.catalog.reading.streaming.stream import CheckedBlocks, processes_for
from shelfwise.catalog.reading.streaming.stream_position import StreamPlace
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context


def image_urls(path: Path, settings: CatalogSettings, context: Context) -> Iterator[str]:
    """The URL of each product whose image is named by one; columns are found as for training.

    Raises:
        CatalogError: there is no such file, its format cannot be recognised, or it was changed while it was
            read.
    """
    check_file(path)
    with unchanged(path), context.progress(f"reading {path.name}", path.stat().st_size) as bar:
        source = open_source(path, settings, bar.advance)
        reading, source = detect_reading(source, settings, strict=True)
        reading = replace(reading, urls=UrlsThemselves())
        with reading_pool(processes_for(path)) as pool, closing(DuplicateIds()) as seen:
            place = StreamPlace(seen, pool=pool)
            for table, _refused in CheckedBlocks(source, settings.columns, reading, place=place):
                for image in table.column("image").to_pylist():
                    # a product may also name a file
                    if image is not None and image.lower().startswith(("http://", "https://")):
                        yield image
