"""A labelling run from its plan to its manifest: what is done, what is left, and what came of it."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from shelfwise.core.types import Context
from shelfwise.scale.engine import Advanced, Engine, Finished
from shelfwise.scale.plan import LEDGER, PLAN, LabelPlan
from shelfwise.scale.storage import Storage, write_bytes

MANIFEST = "manifest.json"
KIND = "shelfwise labels"


class LabelRun:
    """The parts of a plan in a storage.

    Args:
        plan: the run.
        storage: where its parts, ledger and manifest are.

    Attributes:
        entries: number of a shard -> the entry of its part in the ledger.
        failed: number of a shard -> why it has none.
        by_others: numbers of shards whose part another run has written while this one worked.
    """

    def __init__(self, plan: LabelPlan, storage: Storage) -> None:
        self.plan = plan
        self.entries: dict[int, dict[str, Any]] = {}
        self.failed: dict[int, str] = {}
        self.by_others: set[int] = set()
        self._storage = storage

    def begin(self) -> None:
        """Write the plan, or see that it is the one that stands there; find what is done already.

        Raises:
            StorageError: the storage belongs to another plan.
        """
        place = str(self._storage)
        if not self._storage.exists(PLAN):
            write_bytes(self._storage, PLAN, self.plan.to_bytes())
        # another run may have been faster
        found = LabelPlan.from_bytes(self._storage.read(PLAN), place)
        self.plan.refuse_other(found, place)
        self._find_finished()

    def work(self, engine: Engine, context: Context) -> None:
        """Have every shard labelled that has no part yet."""
        shards = self.plan.shards
        left = [number for number in range(len(shards)) if number not in self.entries]
        # a large one that is begun last would keep one worker busy and the others waiting
        left.sort(key=lambda number: -shards[number].rows)
        if not self._storage.is_local:
            left = _from_anywhere(left)
        rows = sum(shards[number].rows for number in left)
        with context.progress("labelling", rows) as progress:
            for event in engine.label(left):
                if isinstance(event, Advanced):
                    progress.advance(event.rows)
                elif isinstance(event, Finished):
                    self.entries[event.number] = event.entry
                    if event.by_other:
                        self.by_others.add(event.number)
                else:
                    self.failed[event.number] = event.reason

    def finish(self) -> None:
        """Write the manifest: what there is, in the order of the shards."""
        text = json.dumps(self._manifest(), ensure_ascii=False, indent=1)
        write_bytes(self._storage, MANIFEST, (text + "\n").encode(), once=False)

    def totals(self) -> dict[str, Any]:
        """The sums over all parts."""
        queues: Counter[str] = Counter()
        for entry in self.entries.values():
            queues.update(entry["queues"])
        return {
            "products": self._sum("rows"),
            "labels_given": self._sum("labels_given"),
            "refused": self._sum("refused"),
            "quarantined": self._sum("quarantined"),
            "queues": dict(queues),
            "missing_columns": _missing_everywhere(list(self.entries.values())),
        }

    def _manifest(self) -> dict[str, Any]:
        failed = [
            {"shard": self.plan.shards[number].name, "reason": reason}
            for number, reason in sorted(self.failed.items())
        ]
        return {
            "kind": KIND,
            "version": 1,
            "model": self.plan.model,
            "settings": asdict(self.plan.settings),
            **self.totals(),
            "parts": [self.entries[number] for number in sorted(self.entries)],
            "failed": failed,
        }

    def _sum(self, name: str) -> int:
        return sum(entry[name] for entry in self.entries.values())

    def _find_finished(self) -> None:
        """Take up the parts that are whole; what else an earlier run has left is done again."""
        # in this order: another run may put a part and its entry in between
        known = self._storage.sizes(LEDGER)
        parts = self._storage.sizes()
        for number in range(len(self.plan.shards)):
            name = self.plan.entry_name(number)
            if name not in known:
                continue
            entry = json.loads(self._storage.read(f"{LEDGER}/{name}"))
            if self._is_whole(entry, parts):
                self.entries[number] = entry
            else:
                # what it says is not true any more
                self._storage.remove(f"{LEDGER}/{name}")

    def _is_whole(self, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        # files beside the part, where it has some
        beside = {entry["refusals"], entry["quarantine"]} - {None}
        if not beside <= sizes.keys():
            return False
        part = entry["part"]
        if sizes.get(part) != entry["bytes"]:
            return False
        return self._storage.has_content(part, entry["sha256"])


def _from_anywhere(numbers: Sequence[int]) -> list[int]:
    """The same numbers, begun at any of them: two runs at once then meet late, and share the work."""
    start = secrets.randbelow(len(numbers)) if numbers else 0
    return [*numbers[start:], *numbers[:start]]


def _missing_everywhere(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that the model reads and that are in no shard."""
    if not entries:
        return []
    missing = set.intersection(*(set(entry["missing_columns"]) for entry in entries))
    return sorted(missing)
