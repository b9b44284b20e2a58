"""``shelfwise ingest``: catalogue files of any size become shards of cleaned products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shelfwise.catalog.shards.ingest import SHARD_ROWS, ingest_catalog
from shelfwise.catalog.shards.manifest import QUARANTINE
from shelfwise.commands.output_places import check_no_model
from shelfwise.config import CatalogSettings
from shelfwise.core.counted import counted, counted_kinds
from shelfwise.core.types import Context
from shelfwise.scale.stored_ingest import ingest_stored, is_stored

MAX_TOLD = 5
"""Files told that could not be read, and notes."""


def ingest(
    places: Sequence[str],
    out: str,
    settings: CatalogSettings,
    context: Context,
    shard_rows: int = SHARD_ROWS,
    workers: int | None = None,
) -> dict[str, Any]:
    """Write the products of files, folders and patterns to `out`; see :func:`ingest_catalog`.

    Args:
        places: files and folders, or objects and prefixes of object stores (``s3://BUCKET/PREFIX``).
        out: a folder, or a prefix of an object store.
        settings: how the files are read.
        shard_rows: products from which on a shard is full.
        workers: processes; default: one a core, or one for small sources.

    Returns:
        Counts, and where the files are: ``records`` are ``products`` and all of ``refused``.

    Raises:
        CatalogError: no file is found, or nothing in them can be read.
        StorageError: `out` cannot be written, or holds something else.
    """
    stored = is_stored([*places, out])
    if stored:
        catalog = ingest_stored(places, out, settings, context, shard_rows, workers)
    else:
        check_no_model(Path(out))
        catalog = ingest_catalog(
            places, Path(out), settings, context, shard_rows, workers, strict=True
        )
    content = catalog.to_dict()
    told = ("records", "products", "refused", "notes", "faults")
    return {
        **{name: content[name] for name in told},
        "sources": len(catalog.sources),
        "shards": len(catalog.shards),
        "quarantine": f"{out.rstrip('/')}/{QUARANTINE}" if catalog.quarantine_bytes else None,
        # those of an object store are not copied
        "images": None if stored else str(catalog.root),
        "out": out,
    }


def summary_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`ingest` returns, in words."""
    files = counted(found["sources"], "file")
    shards = counted(found["shards"], "shard")
    counts = (
        f"{found['products']:,} of {counted(found['records'], 'record')} of {files} are products"
    )
    yield f"{counts}: {shards} in {found['out']}"
    if found["refused"]:
        kinds = counted_kinds(found["refused"])
        yield f"the others are in {found['quarantine']} ({kinds})"
    for note, count in found["notes"].items():
        yield f"note: {note}: {count:,}"
    # some of them: a folder may hold thousands of files of another kind
    for reason in list(found["faults"].values())[:MAX_TOLD]:
        yield f"not read, or not to the end: {reason}"
    if len(found["faults"]) > MAX_TOLD:
        yield f"and {len(found['faults']) - MAX_TOLD} more files, see manifest.json"
