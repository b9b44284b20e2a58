"""``shelfwise evaluate`` of an ingested catalogue: several workers count its shards, and counts add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loky import cpu_count

from shelfwise.catalog.filtering import nothing_to_test
from shelfwise.catalog.shards.manifest import ShardedCatalog
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError
from shelfwise.evaluation.summed_figures import Circumstances, summed_figures
from shelfwise.model.evaluation_sums import EvaluationSums
from shelfwise.model.model_identity import ModelIdentity
from shelfwise.scale.engine import Engine, Failed
from shelfwise.scale.job import Job
from shelfwise.scale.local_engine import local_workers
from shelfwise.scale.plan import LabelPlan, LabelSettings
from shelfwise.scale.shown_progress import with_progress
from shelfwise.scale.storage import absolute_place

NO_AVERAGE_PRECISIONS = (
    "map_macro and map_micro need all scores at once, and are not counted of shards; evaluate one file "
    "for them"
)


def score_shards(
    model: Path,
    source: str,
    catalog: ShardedCatalog,
    context: Context,
    workers: int | None = None,
) -> dict[str, Any]:
    """The final system's figures on the labelled products of a catalogue of shards.

    Memory does not grow with the products: a worker holds one shard's file and scores some of its products,
    and only counts are kept. They are whole numbers, so the number of workers changes no digit.

    Args:
        source: where the shards are.
        workers: processes with one thread each; default: one a core, at most one a shard.

    Raises:
        BundleError: there is no such model, or it cannot be loaded.
        CatalogError: a shard cannot be evaluated, or no product has categories.
    """
    plan = LabelPlan(ModelIdentity.read(model).fingerprint, LabelSettings(), catalog.shards)
    # nothing is written, so there is no place for it
    job = Job(
        model=str(model.absolute()),
        source=absolute_place(source),
        out=None,
        image_root=str(catalog.root.absolute()),
        plan=plan,
    )
    # a large one that is begun last would keep one worker busy and the others waiting
    numbers = [number for number, shard in enumerate(catalog.shards) if shard.rows]
    numbers.sort(key=lambda number: -catalog.shards[number].rows)
    if not numbers:
        raise nothing_to_test(source, {})
    with local_workers(job, min(workers or cpu_count(), len(numbers))) as engine:
        total = _counted(engine, numbers, plan.rows, context)
    return _figures(total, source, catalog)


@dataclass
class _Total:
    """What the workers have told so far.

    Args:
        sums: of all shards; None while no product was counted.
        seconds: of all workers together.
        faults: records that were left out as they end workers, and why.
        system, threshold: of the model.
    """

    sums: EvaluationSums | None = None
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    system: str = ""
    threshold: float = 0.0

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take in what :class:`~shelfwise.scale.evaluator.ShardEvaluator` tells of a shard."""
        if entry["sums"] is not None:
            part = EvaluationSums.from_dict(entry["sums"])
            self.sums = part if self.sums is None else self.sums + part
        self.seconds += entry["seconds"]
        self.faults += entry["killers"]
        self.system = entry["system"]
        self.threshold = entry["threshold"]


def _counted(engine: Engine, numbers: list[int], rows: int, context: Context) -> _Total:
    """What the workers tell of the shards of these numbers.

    Raises:
        CatalogError: one could not be evaluated: figures of the others would be those of another catalogue.
    """
    total = _Total()
    for event in with_progress(engine.label(numbers), context, "evaluating", rows):
        # figures of the other shards would be taken for those of all
        if isinstance(event, Failed):
            raise CatalogError(f"no figures, as a shard is missing: {event.reason}")
        total.add(event.entry)
    return total


def _figures(total: _Total, source: str, catalog: ShardedCatalog) -> dict[str, Any]:
    """The figures of all shards.

    Raises:
        CatalogError: no product of theirs has categories.
    """
    sums = total.sums
    if sums is None or not sums.products:
        raise nothing_to_test(source, {} if sums is None else sums.left_out)
    found = Circumstances(
        system=total.system,
        threshold=total.threshold,
        seconds=total.seconds,
        quarantined=sum(catalog.total("refused").values()),
        average_precisions={"map_macro": None, "map_micro": None},
        notes=(NO_AVERAGE_PRECISIONS,),
        # files that were not read to their end; and shards end in any order
        faults=(*catalog.faults.values(), *sorted(total.faults)),
    )
    return summed_figures(sums, found)
