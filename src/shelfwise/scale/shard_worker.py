"""What every worker does with a shard: it loads the model, reads the shard, and tells what came of it.

An engine's workers are given tasks; :mod:`shelfwise.scale.labeller` writes a part of a shard, and
:mod:`shelfwise.scale.evaluator` counts it.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from shelfwise.catalog.shards.shard_reader import shard_tables
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.disk.files import sha256_of_file
from shelfwise.errors import BundleError, CatalogError, ConfigError, StorageError
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import OnnxModel
from shelfwise.model.bundle_reader import MANIFEST
from shelfwise.model.predictor import Predictor
from shelfwise.scale.job import Job
from shelfwise.scale.shard_queue import Task
from shelfwise.scale.shard_rows import ShardTally, chosen_products
from shelfwise.scale.storage import storage_of

log = logging.getLogger("shelfwise")

Outcome = dict[str, Any]
"""What came of a shard, JSON-ready: ``kind`` is finished (with its ``entry``), survived (a trial), failed or
stopped (with the ``reason``)."""


class ShardWorker(ABC):
    """A model at work.

    Args:
        job: what is to be done.
        context: of this worker.

    Attributes:
        done: what becomes of a shard, to go after "could not be".

    Raises:
        BundleError: the model cannot be loaded, or is not the one of the plan.
        ConfigError: the model reads images that cannot be read where the shards are.
    """

    done: ClassVar[str]

    def __init__(self, job: Job, context: Context) -> None:
        self._plan = job.plan
        self._context = context
        self._root = Path(job.image_root)
        self._source = storage_of(job.source)
        self._model = self._loaded(Path(job.model))
        self._refuse_unreachable_images()

    def do(self, task: Task, advance: Callable[[int], None]) -> Outcome:
        """Do what is to be done with a shard; or only try some of its records.

        Args:
            advance: told how many products were done since the last call.
        """
        number = task.number
        name = self._plan.shards[number].name
        try:
            return self._outcome(task, advance)
        except (CatalogError, StorageError) as error:
            return failed(number, str(error))
        except OSError as error:
            return self._refused_by_disk(number, error)
        # one shard that a model chokes on must not cost the others
        except Exception as error:
            log.exception("the shard %s could not be %s", name, self.done)
            found = f"{type(error).__name__}: {error}"
            return failed(number, f"the shard {name} could not be {self.done} ({found})")

    @abstractmethod
    def _outcome(self, task: Task, advance: Callable[[int], None]) -> Outcome:
        """What came of a task."""

    def _refused_by_disk(self, number: int, error: OSError) -> Outcome:
        name = self._plan.shards[number].name
        return failed(number, f"the shard {name} could not be {self.done} ({error})")

    def _content(self, number: int) -> bytes:
        """The file of a shard.

        Raises:
            CatalogError: it cannot be read.
        """
        try:
            return self._source.read(self._plan.shards[number].name)
        except OSError as error:
            raise self._unreadable(number, error) from None

    def _unreadable(self, number: int, error: OSError) -> CatalogError:
        name = self._plan.shards[number].name
        return CatalogError(f"the shard {name} cannot be read ({error.strerror or error})")

    def _products(self, task: Task, content: bytes, tally: ShardTally) -> Iterator[Catalog]:
        """The products of a task in portions; a shard's content decides about them, and nothing else."""
        tables = shard_tables(self._plan.shards[task.number], content)
        return chosen_products(tables, task, self._root, tally)

    def _tally(self, number: int) -> ShardTally:
        return ShardTally(self._model.fields, self._plan.shards[number].name)

    def _loaded(self, folder: Path) -> Predictor:
        before = sha256_of_file(folder / MANIFEST)
        model = open_model(folder, labels_only=True)
        # a graph would take a thread a core, beside the other workers
        if isinstance(model, OnnxModel):
            model.threads = 1
        # the folder may be replaced at any time
        if {before, sha256_of_file(folder / MANIFEST)} != {self._plan.model}:
            raise BundleError(
                f"the model {folder} is not the one that this run was begun with; restore it"
            )
        return model

    def _refuse_unreachable_images(self) -> None:
        """Refuse to do without images what a model does by them.

        Raises:
            ConfigError: there are images that cannot be read.
        """
        beside = any(shard.image_files != 0 for shard in self._plan.shards)
        if beside and "image" in self._model.fields and not self._source.is_local:
            raise ConfigError(
                f"the model reads images, and {self._source} has images in files of their own, which cannot "
                "be read there; copy the catalogue and its images to a folder, and give that; or embed them "
                "in the catalogue's Parquet files"
            )


def failed(number: int, reason: str) -> Outcome:
    """The outcome of a shard that nothing came of."""
    return {"kind": "failed", "number": number, "reason": reason}


def survived(number: int) -> Outcome:
    """The outcome of a trial."""
    return {"kind": "survived", "number": number}


def finished(number: int, entry: dict[str, Any], by_other: bool = False) -> Outcome:
    """The outcome of a shard that is done."""
    return {"kind": "finished", "number": number, "entry": entry, "by_other": by_other}
