"""A catalogue of any size as a folder of Parquet files and its quarantine, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.reader import ProgressReporter, open_stream, quarantine_line
from shelfwise.config import CatalogSettings
from shelfwise.errors import StorageError

SHARD_ROWS = 500_000
"""Products in one Parquet file, or a few thousand more."""

_REPEATED = ["brand", "categories.list.element.list.element"]
_COMPARED = ["id", "price", "brand"]


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
    """

    records: int
    accepted: int
    quarantined: Mapping[str, int]
    format: str
    shards: list[Path]
    notes: Mapping[str, int] = field(default_factory=dict)


def convert_catalog(
    source: Path | str,
    folder: Path | str,
    settings: CatalogSettings | None = None,
    context: ProgressReporter | None = None,
) -> Conversion:
    """Check a catalogue as :func:`~shelfwise.catalog.reading.reader.read_catalog` does, and write it to `folder` while it is read.

    The folder gets ``products-00000.parquet`` and so on, each readable as a catalogue by itself, and ``quarantine.jsonl``. A file has
    the further columns that had turned up when it was finished, text all of them.

    Raises:
        CatalogError: the source cannot be read at all.
        StorageError: the folder cannot be written.
    """
    folder = Path(folder)
    writer = _Shards(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "quarantine.jsonl").open("w", encoding="utf-8") as quarantine:
            with open_stream(Path(source), settings or CatalogSettings(), context) as stream:
                for table, refused in stream:
                    writer.write(table)
                    quarantine.writelines(map(quarantine_line, refused))
            writer.close()
    except OSError as error:
        raise StorageError(
            f"could not write {folder}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        writer.close()
    records = stream.accepted + stream.refused.total()
    return Conversion(
        records, stream.accepted, dict(stream.refused), stream.source.name, writer.paths, dict(stream.notes)
    )


class _Shards:
    """Parquet files of bounded size, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[Path] = []
        self._folder = folder
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Append products; a column that the open file has not begins a new one."""
        if not table.num_rows:
            return
        if self._writer is not None and (
            self._rows >= SHARD_ROWS or not set(table.column_names) <= set(self._writer.schema.names)
        ):
            self.close()
        if self._writer is None:
            self.paths.append(self._folder / f"products-{len(self.paths):05}.parquet")
            self._writer = pq.ParquetWriter(
                self.paths[-1], table.schema, use_dictionary=_REPEATED, write_statistics=_COMPARED
            )
            self._rows = 0
        for name in self._writer.schema.names:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
        self._writer.write_table(table.select(self._writer.schema.names))
        self._rows += table.num_rows

    def close(self) -> None:
        """Finish the open file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
