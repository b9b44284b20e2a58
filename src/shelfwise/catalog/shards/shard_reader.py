"""Reads a catalogue of shards as every verb reads a file; its products were cleaned when it was ingested."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.formats.parquet import Parquet, batch_rows
from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.catalog.reading.source_file import check_file
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.stream import Batch
from shelfwise.catalog.shards.manifest import Shard, ShardedCatalog
from shelfwise.core.catalog import SCHEMA
from shelfwise.core.image_sources import IMAGE_BYTES
from shelfwise.errors import CatalogError

_TYPES = {field.name: field.type for field in SCHEMA} | {IMAGE_BYTES: pa.large_binary()}
"""Of the columns of a shard; further ones are text."""


class ShardedProducts:
    """The batches of a catalogue of shards; to be iterated over once.

    It has what a stream of a file has. No record is refused: those of the sources are in the quarantine of
    the ingestion.

    Args:
        catalog: the manifest.
        advance: told how many bytes were read.
    """

    def __init__(self, catalog: ShardedCatalog, advance: Callable[[int], None]) -> None:
        self.source = OpenedFile("shards", Parquet(), iter(()))
        self.reading = catalog.reading()
        self.accepted = 0
        self.refused: Counter[str] = Counter()
        self.first_refused: Quarantined | None = None
        self.notes: Counter[str] = Counter(catalog.total("notes"))
        self._catalog = catalog
        self._advance = advance

    def __iter__(self) -> Iterator[Batch]:
        """Some thousand products at once, in their order."""
        for shard in self._catalog.shards:
            path = self._catalog.folder / shard.name
            # nothing waits for a pipe in its place
            check_file(path)
            for table in shard_tables(shard, path.read_bytes()):
                self.accepted += table.num_rows
                yield table, []
            self._advance(shard.bytes)


def shard_tables(shard: Shard, content: bytes) -> Iterator[pa.Table]:
    """The products of a shard, some thousand at once, from the bytes of its file.

    Raises:
        CatalogError: the bytes are not those that the manifest names, or hold no products.
    """
    # one changed byte of a Parquet file may be read as another value
    found = hashlib.sha256(content).hexdigest()
    if found != shard.sha256:
        sizes = f"expected {shard.bytes:,} bytes with the sha256 {shard.sha256[:16]}"
        other = f"found {len(content):,} with {found[:16]}"
        raise CatalogError(
            f"the shard {shard.name} was changed, or is not whole: {sizes}, {other}; "
            "restore it, or ingest its source again"
        )
    try:
        # buffered ahead, all that was read would stay in memory until the end
        with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
            missing = set(SCHEMA.names) - set(file.schema_arrow.names)
            if missing:
                raise CatalogError(f"the shard {shard.name} has no column {min(missing)!r}")
            _check_types(shard, file.schema_arrow)
            for batch in file.iter_batches(batch_size=batch_rows(file.metadata)):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        reason = first_line(error)
        raise CatalogError(f"the shard {shard.name} cannot be read ({reason})") from None


def _check_types(shard: Shard, found: pa.Schema) -> None:
    """Refuse columns of other types than an ingestion writes.

    Raises:
        CatalogError: there is one; the message names it.
    """
    for column in found:
        expected = _TYPES.get(column.name, pa.string())
        if column.type != expected:
            raise CatalogError(
                f"the shard {shard.name} has another type in its column {column.name!r}: "
                f"expected {expected}, found {column.type}; ingest its source again"
            )
