"""Ingesting from and to object stores: sources are copied to this machine, and shards put when all are made.

A run that was stopped goes on where it was: with the copies in the cache folder, and with the shards that
were put. The same sources give the same objects as files in folders do.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from shelfwise.catalog.reading.catalog_names import is_catalog_name
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.catalog.shards.manifest import MANIFEST, QUARANTINE, ShardedCatalog
from shelfwise.catalog.shards.shard_writer import SHARDS
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import replacing, sha256_of_file, sha256_of_json
from shelfwise.disk.folders import make_folders
from shelfwise.errors import CatalogError, ConfigError, StorageError
from shelfwise.scale.object_storage import SCHEME, ObjectStorage, StoredObject
from shelfwise.scale.storage import Storage, publish_same, storage_of

_DIGEST_LETTERS = 16


@dataclass(frozen=True)
class _Source:
    """An object that is a source.

    Args:
        place: what it lies in.
        found: the object there.
    """

    place: str
    found: StoredObject

    @property
    def path(self) -> PurePosixPath:
        """Where it is copied to, below the folder of all copies."""
        return PurePosixPath(self.place.removeprefix(SCHEME)) / self.found.name


def is_stored(places: Sequence[str]) -> bool:
    """Whether any of these places lies in an object store."""
    return any(place.startswith(SCHEME) for place in places)


def ingest_stored(
    places: Sequence[str],
    out: str,
    settings: CatalogSettings,
    context: Context,
    shard_rows: int,
    workers: int | None = None,
) -> ShardedCatalog:
    """As :func:`~shelfwise.catalog.shards.ingest.ingest_catalog`, where sources or `out` are in a store.

    Pictures are not copied: the catalogue names none that can be read.

    Args:
        places: all in object stores, or none.
        out: a folder or a prefix.

    Raises:
        CatalogError: nothing is found, or nothing in it can be read.
        ConfigError: some places are in object stores and others are not; or a place cannot be opened.
        StorageError: `out` holds something else, or was begun with other sources.
    """
    target = storage_of(out)
    sources = _found(places) if is_stored(places) else []
    asked = [list(places), out, settings.model_dump(mode="json"), shard_rows]
    # a source that changed is another run
    asked += [asdict(source) for source in sources]
    with target.claim(), _work_folder(asked, context) as work:
        files = _copied(sources, work / "sources", context) if sources else list(places)
        shards = work / "shards"
        is_finished = _take_manifest(target, shards)
        try:
            catalog = ingest_catalog(
                files, shards, settings, context, shard_rows, workers, strict=True
            )
        except StorageError as error:
            # nobody knows the folder of this machine
            raise StorageError(str(error).replace(str(shards), out)) from None
        catalog = replace(catalog, image_root=".")
        if not is_finished:
            _put(catalog, target, context)
    return catalog


def _found(places: Sequence[str]) -> list[_Source]:
    """The objects that are meant.

    Raises:
        CatalogError: a place has none.
        ConfigError: a place is in no object store.
    """
    found: dict[PurePosixPath, _Source] = {}
    for place in places:
        if not place.startswith(SCHEME):
            raise ConfigError(
                f"{place} is no object and others are; give only files, or only {SCHEME} places"
            )
        for source in _found_at(place.rstrip("/")):
            # a place that two patterns mean is read once
            found.setdefault(source.path, source)
    return list(found.values())


def _found_at(place: str) -> list[_Source]:
    """The objects directly below a prefix whose names end as a catalogue's do, or the one of this name."""
    below = ObjectStorage(place).objects()
    names = [one.name for one in below]
    if MANIFEST in names:
        raise CatalogError(f"{place} is an ingested catalogue already; it can be used as it is")
    if below:
        sources = [_Source(place, one) for one in below if is_catalog_name(one.name)]
    else:
        folder, _, name = place.rpartition("/")
        # of a bucket alone no folder is left
        around = ObjectStorage(folder).objects() if folder.startswith(SCHEME) else []
        sources = [_Source(folder, one) for one in around if one.name == name]
    if not sources:
        raise CatalogError(
            f"{place} holds no object whose name ends as a catalogue's does, and is none itself; "
            "patterns are not looked for in object stores"
        )
    return sorted(sources, key=lambda one: one.found.name)


@contextmanager
def _work_folder(asked: Sequence[object], context: Context) -> Iterator[Path]:
    """The folder of a run on this machine; it stays where the run is stopped, and is gone at its end."""
    if context.cache is None:
        with TemporaryDirectory(prefix="shelfwise-") as name:
            yield Path(name)
        return
    # the same command finds the folder of the run that it resumes
    digest = sha256_of_json(asked)
    folder = context.cache / "ingest" / digest[:_DIGEST_LETTERS]
    with claimed(folder):
        make_folders(folder)
        yield folder
        # not reached where the run was stopped
        shutil.rmtree(folder)


def _copied(sources: Sequence[_Source], folder: Path, context: Context) -> list[str]:
    """The files of this machine with the content of the sources."""
    files = []
    size = sum(source.found.bytes for source in sources)
    with context.progress("copying the sources", size) as bar:
        for source in sources:
            path = folder / source.path
            # written whole or not at all by a run before
            if not path.exists():
                with replacing(path) as temporary:
                    ObjectStorage(source.place).copy(source.found, temporary)
            bar.advance(source.found.bytes)
            files.append(str(path))
    return files


def _take_manifest(target: Storage, shards: Path) -> bool:
    """Have a finished catalogue's manifest beside what is made here, so that both are compared.

    Returns:
        Whether there is one.

    Raises:
        StorageError: the target holds something else than a catalogue.
    """
    names = target.names()
    if MANIFEST in names:
        with replacing(shards / MANIFEST) as temporary:
            temporary.write_bytes(target.read(MANIFEST))
        return True
    for name in names:
        is_part = PurePosixPath(name).match(SHARDS) or name == QUARANTINE
        # hidden names are unfinished files
        if not is_part and not name.startswith("."):
            raise StorageError(
                f"{target} holds {name}, which is no part of a catalogue; choose another --out"
            )
    return False


def _put(catalog: ShardedCatalog, target: Storage, context: Context) -> None:
    """Put the shards and the refused records, then the manifest.

    Raises:
        StorageError: an object stands there with another content.
    """
    catalog.save()
    # the manifest last: a folder without one is not taken for a catalogue
    names = [*(shard.name for shard in catalog.shards), QUARANTINE, MANIFEST]
    standing = target.names()
    with context.progress("writing the shards", len(names)) as bar:
        for name in names:
            path = catalog.folder / name
            publish_same(target, path, name, sha256_of_file(path), name in standing)
            bar.advance()
