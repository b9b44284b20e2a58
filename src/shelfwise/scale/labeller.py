"""Labels one shard after the other with one model; every engine's workers do it with this class.

A shard's part depends on the shard, the model and the settings alone: the products come in portions of the
same size, on one thread, whoever labels them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shelfwise.core.types import Context
from shelfwise.disk.files import sha256_of_file
from shelfwise.model.decision import Decision
from shelfwise.model.labelling import LabelRequest, label_portions
from shelfwise.model.prediction_rows import Row, write_rows
from shelfwise.scale.job import Job
from shelfwise.scale.ledger_entry import entry_bytes, read_entry
from shelfwise.scale.plan import LEDGER
from shelfwise.scale.shard_queue import Task
from shelfwise.scale.shard_rows import ShardTally, counted_rows
from shelfwise.scale.shard_worker import Outcome, ShardWorker, finished, survived
from shelfwise.scale.storage import check_content, storage_of, write_bytes


class ShardLabeller(ShardWorker):
    """Writes the part of a shard and then its entry of the ledger.

    Args:
        job: what is to be done; it has a place for the parts.
        context: of this worker.

    Raises:
        BundleError: as of every worker.
        ConfigError: likewise; or the model cannot promise what the settings ask for.
    """

    done = "labelled"

    def __init__(self, job: Job, context: Context) -> None:
        super().__init__(job, context)
        assert job.out is not None
        self._out = storage_of(job.out)
        # what cannot be promised is refused before the first shard
        self._decisions([])

    def _refused_by_disk(self, number: int, error: OSError) -> Outcome:
        # every further shard would meet the same disk
        reason = f"could not write {self._out}: {error.strerror or error}"
        return {"kind": "stopped", "number": number, "reason": reason}

    def _outcome(self, task: Task, advance: Callable[[int], None]) -> Outcome:
        number = task.number
        entry_name = f"{LEDGER}/{self._plan.entry_name(number)}"
        try:
            # another run on the same storage may have been faster
            if self._out.exists(entry_name):
                return self._done_by_other(number)
        except OSError as error:
            raise self._unreadable(number, error) from None
        content = self._content(number)
        if task.trial is not None:
            self._try(task, content, advance)
            return survived(number)
        entry = self._labelled(task, content, advance)
        if not write_bytes(self._out, entry_name, entry_bytes(entry)):
            # the one in the ledger counts
            return self._done_by_other(number)
        return finished(number, entry)

    def _done_by_other(self, number: int) -> Outcome:
        """What another run has made of a shard.

        Raises:
            StorageError: its entry was damaged.
        """
        content = self._out.read(f"{LEDGER}/{self._plan.entry_name(number)}")
        return finished(number, read_entry(content, self._plan, number), by_other=True)

    def _labelled(
        self, task: Task, content: bytes, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        """Write the part of a shard; its entry for the ledger."""
        shard = self._plan.shards[task.number]
        name = self._plan.part_name(task.number)
        tally = self._tally(task.number)
        rows = self._rows(task, content, tally, advance)
        with self._out.temporary(name) as path:
            labels_given = write_rows(rows, path, f".{self._plan.settings.format}")
            size = path.stat().st_size
            digest = sha256_of_file(path)
            # another run, or a worker that was taken for dead, may have been faster: the bytes must be the
            # same
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
        tally = self._tally(task.number)
        # nothing is done, but the worker is alive
        for _ in self._rows(task, content, tally, lambda rows: advance(0)):
            pass

    def _rows(
        self, task: Task, content: bytes, tally: ShardTally, advance: Callable[[int], None]
    ) -> Iterator[Row]:
        products = self._products(task, content, tally)
        return counted_rows(self._decisions(products), tally, advance)

    def _written_lines(self, number: int, kind: str, lines: Sequence[str]) -> dict[str, str] | None:
        """Write lines beside the part of a shard; name and digest of their file, None without any."""
        if not lines:
            return None
        name = f"{self._plan.part_stem(number)}.{kind}.jsonl"
        content = "".join(lines).encode()
        digest = hashlib.sha256(content).hexdigest()
        # it stands there already: another worker has written the same, or something is wrong
        if not write_bytes(self._out, name, content):
            check_content(self._out, name, digest)
        return {"file": name, "sha256": digest}

    def _decisions(self, products: Any) -> Iterator[Decision]:
        settings = self._plan.settings
        request = LabelRequest(settings.precision, settings.novelty_rate, settings.top)
        return label_portions(self._model, products, self._context, request)
