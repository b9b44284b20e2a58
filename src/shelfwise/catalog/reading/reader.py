"""A file becomes a catalogue: every record is accepted, or quarantined with its bytes and the reason."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from shelfwise.catalog.reading.detection.file_detection import detect_reading
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.detection.format_detection import open_source
from shelfwise.catalog.reading.duplicate_ids import DuplicateIds
from shelfwise.catalog.reading.formats._header import may_be_names
from shelfwise.catalog.reading.images.image_index import ImageFinder
from shelfwise.catalog.reading.images.image_urls import FetchedImages
from shelfwise.catalog.reading.joined_tables import category_rows_of_file
from shelfwise.catalog.reading.source_file import check_file, unchanged
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.parallel import reading_pool
from shelfwise.catalog.reading.streaming.stream import CheckedBlocks, processes_for
from shelfwise.catalog.reading.streaming.stream_position import StreamPlace
from shelfwise.catalog.shards.manifest import ShardedCatalog, is_sharded
from shelfwise.catalog.shards.shard_reader import ShardedProducts
from shelfwise.config import CatalogSettings
from shelfwise.core.arrow_size import MAX_CHUNK_BYTES, concatenated
from shelfwise.core.catalog import Catalog
from shelfwise.disk.files import json_text, write_text_atomically
from shelfwise.disk.table_store import TableStore
from shelfwise.errors import CatalogError, NothingUsableError

# causes why nothing is usable, the commonest
_CAUSES_NAMED = 3
# columns of a file that a message names
_COLUMNS_NAMED = 20
# of which people make files without a line of names
_TABLES = ("csv", "tsv", "excel")


CatalogStream = CheckedBlocks | ShardedProducts
"""The products and refused records of a file, or of a catalogue of shards."""


class _NullProgress:
    def advance(self, steps: int = 1) -> None:
        """Do nothing."""


class ReadingProgress(Protocol):
    """A progress bar."""

    def advance(self, steps: int = 1) -> None:
        """Report that so many more bytes were read."""
        ...


class ProgressReporter(Protocol):
    """The part of :class:`shelfwise.core.types.Context` that reading needs."""

    def progress(
        self,
        title: str,
        total: int,
    ) -> AbstractContextManager[ReadingProgress]:
        """A progress bar for `total` bytes."""
        ...


class NullReporter:
    """The default: reports nothing."""

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[ReadingProgress]:
        """Report nothing."""
        yield _NullProgress()


@dataclass(frozen=True)
class ReadResult:
    """What came of a file: ``len(catalog) + len(quarantine) == records``, always.

    Args:
        catalog: the accepted products in the order of the file, ids unique.
        quarantine: the refused records in the order of the file.
        records: records in the source; blank lines and a table's header are none.
        format: the format it was read in.
        notes: what was set aside without refusing the product, in plain words -> how many.
        reading: which column is which field, and how categories and prices are written.
        settings: those it was read with, and what was found written down in them.
        encoding: of the file's text; None for UTF-8, and for files that are no text.
        delimiter: between the fields of a row; None where the format has none.
    """

    catalog: Catalog
    quarantine: list[Quarantined]
    records: int
    format: str
    notes: dict[str, int] = field(default_factory=dict)
    reading: FileReading = field(default_factory=FileReading.nothing)
    settings: CatalogSettings = field(default_factory=CatalogSettings)
    encoding: str | None = None
    delimiter: str | None = None


def read_catalog(
    path: Path | str,
    settings: CatalogSettings | None = None,
    context: ProgressReporter | None = None,
    strict: bool = False,
) -> ReadResult:
    """Read a catalogue from JSON, CSV, TSV, Parquet, a workbook, XML, a tar archive or an Amazon dump.

    Titles, descriptions, brands and category names become plain text. Of several records with one id the
    first counts. Image paths are relative to the file's folder.

    Args:
        path: the file; images lie below its folder.
        settings: format, column names and separators; by default all are detected.
        context: reports the progress in bytes.
        strict: refuse settings that name a column which the file does not have.

    Raises:
        CatalogError: there is no such file, its format cannot be recognised, or not one record of it can be
            accepted.
        ConfigError: there is no format of the name in the settings.
    """
    store = TableStore(MAX_CHUNK_BYTES)
    quarantine: list[Quarantined] = []
    settings = settings or CatalogSettings()
    with open_stream(Path(path), settings, context, strict) as stream:
        for table, refused in stream:
            store.add(table)
            quarantine += refused
    # a further column may turn up in the middle of the file; the products before have none
    table = concatenated(store.tables())
    catalog = Catalog(table, catalog_folder(Path(path)), str(path))
    return ReadResult(
        catalog=catalog,
        quarantine=quarantine,
        records=len(catalog) + len(quarantine),
        format=stream.source.name,
        notes=dict(stream.notes),
        reading=stream.reading,
        settings=stream.reading.settled(settings),
        encoding=stream.source.encoding,
        # tables only
        delimiter=getattr(stream.source.form, "delimiter", None),
    )


@contextmanager
def open_stream(
    path: Path,
    settings: CatalogSettings,
    context: ProgressReporter | None = None,
    strict: bool = False,
) -> Iterator[CatalogStream]:
    """The products and refused records of a file, or of a catalogue of shards, to be iterated over once.

    Raises:
        CatalogError: there is no such file, its format cannot be recognised, or, at the end, not one record
            of it could be accepted, or it was changed while it was read.
        ConfigError: there is no format of the name in the settings.
    """
    reporter = context or NullReporter()
    if is_sharded(path):
        manifest = ShardedCatalog.load(path)
        if strict:
            _check_ingested_columns(manifest, settings)
        size = sum(shard.bytes for shard in manifest.shards)
        with reporter.progress(f"reading {path.name}", size) as bar:
            yield ShardedProducts(manifest, bar.advance)
        return
    check_file(path)
    size = path.stat().st_size
    with unchanged(path), reporter.progress(f"reading {path.name}", size) as bar:
        source = open_source(path, settings, bar.advance)
        reading, source = detect_reading(source, settings, strict)
        reading = replace(reading, urls=FetchedImages.of(path))
        images = ImageFinder(path.parent)
        with reading_pool(processes_for(path)) as pool, closing(DuplicateIds()) as seen:
            place = StreamPlace(seen, pool=pool)
            rows = None
            if reading.repeated_ids == "join":
                with reporter.progress(f"joining rows of {path.name}", size) as first_bar:
                    advance = first_bar.advance
                    rows = category_rows_of_file(path, settings, reading, pool, advance)
            stream = CheckedBlocks(
                source, settings.columns, reading, images, place=place, category_rows=rows
            )
            yield stream
    # a catalogue of nothing but refused records is most likely read in the wrong way
    if not stream.accepted:
        lacks_id = "id" not in stream.reading.columns
        raise NothingUsableError(why_nothing(path, stream), stream.reading.names, lacks_id)


def catalog_folder(path: Path) -> Path:
    """The folder that the image paths of a catalogue are relative to."""
    return ShardedCatalog.load(path).root if is_sharded(path) else path.parent


def write_quarantine(quarantine: Iterable[Quarantined], path: Path | str) -> None:
    """Write one JSON object a record: line, offset, length, id, kind, reason, raw and text.

    ``raw`` are the bytes in base64; ``text`` is the same for people, with bad bytes replaced.
    """
    write_text_atomically(Path(path), map(quarantine_line, quarantine))


def quarantine_line(refused: Quarantined) -> str:
    """One line of a quarantine file."""
    return json_text(quarantine_row(refused)) + "\n"


def quarantine_row(refused: Quarantined) -> dict[str, Any]:
    """What a quarantine file has of a record."""
    row = asdict(refused)
    # the line tells people where it stands
    del row["accepted_before"]
    # JSON holds no bytes
    row["raw"] = base64.b64encode(refused.raw).decode()
    row["text"] = refused.raw.decode("utf-8", "replace")
    return row


def _check_ingested_columns(manifest: ShardedCatalog, settings: CatalogSettings) -> None:
    """Refuse settings that name other columns than those which the shards were made of.

    Raises:
        CatalogError: they do.
    """
    taken = manifest.reading().columns
    for name, column in settings.columns.items():
        if taken.get(name) != column:
            raise CatalogError(
                f"{manifest.folder} was ingested with {taken.get(name)!r} as {name}, and the settings "
                f"name {column!r}; ingest the source again with these settings (--config)"
            )


def why_nothing(path: Path, stream: CatalogStream) -> str:
    """Why not one record could be accepted, in words."""
    name = stream.source.name
    first = stream.first_refused
    if first is None:
        return f"the catalogue {path}, read as {name}, has 0 records; expected at least one product"
    count = stream.refused.total()
    kinds = ", ".join(
        f"{kind}: {number:,}" for kind, number in stream.refused.most_common(_CAUSES_NAMED)
    )
    names = ", ".join(repr(column) for column in stream.reading.names[:_COLUMNS_NAMED])
    none = f"none of the {count:,} records of {path} could be read as {name}"
    # of all that is wrong this is the one that a line mends
    if set(stream.refused) == {"missing id"} and names and "id" not in stream.reading.columns:
        if name in _TABLES and not may_be_names(stream.reading.names):
            return (
                f"{none}: its first row looks like a record, {names}, and not like the names of the columns; "
                "put a line with their names above it, such as id, title, categories"
            )
        fix = 'say which one it is, under [catalog] of a settings file: columns = { id = "NAME" }'
        return (
            f"{none}: no column is called like an id; the file has the columns {names}; {fix}; "
            "`shelfwise init` asks for it and writes that file"
        )
    fix = (
        f"the file has the columns {names}" if names else "set format if it is another kind of file"
    )
    if "id" not in stream.reading.columns:
        fix += (
            '; say which is the id, under [catalog] of a settings file: columns = { id = "NAME" }'
        )
    return f"{none} ({kinds}); the first, line {first.line}: {first.reason}; {fix}"
