"""A catalogue of shards by the name that stands on the command line."""

from __future__ import annotations

from pathlib import Path

from shelfwise.catalog.shards.manifest import MANIFEST, ShardedCatalog, is_sharded
from shelfwise.errors import CatalogError
from shelfwise.scale.storage import Storage, storage_of


def ingested_catalog(source: str) -> ShardedCatalog | None:
    """The catalogue in a folder or in an object store (``s3://BUCKET/PREFIX``); None for any other file.

    Raises:
        CatalogError: there is none in the object store, or its manifest cannot be read.
    """
    place = storage_of(source)
    if not place.is_local:
        return _stored_catalog(place)
    return ShardedCatalog.load(Path(source)) if is_sharded(Path(source)) else None


def _stored_catalog(place: Storage) -> ShardedCatalog:
    """The catalogue in an object store.

    Raises:
        CatalogError: there is none.
    """
    try:
        content = place.read(MANIFEST)
    except FileNotFoundError as error:
        raise CatalogError(
            f"{place} holds no ingested catalogue (no {MANIFEST}: {error.strerror}); give the folder that "
            "`shelfwise ingest FILES --out s3://BUCKET/PREFIX` wrote"
        ) from None
    # its pictures lie where it was ingested, and not here
    return ShardedCatalog.from_bytes(content, Path(), f"{place}/{MANIFEST}")
