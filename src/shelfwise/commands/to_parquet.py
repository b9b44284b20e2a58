"""``shelfwise export CATALOG --parquet DIR``: a checked catalogue as Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.to_parquet import convert_catalog
from shelfwise.catalog.shards.manifest import is_sharded
from shelfwise.catalog.shards.shard_writer import SHARDS
from shelfwise.commands.output_places import check_output_folder
from shelfwise.core.counted import counted, counted_kinds
from shelfwise.core.types import Context
from shelfwise.errors import StorageError


def export_parquet(source: Path, out: Path, context: Context | None = None) -> dict[str, Any]:
    """Write the products of `source` to `out` as Parquet files, and its refused records as
    ``quarantine.jsonl``.

    Memory does not grow with the catalogue. Each file can be read as a catalogue by itself.

    Returns:
        What :class:`~shelfwise.catalog.reading.to_parquet.Conversion` holds, and ``out``.

    Raises:
        CatalogError: `source` cannot be read at all.
        StorageError: `out` cannot be written, is in a model, or holds an ingested catalogue.
    """
    earlier = [path.name for path in out.glob(SHARDS)]
    check_output_folder(out, ["quarantine.jsonl"], earlier)
    if is_sharded(out):
        raise StorageError(
            f"{out} holds what `shelfwise ingest` wrote, which would be lost; choose another folder"
        )
    return {**convert_catalog(source, out, context=context).to_dict(), "out": str(out)}


def parquet_words(found: Mapping[str, Any]) -> str:
    """What :func:`export_parquet` found, for people."""
    files = counted(len(found["shards"]), "Parquet file")
    lines = [
        f"{found['accepted']:,} of {counted(found['records'], 'record')}, read as {found['format']}, are "
        f"products: {files} in {found['out']}"
    ]
    if found["quarantined"]:
        kinds = counted_kinds(found["quarantined"])
        lines.append(f"the others are in {Path(found['out'], 'quarantine.jsonl')} ({kinds})")
    # what was found out of the file, as inspect tells it
    lines += [f"read: {sentence}" for sentence in found["reading"]]
    lines += [f"note: {count:,} x {note}" for note, count in found["notes"].items()]
    return "\n".join(lines)
