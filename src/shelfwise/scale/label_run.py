"""A labelling run from its plan to its manifest: what is done, what is left, and what came of it."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from shelfwise.core.types import Context
from shelfwise.errors import StorageError
from shelfwise.scale.engine import Engine, Finished
from shelfwise.scale.ledger_entry import files_of, read_entry
from shelfwise.scale.plan import LEDGER, PLAN, LabelPlan, is_part_name
from shelfwise.scale.shown_progress import with_progress
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
        for event in with_progress(engine.label(left), context, "labelling", rows):
            if isinstance(event, Finished):
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
            # a column that one shard lacks may be in another
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
        """Take up the parts that are whole; what else an earlier run has left is done again.

        Raises:
            StorageError: parts of another run stand among those of this one.
        """
        # in this order: another run may put a part and its entry in between
        known = self._storage.sizes(LEDGER)
        files = self._storage.sizes()
        self._refuse_parts_of_others(files)
        for number in range(len(self.plan.shards)):
            if self.plan.entry_name(number) not in known:
                continue
            entry = self._whole_entry(number, files)
            if entry is None:
                self._forget(number, files)
            else:
                self.entries[number] = entry

    def _refuse_parts_of_others(self, files: Collection[str]) -> None:
        """Refuse parts that are not of this plan: whoever reads all parts would read products twice.

        Raises:
            StorageError: there are some.
        """
        own = {self.plan.part_stem(number) for number in range(len(self.plan.shards))}
        for name in sorted(files):
            if is_part_name(name) and name.partition(".")[0] not in own:
                raise StorageError(
                    f"{self._storage} holds {name}, which is of another run; choose another --out, or remove "
                    "what is not wanted any more"
                )

    def _whole_entry(self, number: int, files: Mapping[str, int]) -> dict[str, Any] | None:
        """The entry of a shard in the ledger; None where it was damaged, or what it names is not whole."""
        try:
            content = self._storage.read(f"{LEDGER}/{self.plan.entry_name(number)}")
            entry = read_entry(content, self.plan, number)
        except StorageError:
            return None
        # sizes first: most broken parts are short, and need not be read
        if files.get(entry["part"]) != entry["bytes"]:
            return None
        for name, sha256 in files_of(entry):
            if name not in files or not self._storage.has_content(name, sha256):
                return None
        return entry

    def _forget(self, number: int, files: Collection[str]) -> None:
        """Remove an entry that does not hold any more, and in a folder what it was about."""
        self._storage.remove(f"{LEDGER}/{self.plan.entry_name(number)}")
        # in a store another run may have written it anew
        if self._storage.is_local:
            stem = self.plan.part_stem(number)
            for name in files:
                if name.partition(".")[0] == stem:
                    self._storage.remove(name)


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
