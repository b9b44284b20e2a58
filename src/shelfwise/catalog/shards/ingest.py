"""Catalogue files of any size become shards of cleaned products, with an account of every record.

A run that was stopped goes on where the last finished shard ends. The same sources give the same bytes,
however often the run was stopped and however many processes worked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from loky import cpu_count

from shelfwise.catalog.reading.reader import ProgressReporter
from shelfwise.catalog.reading.streaming.parallel import reading_pool
from shelfwise.catalog.shards.ingest_state import UNFINISHED, IngestState
from shelfwise.catalog.shards.manifest import QUARANTINE, ShardedCatalog, is_sharded
from shelfwise.catalog.shards.read_source import SourceReader
from shelfwise.catalog.shards.sources import Source, common_folder, find_files, survey
from shelfwise.config import CatalogSettings
from shelfwise.core.counted import counted
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import keep_input
from shelfwise.disk.folders import make_folders
from shelfwise.errors import NothingUsableError, StorageError

SHARD_ROWS = 20_000
"""Products in a shard, or some thousand more: a few seconds to some minutes of labelling."""

# of all sources; below, starting processes takes longer than they save
_MIN_SHARED_BYTES = 64 << 20


def ingest_catalog(
    places: Sequence[str],
    folder: Path,
    settings: CatalogSettings,
    context: ProgressReporter,
    shard_rows: int = SHARD_ROWS,
    workers: int | None = None,
    strict: bool = False,
) -> ShardedCatalog:
    """Check the records of files and write their products to the shards of `folder`.

    Every record is read as by :func:`~shelfwise.catalog.reading.reader.read_catalog`: it becomes the same
    product, or goes to ``quarantine.jsonl`` for the same reason. Of several records with one id, in one file
    or in several, the first counts. ``manifest.json`` is written last.

    Args:
        places: files, folders and patterns.
        folder: a new folder, or the one of a run that was stopped.
        shard_rows: products from which on a shard is full.
        workers: processes; default: one a core, or one for small sources.
        strict: refuse settings that name a column which a file does not have.

    Raises:
        CatalogError: no file is found, or nothing in them can be read.
        StorageError: `folder` holds something else, or was begun with other sources; another run is writing
            it; or the disk refuses.
    """
    files = find_files(places)
    keep_input_folder(files, folder)
    with claimed(folder):
        sources = survey(files, settings, context, strict)
        plan = _plan(sources, settings, shard_rows)
        # a finished run is not done again, also where somebody runs the command twice
        if is_sharded(folder):
            return _finished(folder, plan)
        _refuse_other_content(folder)
        try:
            return _ingest(sources, folder, plan, context, workers)
        except OSError as error:
            reason = error.strerror or error
            fix = "free some space or choose another folder, and run the same command again"
            raise StorageError(f"could not write {folder}: {reason}; {fix}") from error


def keep_input_folder(files: Sequence[Path], folder: Path) -> None:
    """Refuse to write among the files that are read.

    Raises:
        StorageError: a source lies in `folder`.
    """
    for path in files:
        if path.absolute().parent == folder.absolute():
            raise StorageError(f"{path}, which is read, lies in {folder}; choose another --out")
        keep_input(path, folder / QUARANTINE)


def _plan(sources: Sequence[Source], settings: CatalogSettings, shard_rows: int) -> dict[str, Any]:
    """What makes one run the continuation of another; JSON-ready."""
    return {
        "sources": [source.identity() for source in sources],
        "settings": settings.model_dump(mode="json"),
        "shard_rows": shard_rows,
    }


def _finished(folder: Path, plan: dict[str, Any]) -> ShardedCatalog:
    """The catalogue that stands in `folder`, if it is of this plan.

    Raises:
        StorageError: it is of another one.
    """
    catalog = ShardedCatalog.load(folder)
    sources = [
        {"file": one.file, "bytes": one.bytes, "sha256": one.sha256} for one in catalog.sources
    ]
    found = {
        "sources": sources,
        "settings": catalog.settings,
        "shard_rows": catalog.shard_rows,
    }
    _refuse_other_plan(folder, found, plan)
    return catalog


def _refuse_other_plan(folder: Path, found: dict[str, Any], plan: dict[str, Any]) -> None:
    """Refuse a folder that was begun in another way.

    Raises:
        StorageError: it was; the message names the first difference.
    """
    fix = "choose another --out, or remove the folder"
    for what in ("settings", "shard_rows"):
        if found[what] != plan[what]:
            raise StorageError(f"{folder} was begun with other {what}; {fix}")
    before = {one["file"]: one for one in found["sources"]}
    now = {one["file"]: one for one in plan["sources"]}
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            change = "changed" if name in before and name in now else "was added"
            change = change if name in now else "is missing"
            raise StorageError(f"{folder} was begun with other sources: {name} {change}; {fix}")
    # of two products with one id the first counts, so the order is part of the result
    if list(before) != list(now):
        raise StorageError(f"{folder} was begun with the sources in another order; {fix}")


def _refuse_other_content(folder: Path) -> None:
    """Refuse a folder that holds something else than an unfinished catalogue.

    Raises:
        StorageError: it does.
    """
    if not folder.exists() or (folder / UNFINISHED).is_dir():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise StorageError(
            f"{folder} exists and holds no catalogue; choose another --out, or remove it"
        )


def _ingest(
    sources: Sequence[Source],
    folder: Path,
    plan: dict[str, Any],
    context: ProgressReporter,
    workers: int | None,
) -> ShardedCatalog:
    """As :func:`ingest_catalog`, for the holder of the claim on `folder`."""
    size = sum(source.bytes for source in sources)
    if workers is None:
        workers = cpu_count() if size >= _MIN_SHARED_BYTES else 1
    make_folders(folder)
    with closing(IngestState(folder, plan)) as state:
        if state.plan != plan:
            _refuse_other_plan(folder, state.plan, plan)
        todo = sources[len(state.accounts) :]
        # a small rest needs no help
        pool = reading_pool(workers) if todo else nullcontext()
        with pool as helpers, context.progress("ingesting", size) as bar:
            bar.advance(sum(source.bytes for source in sources) - sum(one.bytes for one in todo))
            reader = SourceReader(sources, state, helpers, bar.advance, context)
            for number in range(len(state.accounts), len(sources)):
                state.finish_source(reader.read(number))
        state.checkpoint()
        catalog = _catalog(sources, folder, plan, state)
        _refuse_nothing(catalog)
        # into its place only now: until here a later run goes on behind it
        state.release_quarantine()
        catalog.save()
    shutil.rmtree(folder / UNFINISHED)
    return catalog


def _catalog(
    sources: Sequence[Source], folder: Path, plan: dict[str, Any], state: IngestState
) -> ShardedCatalog:
    root = common_folder([source.path for source in sources])
    return ShardedCatalog(
        folder=folder,
        shards=state.shards,
        sources=state.accounts,
        settings=plan["settings"],
        shard_rows=plan["shard_rows"],
        image_root=Path(os.path.relpath(root, folder.absolute())).as_posix(),
        quarantine_bytes=state.quarantine_bytes,
    )


def _refuse_nothing(catalog: ShardedCatalog) -> None:
    """Refuse sources without any product: most likely they are read in the wrong way.

    Raises:
        NothingUsableError: there is none.
    """
    if catalog.products:
        return
    kinds = [f"{kind}: {count:,}" for kind, count in catalog.total("refused").items()]
    why = ", ".join([*kinds, *catalog.faults.values()]) or "there is none"
    files = counted(len(catalog.sources), "file")
    # not yet in its place: no catalogue is published without a product
    refused = catalog.folder / UNFINISHED / QUARANTINE
    reading = catalog.reading()
    raise NothingUsableError(
        f"no record of {files} could be accepted ({why}); the refused ones are in "
        f"{refused}; check with `shelfwise inspect` how one of the files is read",
        reading.names,
        "id" not in reading.columns,
    )
