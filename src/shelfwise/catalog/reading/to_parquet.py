"""A catalogue of any size as a folder of Parquet files and its quarantine, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.reader import ProgressReporter, open_stream, quarantine_line
from shelfwise.catalog.reading.stream import CheckedBlocks
from shelfwise.config import CatalogSettings
from shelfwise.core.claims import claimed
from shelfwise.core.files import keep_input, temporary_name, write_text_atomically
from shelfwise.errors import StorageError

SHARD_ROWS = 500_000
"""Products in one Parquet file, or a few thousand more."""

SHARDS = "products-*.parquet"
"""The Parquet files of a folder."""

# worth a dictionary: their values recur
_COLUMNS_WITH_REPEATS = ["brand", "categories.list.element.list.element"]

# worth statistics: readers compare their values
_COLUMNS_WITH_ORDER = ["id", "price", "brand"]


@dataclass(frozen=True)
class Conversion:
    """What came of a source: ``accepted + quarantined == records``, always.

    Args:
        records: records in the source; blank lines and a table's header are none.
        accepted: products written to the Parquet files.
        quarantined: kind of fault -> number of records written to ``quarantine.jsonl``.
        format: the format it was read in.
        shards: the Parquet files, in the order of the source.
        notes: what was set aside without refusing the product, in plain words -> how many.
        reading: how the file was read, one sentence a decision.
    """

    records: int
    accepted: int
    quarantined: Mapping[str, int]
    format: str
    shards: list[Path]
    notes: Mapping[str, int] = field(default_factory=dict)
    reading: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON-ready values."""
        return {**asdict(self), "shards": [str(path) for path in self.shards]}


def convert_catalog(
    source: Path | str,
    folder: Path | str,
    settings: CatalogSettings | None = None,
    context: ProgressReporter | None = None,
) -> Conversion:
    """Check a catalogue and write it to `folder` while it is read.

    It is checked as :func:`~shelfwise.catalog.reading.reader.read_catalog` does. The folder gets
    ``products-00000.parquet`` and so on, each readable as a catalogue by itself, and ``quarantine.jsonl``. A
    file has the further columns that had turned up when it was finished, text all of them.

    Raises:
        CatalogError: the source cannot be read at all.
        StorageError: the folder cannot be written, another run is writing to it, or `source` would be
            written over.
    """
    source = Path(source)
    folder = Path(folder)
    keep_input(source, folder / "quarantine.jsonl", *folder.glob(SHARDS))
    with claimed(folder):
        return _convert(source, folder, settings or CatalogSettings(), context)


def _convert(
    source: Path, folder: Path, settings: CatalogSettings, context: ProgressReporter | None
) -> Conversion:
    """As :func:`convert_catalog`, for the holder of the claim on `folder`."""
    shards = _Shards(folder)
    try:
        with open_stream(source, settings, context) as stream:
            # the lines of the quarantine come block by block, and the products are written on the way
            write_text_atomically(folder / "quarantine.jsonl", _written(stream, shards))
        # here, not only below: the last file may be what the disk refuses
        shards.close()
    except OSError as error:
        reason = error.strerror or error
        fix = "free some space or choose another folder"
        raise StorageError(f"could not write {folder}: {reason}; {fix}") from error
    finally:
        shards.abandon()
    # files of an earlier run would be read as part of this catalogue
    for path in set(folder.glob(SHARDS)) - set(shards.paths):
        path.unlink()
    return Conversion(
        records=stream.accepted + stream.refused.total(),
        accepted=stream.accepted,
        quarantined=dict(stream.refused),
        format=stream.source.name,
        shards=shards.paths,
        notes=dict(stream.notes),
        reading=(*stream.reading.evidence, *stream.reading.rivals),
    )


def _written(stream: CheckedBlocks, shards: _Shards) -> Iterator[str]:
    """Write the products of each block; give the lines of the quarantine."""
    for table, refused in stream:
        shards.write(table)
        yield from map(quarantine_line, refused)


class _Shards:
    """Parquet files of bounded size, one after the other; each appears when it is whole."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[Path] = []
        self._folder = folder
        self._unfinished = folder
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Append products; a column that the open file has not begins a new one."""
        if not table.num_rows:
            return
        if self._writer is not None and not self._has_room(table, self._writer):
            self.close()
        if self._writer is None:
            # its columns are those that have turned up by now
            self._writer = self._new_file(table.schema)
        names = self._writer.schema.names
        # a shard has its columns in every row
        missing = set(names) - set(table.column_names)
        for name in missing:
            empty = pa.nulls(table.num_rows, pa.string())
            table = table.append_column(name, empty)
        self._writer.write_table(table.select(names))
        self._rows += table.num_rows

    def close(self) -> None:
        """Finish the open file: from now on it is there."""
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        self._unfinished.rename(self.paths[-1])

    def abandon(self) -> None:
        """Leave nothing of a file that could not be finished; does nothing after :meth:`close`."""
        if self._writer is None:
            return
        # on a full disk the end of the file cannot be written either
        with suppress(OSError):
            self._writer.close()
        self._unfinished.unlink(missing_ok=True)

    def _has_room(self, table: pa.Table, writer: pq.ParquetWriter) -> bool:
        """Whether the open file is not full and has all columns of the table."""
        if self._rows >= SHARD_ROWS:
            return False
        return set(table.column_names) <= set(writer.schema.names)

    def _new_file(self, schema: pa.Schema) -> pq.ParquetWriter:
        path = self._folder / f"products-{len(self.paths):05}.parquet"
        self.paths.append(path)
        self._rows = 0
        self._unfinished = temporary_name(path)
        return pq.ParquetWriter(
            self._unfinished,
            schema,
            use_dictionary=_COLUMNS_WITH_REPEATS,
            write_statistics=_COLUMNS_WITH_ORDER,
        )
