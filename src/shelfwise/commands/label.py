"""``shelfwise label``: label the shards of a catalogue, a part a shard, by several workers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from loky import cpu_count

from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.catalog.shards.manifest import ShardedCatalog
from shelfwise.commands.output_places import check_no_model
from shelfwise.core.counted import counted
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError, StorageError
from shelfwise.model.model_identity import ModelIdentity
from shelfwise.model.prediction_rows import missing_columns_lines
from shelfwise.model.product_queues import NOVEL, PRECISION_QUEUES
from shelfwise.scale.engine import Engine
from shelfwise.scale.ingested_source import ingested_catalog
from shelfwise.scale.job import Job
from shelfwise.scale.label_run import LabelRun
from shelfwise.scale.plan import PLAN, LabelPlan, LabelSettings
from shelfwise.scale.storage import LocalFolder, Storage, absolute_place, storage_of
from shelfwise.scale.stored_ingest import is_stored

EngineName = Literal["local", "ray"]

INGESTED = "catalogue"
"""The folder below the output to which a source is ingested that is no catalogue of shards yet."""

MANY_LABELS = 200
"""Above so many labels not all scores are written, unless it is asked for."""

TOP_OF_MANY = 20
"""The number of scores that are written then."""

MAX_TOLD = 5


def label(
    model: Path,
    source: str,
    out: Path | str,
    context: Context,
    settings: LabelSettings,
    engine: EngineName = "local",
    workers: int | None = None,
) -> dict[str, Any]:
    """Label every product of `source`; the parts go to `out`, one for each shard.

    A run that was stopped is taken up again, and ends with the same bytes. What is no catalogue of shards is
    ingested first, below `out`.

    Args:
        source: a folder that was ingested, or one in an object store (``s3://BUCKET/PREFIX``); or files.
        out: a folder, or a prefix in an object store. There two runs may work at once.
        settings: what is wanted of each product.
        engine: who starts the workers.
        workers: processes with one thread each; default: one a core, at most one a shard.

    Returns:
        Counts, and where the files are; ``failed`` has the shards that have no part, and why.

    Raises:
        BundleError: there is no such model, or it cannot be loaded.
        CatalogError: nothing can be read from `source`.
        StorageError: `out` was begun with another model, catalogue or settings, or holds something else;
            another run is writing it; or the disk refuses.
    """
    identity = ModelIdentity.read(model)
    # all scores of thousands of labels would be most of what is written
    if settings.top is None and identity.labels > MANY_LABELS:
        settings = replace(settings, top=TOP_OF_MANY)
    if not is_stored([str(out)]):
        check_no_model(Path(out))
    storage = storage_of(str(out))
    with storage.claim():
        _refuse_other_content(storage)
        catalog, shards = _catalog_of(source, storage, identity, context, workers)
        plan = LabelPlan(identity.fingerprint, settings, catalog.shards)
        run = LabelRun(plan, storage)
        run.begin()
        found_before = len(run.entries)
        # workers have another current folder where they run on another machine
        job = Job(
            model=str(model.absolute()),
            source=absolute_place(shards),
            out=absolute_place(str(storage)),
            image_root=str(catalog.root.absolute()),
            plan=plan,
        )
        began = time.monotonic()
        left = len(plan.shards) - found_before
        if left:
            count = min(workers or cpu_count(), left)
            with _engine(engine, job, count) as started:
                run.work(started, context)
        run.finish()
    seconds = time.monotonic() - began
    return _summary(run, catalog, str(storage), found_before, seconds)


def _refuse_other_content(storage: Storage) -> None:
    """Refuse a place that holds something else than the parts of a run.

    Raises:
        StorageError: it does.
    """
    names = storage.names()
    if names and PLAN not in names and INGESTED not in names:
        raise StorageError(
            f"{storage} exists and holds no labels of this verb; choose another --out, or remove it"
        )


def _catalog_of(
    source: str, storage: Storage, identity: ModelIdentity, context: Context, workers: int | None
) -> tuple[ShardedCatalog, str]:
    """The catalogue of a source, and the place of its shards.

    Raises:
        CatalogError: it is none, and cannot be made one.
    """
    ingested = ingested_catalog(source)
    if ingested is not None:
        return ingested, str(storage_of(source))
    if not isinstance(storage, LocalFolder):
        raise CatalogError(
            f"{source} is no ingested catalogue, and {storage} no folder to make one in; first run "
            f"`shelfwise ingest {source} --out CATALOGUE`, and give CATALOGUE as the source"
        )
    # kept beside the parts, so that a later run finds the same shards
    folder = storage.folder / INGESTED
    catalog = ingest_catalog([source], folder, identity.catalog, context, workers=workers)
    return catalog, str(folder)


def _engine(name: EngineName, job: Job, workers: int) -> AbstractContextManager[Engine]:
    """The workers of an engine, which end with the block."""
    if name == "ray":
        # a library of its own, in an extra
        from shelfwise.scale.ray_engine import ray_workers

        return ray_workers(job, workers)
    from shelfwise.scale.local_engine import local_workers

    return local_workers(job, workers)


def _summary(
    run: LabelRun, catalog: ShardedCatalog, out: str, found_before: int, seconds: float
) -> dict[str, Any]:
    labelled = run.totals()["products"]
    return {
        **run.totals(),
        "rows": run.plan.rows,
        "top": run.plan.settings.top,
        "shards": len(run.plan.shards),
        "parts": len(run.entries),
        "parts_found": found_before,
        "failed": {run.plan.shards[n].name: reason for n, reason in sorted(run.failed.items())},
        "faults": catalog.faults,
        "empty_shards": [shard.name for shard in catalog.shards if not shard.rows],
        "seconds": round(seconds, 1),
        "labelled": labelled,
        "parts_by_others": len(run.by_others),
        "out": out,
    }


def summary_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`label` returns, in words."""
    products = f"{found['products']:,} of {counted(found['rows'], 'product')} labelled"
    labels = f"{counted(found['labels_given'], 'label')} given"
    yield f"{products}, {labels}: {counted(found['parts'], 'part')} in {found['out']}"
    if found["parts_found"]:
        yield f"parts kept from a run before: {found['parts_found']:,}"
    if found["parts_by_others"]:
        yield f"parts written by another run at the same time: {found['parts_by_others']:,}"
    # in the order in which `predict` tells them
    queues = [queue for queue in (*PRECISION_QUEUES, NOVEL) if queue in found["queues"]]
    for queue in queues:
        count = found["queues"][queue]
        yield f"{queue:8} {counted(count, 'product')}"
    if found["top"] is not None:
        yield f"the {found['top']} highest scores of each product are written (--top)"
    if found["refused"]:
        yield f"{found['refused']:,} fields could not be used: the files *.refused.jsonl"
    yield from missing_columns_lines(found["missing_columns"])
    if found["quarantined"]:
        count = found["quarantined"]
        yield f"{count:,} records ended the workers that labelled them: the files *.quarantine.jsonl"
    if found["empty_shards"]:
        yield f"{len(found['empty_shards'])} shards hold no product"
    for reason in [*found["failed"].values(), *found["faults"].values()][:MAX_TOLD]:
        yield f"not labelled: {reason}"
    told = len(found["failed"]) + len(found["faults"])
    if told > MAX_TOLD:
        yield f"and {told - MAX_TOLD} more, see manifest.json"
