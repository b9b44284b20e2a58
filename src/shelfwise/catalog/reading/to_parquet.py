"""A catalogue of any size as a folder of Parquet files and its quarantine, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import (
    CatalogStream,
    ProgressReporter,
    open_stream,
    quarantine_line,
)
from shelfwise.catalog.shards.shard_writer import SHARDS, ShardWriter
from shelfwise.config import CatalogSettings
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import keep_input, write_text_atomically
from shelfwise.errors import StorageError

SHARD_ROWS = 500_000
"""Products in one Parquet file, or a few thousand more."""


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
    shards = ShardWriter(folder, SHARD_ROWS)
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


def _written(stream: CatalogStream, shards: ShardWriter) -> Iterator[str]:
    """Write the products of each block; give the lines of the quarantine."""
    for table, refused in stream:
        shards.write(table)
        yield from map(quarantine_line, refused)
