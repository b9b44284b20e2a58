"""What became of models: which was trained, used or put aside, when and by whom. Rows are only added."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shelfwise.disk.files import json_text
from shelfwise.review.database.database import Database
from shelfwise.review.database.decision_rows import now

Kind = Literal["trained", "used", "kept"]


@dataclass(frozen=True)
class ModelEvent:
    """One row.

    Args:
        kind: "trained" on decisions; "used" from now on; "kept": another was proposed, this one stayed.
        digest: of the model.
        facts: what was told when it happened.
        reviewer: the name of who asked for it.
    """

    kind: Kind
    digest: str
    facts: Mapping[str, Any]
    reviewer: str
    happened_at: str


class ModelEvents:
    """The events in the file of decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: Kind, digest: str, reviewer: str, facts: Mapping[str, Any]) -> None:
        """Keep an event.

        Raises:
            StorageError: the disk did not take it.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO model_event (kind, digest, facts_json, reviewer, happened_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (kind, digest, json_text(facts), reviewer, now()),
            )

    def all(self) -> list[ModelEvent]:
        """Every event, the latest first."""
        with self._database.lock:
            rows = self._database.connection.execute(
                "SELECT * FROM model_event ORDER BY id DESC"
            ).fetchall()
        return [
            ModelEvent(
                kind=row["kind"],
                digest=row["digest"],
                facts=json.loads(row["facts_json"]),
                reviewer=row["reviewer"],
                happened_at=row["happened_at"],
            )
            for row in rows
        ]
