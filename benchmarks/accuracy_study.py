"""One split of one catalogue, and many fits on it: what they have in common is done once and kept on disk.

Dimensions: T test products, L labels.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from shelfwise.catalog.split import group_folds
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, State
from shelfwise.decision.thresholds import decide
from shelfwise.metrics.bootstrap import bootstrap_interval, paired_bootstrap
from shelfwise.metrics.multilabel import decision_metrics
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import PreparedData, TrainingSet, prepare_data
from shelfwise.training.fit import fit_model
from shelfwise.training.member_selection import adapt_to_catalog

T = TypeVar("T")


class SharedStages(Checkpoints):
    """Stages of many fits in one folder, each named by all that it depends on.

    Fits that agree on a member share it.

    The code is not part of the name: after a change of it, remove the folder.

    Args:
        folder: where they are kept; only one process may use it at a time.
        marks: by member or system, what identifies it with its data.

    Attributes:
        costs: by stage, wall and CPU seconds of the one time it was done. What is done again on warm caches
            keeps the largest.
        overhead: wall and CPU seconds since the stages were made that passed outside of any.
    """

    def __init__(self, folder: Path, marks: Mapping[str, str]) -> None:
        super().__init__(folder, resume=True)
        self._marks, self._file = marks, folder / "costs.json"
        self._kept: dict[str, list[float]] = (
            json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        )
        self.costs: dict[str, list[float]] = {}
        self._began, self._inside = _clocks(), np.zeros(2)

    @property
    def overhead(self) -> list[float]:
        """Wall and CPU seconds."""
        return list((_clocks() - self._began - self._inside).tolist())

    def run(self, name: str, compute: Callable[[], State]) -> State:
        """As :meth:`Checkpoints.run`."""
        return self._noted(
            name,
            lambda shared: super(SharedStages, self).run(
                shared, lambda: self._measured(shared, compute)
            ),
        )

    def time(self, name: str, compute: Callable[[], T]) -> T:
        """As :meth:`Checkpoints.time`."""
        return self._noted(name, lambda shared: self._measured(shared, compute))

    def _noted(self, name: str, work: Callable[[str], T]) -> T:
        began, shared = _clocks(), self._shared(name)
        result = work(shared)
        self._inside += _clocks() - began
        self.costs[name] = self._kept[shared]
        self.seconds.pop(shared, None)
        self.seconds[name] = self.costs[name][0]
        return result

    def _measured(self, shared: str, compute: Callable[[], T]) -> T:
        began = _clocks()
        result = compute()
        spent = np.maximum(_clocks() - began, self._kept.get(shared, [0.0, 0.0]))
        self._kept[shared] = spent.tolist()
        temporary = self._file.with_suffix(".writing")
        temporary.write_text(json.dumps(self._kept), "utf-8")
        temporary.rename(self._file)
        return result

    def _shared(self, name: str) -> str:
        """``fold.title.3`` under the mark of ``title``."""
        kind, _, rest = name.partition(".")
        owner, fold = rest.rsplit(".", 1) if kind == "fold" else (rest, "")
        return f"{kind}.{self._marks[owner]}.{fold}".rstrip(".")


@dataclass(frozen=True)
class Fit:
    """A fitted model, and what it cost: wall and CPU seconds by stage, and outside of any stage."""

    model: Model
    costs: Mapping[str, list[float]]
    overhead: list[float]


@dataclass(frozen=True)
class Verdict:
    """What a model decides of T products: (T, L) at 0.5, and by its own tuned rule."""

    at_half: Bools
    tuned: Bools

    @classmethod
    def of(cls, model: Model, answers: MemberPredictions) -> Verdict:
        """Of the final system."""
        scores = model.scores(answers)
        return cls(decide(scores, 0.5), decide(scores, model.threshold_of(model.decide_with)))


@dataclass(frozen=True)
class Study:
    """A task with the settings that are studied.

    Args:
        task: the training set, and the T test products.
        config: of the full system.
        folder: for stages and encoded images and texts.
        reading: wall and CPU seconds that reading and splitting took.
    """

    task: PreparedData
    config: Config
    folder: Path
    reading: tuple[float, float]

    @classmethod
    def of(cls, catalog: Path, test: Path | None, config: Config, folder: Path) -> Study:
        """The split that ``shelfwise train CATALOG [--test TEST]`` makes."""
        began = _clocks()
        task = prepare_data(catalog, config, test, Context(seed=config.seed))
        wall, cpu = (_clocks() - began).tolist()
        return cls(task, config, folder, (wall, cpu))

    @property
    def context(self) -> Context:
        """With a cache of its own, so that costs are not measured on another run's."""
        return Context(seed=self.config.seed, cache=self.folder / "cache")

    @cached_property
    def truth(self) -> Bools:
        """(T, L)."""
        return np.asarray(self.task.test_targets > 0)

    @cached_property
    def full(self) -> Fit:
        """The full system, on all training products and all fields."""
        return self.fit(self.config)

    @property
    def final(self) -> Config:
        """The full system's settings with the final system only."""
        name = self.full.model.decide_with
        systems = {
            system: settings for system, settings in self.config.systems.items() if system == name
        }
        return self.config.model_copy(update={"systems": systems, "decide_with": name})

    @cached_property
    def answers(self) -> MemberPredictions:
        """The predictions of all members of the full system for the test products."""
        return self.full.model.predict_members(
            self.task.test, self.context, self.full.model.members
        )

    def fit(
        self,
        config: Config,
        training_set: TrainingSet | None = None,
        fields: Collection[str] | None = None,
    ) -> Fit:
        """Fit `config`.

        Args:
            training_set: by default the task's.
            fields: of the products' fields, all that may be known of them; by default everything.
        """
        training_set = training_set or self.task.training_set
        digest = digest_of_training_set(training_set, self.task.labels.names)
        if fields is not None:
            training_set = replace(training_set, catalog=only(training_set.catalog, fields))
        config = adapt_to_catalog(config, training_set.catalog)
        stages = SharedStages(self.folder / "stages", marks(config, digest, fields))
        model = fit_model(training_set, self.task.labels, config, self.context, stages)
        return Fit(model, stages.costs, stages.overhead)

    def figures(self, verdict: Verdict, against: Verdict | None = None) -> dict[str, Any]:
        """Micro- and macro-F1 of a verdict on the test products.

        With `against`, also the difference in tuned micro-F1 from it, by paired bootstrap.
        """
        drawn, seed = self.config.evaluation.bootstrap, self.config.seed
        half, tuned = (
            decision_metrics(self.truth, decided) for decided in (verdict.at_half, verdict.tuned)
        )
        return {
            "micro_f1": half["micro_f1"],
            "micro_f1_tuned": tuned["micro_f1"],
            "micro_f1_tuned_interval": list(
                bootstrap_interval(self.truth, verdict.tuned, resamples=drawn, seed=seed)
            ),
            "macro_f1": half["macro_f1"],
            "macro_f1_tuned": tuned["macro_f1"],
            "difference": None
            if against is None
            else asdict(
                paired_bootstrap(
                    self.truth, verdict.tuned, against.tuned, resamples=drawn, seed=seed
                )
            ),
        }


def marks(config: Config, digest: str, fields: Collection[str] | None) -> dict[str, str]:
    """What identifies each member and system of `config` (adapted to its catalogue), whatever their names.

    A member depends only on the fields it reads, so it is the same wherever these are given. A system depends
    on all its members.
    """
    parts = config.dump()
    common = [version("shelfwise"), digest, config.seed, parts["stacking"]]
    members = {name: _digest([common, member]) for name, member in parts["members"].items()}
    known = None if fields is None else sorted(fields)
    systems = {}
    for name, system in parts["systems"].items():
        fused = [members[member] for member in system["members"] or members]
        systems[name] = _digest([common, system["policy"], system["settings"], fused, known])
    return members | systems


def digest_of_training_set(training_set: TrainingSet, labels: Collection[str]) -> str:
    """Of products, targets and parts."""
    digest = hashlib.sha256(json.dumps([training_set.catalog.fingerprint(), list(labels)]).encode())
    for part in (
        training_set.targets,
        training_set.train,
        training_set.validation,
        training_set.groups,
    ):
        digest.update(np.ascontiguousarray(part).tobytes() + b"|")
    return digest.hexdigest()


def only(catalog: Catalog, fields: Collection[str]) -> Catalog:
    """The same products, of which nothing is known but `fields`, id and categories."""
    table = catalog.table
    for place, column in enumerate(table.schema):
        if column.name not in {"id", "categories", *fields}:
            table = table.set_column(place, column, pa.nulls(len(catalog), column.type))
    return Catalog(table, catalog.root, catalog.source)


def portion(training_set: TrainingSet, tenths: int, seed: int) -> TrainingSet:
    """So many tenths of the training products, stratified by label, with near-copies together.

    Smaller portions lie within larger ones.
    """
    dealt = group_folds(
        training_set.targets[training_set.train], training_set.groups[training_set.train], 10, seed
    )
    train = training_set.train[dealt < tenths]
    rows = np.sort(np.concatenate([train, training_set.validation]))
    places = (np.searchsorted(rows, train), np.searchsorted(rows, training_set.validation))
    return TrainingSet(
        training_set.catalog.take(rows),
        training_set.targets[rows],
        *places,
        training_set.groups[rows],
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _clocks() -> Any:
    """(2,) wall and CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])
