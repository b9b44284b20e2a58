"""Labels one shard after the other with one model; every engine's workers do it with this class.

A shard's part depends on the shard, the model and the settings alone: the products come in portions of the
same size, on one thread, whoever labels them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shelfwise.catalog.shards.shard_reader import shard_tables
from shelfwise.core.types import Context
from shelfwise.disk.files import sha256_of_file
from shelfwise.errors import BundleError, CatalogError, ConfigError, ShelfwiseError, StorageError
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import OnnxModel
from shelfwise.model.bundle_reader import MANIFEST
from shelfwise.model.decision import Decision
from shelfwise.model.labelling import LabelRequest, label_portions
from shelfwise.model.prediction_rows import Row, write_rows
from shelfwise.model.predictor import Predictor
from shelfwise.scale.job import Job
from shelfwise.scale.ledger_entry import entry_bytes, read_entry
from shelfwise.scale.plan import LEDGER
from shelfwise.scale.shard_queue import Task
from shelfwise.scale.shard_rows import ShardTally, chosen_products, counted_rows
from shelfwise.scale.storage import check_content, storage_of, write_bytes

log = logging.getLogger("shelfwise")


Outcome = dict[str, Any]
"""What came of a shard, JSON-ready: ``kind`` is finished (with its ``entry``), survived (a trial), failed or
stopped (with the ``reason``)."""


class ShardLabeller:
    """A model at work.

    Args:
        job: what is to be done.
        context: of this worker.

    Raises:
        BundleError: the model cannot be loaded, or is not the one of the plan.
        ConfigError: it cannot promise what the settings ask for.
    """

    def __init__(self, job: Job, context: Context) -> None:
        self._plan = job.plan
        self._context = context
        self._root = Path(job.image_root)
        self._source = storage_of(job.source)
        self._out = storage_of(job.out)
        self._model = self._loaded(Path(job.model))
        self._refuse_unreachable_images()
        # what cannot be promised is refused before the first shard
        self._decisions([])

    def do(self, task: Task, advance: Callable[[int], None]) -> Outcome:
        """Label a shard, write its part and then its entry of the ledger; or only try some of its records.

        Args:
            advance: told how many products were labelled since the last call.
        """
        number = task.number
        name = self._plan.shards[number].name
        try:
            return self._outcome(task, advance)
        except (CatalogError, StorageError) as error:
            return _failed(number, str(error))
        except OSError as error:
            # every further shard would meet the same disk
            reason = f"could not write {self._out}: {error.strerror or error}"
            return {"kind": "stopped", "number": number, "reason": reason}
        # one shard that a model chokes on must not cost the others
        except Exception as error:
            log.exception("the shard %s could not be labelled", name)
            found = f"{type(error).__name__}: {error}"
            return _failed(number, f"the shard {name} could not be labelled ({found})")

    def _outcome(self, task: Task, advance: Callable[[int], None]) -> Outcome:
        number = task.number
        shard = self._plan.shards[number]
        entry_name = f"{LEDGER}/{self._plan.entry_name(number)}"
        try:
            # another run on the same storage may have been faster
            if self._out.exists(entry_name):
                return self._done_by_other(number)
            content = self._source.read(shard.name)
        except OSError as error:
            reason = f"the shard {shard.name} cannot be read ({error.strerror or error})"
            return _failed(number, reason)
        if task.trial is not None:
            self._try(task, content, advance)
            return {"kind": "survived", "number": number}
        entry = self._labelled(task, content, advance)
        if not write_bytes(self._out, entry_name, entry_bytes(entry)):
            # the one in the ledger counts
            return self._done_by_other(number)
        return _finished(number, entry, by_other=False)

    def _done_by_other(self, number: int) -> Outcome:
        """What another run has made of a shard.

        Raises:
            StorageError: its entry was damaged.
        """
        content = self._out.read(f"{LEDGER}/{self._plan.entry_name(number)}")
        return _finished(number, read_entry(content, self._plan, number), by_other=True)

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
        """Refuse to label without images what a model labels by them.

        Raises:
            ConfigError: there are images that cannot be read.
        """
        beside = any(shard.image_files != 0 for shard in self._plan.shards)
        if beside and "image" in self._model.fields and not self._source.is_local:
            raise ConfigError(
                f"the model reads images, and {self._source} has images in files of their own, which cannot "
                "be read there; copy the catalogue and its images to a folder, and label that; or embed them "
                "in the catalogue's Parquet files"
            )

    def _labelled(
        self, task: Task, content: bytes, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        """Write the part of a shard; its entry for the ledger."""
        shard = self._plan.shards[task.number]
        name = self._plan.part_name(task.number)
        tally = ShardTally(self._model.fields, shard.name)
        rows = self._rows(task, content, tally, advance)
        with self._out.temporary(name) as path:
            labels_given = write_rows(rows, path, f".{self._plan.settings.format}")
            size = path.stat().st_size
            digest = sha256_of_file(path)
            if not self._out.publish(path, name):
                check_content(self._out, name, digest)
        return {
            "part": name,
            "shard": shard.name,
            "rows": tally.rows,
            "labels_given": labels_given,
            "queues": dict(sorted(tally.queues.items())),
            "missing_columns": tally.columns.missing,
            "refused": len(tally.refusals),
            "refusals": self._written_lines(task.number, "refused", tally.refusals),
            "quarantined": len(tally.quarantine),
            "quarantine": self._written_lines(task.number, "quarantine", tally.quarantine),
            "bytes": size,
            "sha256": digest,
        }

    def _try(self, task: Task, content: bytes, advance: Callable[[int], None]) -> None:
        """Label the records of a trial, and write nothing."""
        tally = ShardTally(self._model.fields, self._plan.shards[task.number].name)
        # nothing is done, but the worker is alive
        for _ in self._rows(task, content, tally, lambda rows: advance(0)):
            pass

    def _rows(
        self, task: Task, content: bytes, tally: ShardTally, advance: Callable[[int], None]
    ) -> Iterator[Row]:
        tables = shard_tables(self._plan.shards[task.number], content)
        products = chosen_products(tables, task, self._root, tally)
        return counted_rows(self._decisions(products), tally, advance)

    def _written_lines(self, number: int, kind: str, lines: Sequence[str]) -> dict[str, str] | None:
        """Write lines beside the part of a shard; name and digest of their file, None without any."""
        if not lines:
            return None
        name = f"{self._plan.part_stem(number)}.{kind}.jsonl"
        content = "".join(lines).encode()
        digest = hashlib.sha256(content).hexdigest()
        if not write_bytes(self._out, name, content):
            check_content(self._out, name, digest)
        return {"file": name, "sha256": digest}

    def _decisions(self, products: Any) -> Iterator[Decision]:
        settings = self._plan.settings
        request = LabelRequest(settings.precision, settings.novelty_rate, settings.top)
        return label_portions(self._model, products, self._context, request)


def loaded_labeller(job: Job) -> tuple[ShardLabeller | None, str]:
    """The labeller of a job; without one the reason, for the run to tell."""
    try:
        return ShardLabeller(job, Context()), ""
    except ShelfwiseError as error:
        return None, str(error)
    # whatever is wrong with a model, the run has to be told
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def _finished(number: int, entry: dict[str, Any], by_other: bool) -> Outcome:
    return {"kind": "finished", "number": number, "entry": entry, "by_other": by_other}


def _failed(number: int, reason: str) -> Outcome:
    return {"kind": "failed", "number": number, "reason": reason}
