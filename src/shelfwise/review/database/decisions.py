"""Decisions of people, each one a row. A row is never changed; an undo is a row too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shelfwise.errors import StorageError
from shelfwise.review.database.database import Database, person
from shelfwise.review.database.decision_rows import (
    SELECT,
    ConflictError,
    Decision,
    Proposal,
    Reason,
    answers,
    decision_of,
    json_of,
    now,
)

_INSERT = """
INSERT INTO decision (product, fingerprint, seq, action, state, before_json, after_json,
  suggested_json, reason, reviewer, model, catalog, undoes, batch, request_key, decided_at)
VALUES (:product, :fingerprint, :seq, :action, :state, :before, :after, :suggested, :reason,
  :reviewer, :model, :catalog, :undoes, :batch, :request_key, :decided_at)
"""

MAX_HISTORY = 200
"""Rows of a history that are shown."""


class DecisionStore:
    """The decisions in one file. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = Database(path)
        self._current: dict[str, Decision] | None = None
        self._catalog = 0
        self._model = 0

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def open_catalog(self, fingerprint: str, source: str, products: int) -> None:
        """Later decisions are about this catalogue."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO catalog_version (fingerprint, source, products, opened_at) "
                "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (fingerprint, source, products, now()),
            )
            found = connection.execute(
                "SELECT id FROM catalog_version WHERE fingerprint = ?", (fingerprint,)
            )
            self._catalog = found.fetchone()[0]

    def catalogs(self) -> dict[str, str]:
        """The catalogues that decisions were made about: fingerprint -> file."""
        query = "SELECT fingerprint, source FROM catalog_version ORDER BY id"
        with self.database.lock:
            return {row[0]: row[1] for row in self.database.connection.execute(query)}

    def open_model(self, digest: str, labels: Sequence[str]) -> None:
        """Later decisions are about suggestions of this model."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO model_version (digest, labels_json, opened_at) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (digest, json_of(labels), now()),
            )
            found = connection.execute("SELECT id FROM model_version WHERE digest = ?", (digest,))
            self._model = found.fetchone()[0]

    def decide(self, proposals: Iterable[Proposal], reviewer: str, role: str) -> list[Decision]:
        """Keep decisions, all or none.

        A decision whose `request_key` was kept before is given back, and not kept twice.

        Raises:
            ConflictError: somebody else was faster, or another answer with that `request_key` was kept.
            StorageError: the disk did not take them.
        """
        with self.database.transaction() as connection:
            number = person(connection, reviewer, role)
            kept = [self._keep(connection, proposal, number) for proposal in proposals]
        self._remember(kept)
        return kept

    def undo(self, decision: int, reviewer: str, role: str, request_key: str) -> Decision:
        """Take a decision back: the product is again what it was before it.

        Raises:
            ConflictError: somebody has decided about the product since.
            StorageError: there is no such decision, or it was taken back before.
        """
        with self.database.transaction() as connection:
            # a browser that got no answer sends the same again
            answered = self._answered(connection, request_key)
            if answered is not None:
                return answered
            undone = self._row(connection, "d.id = ?", decision)
            if undone is None or undone.action != "decide":
                raise StorageError(f"there is no decision {decision} to undo")
            latest = self._latest(connection, undone.product)
            assert latest is not None
            if latest.undoes == undone.id:
                raise StorageError(f"decision {decision} was undone before")
            # undos of later decisions may have made it the one that counts again
            if latest.id != undone.id and self._effective(connection, latest).id != undone.id:
                raise ConflictError(latest)
            values = self._undoing(connection, undone, latest)
            number = person(connection, reviewer, role)
            kept = self._insert(connection, values | {"reviewer": number}, request_key)
        self._remember([kept])
        return kept

    def last_to_undo(self, reviewer: str) -> Decision | None:
        """The latest decision of a person that nobody has taken back; None without one."""
        with self.database.lock:
            return self._row(
                self.database.connection,
                "r.name = ? AND d.action = 'decide' AND NOT EXISTS "
                "(SELECT 1 FROM decision u WHERE u.undoes = d.id) ORDER BY d.id DESC LIMIT 1",
                reviewer,
            )

    def is_kept(self, request_key: str) -> bool:
        """Whether a request was answered before."""
        with self.database.lock:
            return self._answered(self.database.connection, request_key) is not None

    def current(self) -> dict[str, Decision]:
        """By product, its latest row."""
        with self.database.lock:
            if self._current is None:
                rows = self.database.connection.execute(SELECT.format(table="current")).fetchall()
                self._current = {row["product"]: decision_of(row) for row in rows}
            # a copy: another thread may add to it
            return dict(self._current)

    def _remember(self, kept: Iterable[Decision]) -> None:
        """Keep what is on the disk now in memory, too: this process is the only writer."""
        with self.database.lock:
            for row in kept:
                known = None if self._current is None else self._current.get(row.product)
                # a repeated request is answered with its old row
                if self._current is not None and (known is None or known.seq < row.seq):
                    self._current[row.product] = row

    def decided_in(self, reason: Reason) -> set[str]:
        """The products that anybody ever decided about in a queue, whatever became of it."""
        query = "SELECT DISTINCT product FROM decision WHERE reason = ?"
        with self.database.lock:
            return {row[0] for row in self.database.connection.execute(query, (reason,))}

    def latest(self, product: str) -> Decision | None:
        """A product's latest row; None where nobody has decided about it."""
        with self.database.lock:
            return self._latest(self.database.connection, product)

    def history(self, product: str | None = None) -> list[Decision]:
        """Rows of a product, or of all, the latest first; at most :data:`MAX_HISTORY`."""
        where = "" if product is None else "WHERE d.product = ?"
        values = () if product is None else (product,)
        query = f"{SELECT.format(table='decision')} {where} ORDER BY d.id DESC LIMIT {MAX_HISTORY}"
        with self.database.lock:
            return [decision_of(row) for row in self.database.connection.execute(query, values)]

    def all_decisions(self) -> list[Decision]:
        """Every row, the first first."""
        query = f"{SELECT.format(table='decision')} ORDER BY d.id"
        with self.database.lock:
            return [decision_of(row) for row in self.database.connection.execute(query)]

    def switch_acceptance(self, enabled: bool, why: str, reviewer: str | None = None) -> None:
        """Turn automatic acceptance on or off; `why` is shown."""
        with self.database.transaction() as connection:
            number = None if reviewer is None else person(connection, reviewer, "lead")
            connection.execute(
                "INSERT INTO acceptance (enabled, why, reviewer, decided_at) VALUES (?, ?, ?, ?)",
                (int(enabled), why, number, now()),
            )

    def acceptance(self) -> tuple[bool, str]:
        """Whether automatic acceptance is on, and why."""
        with self.database.lock:
            row = self.database.connection.execute(
                "SELECT enabled, why FROM acceptance ORDER BY id DESC LIMIT 1"
            ).fetchone()
        return (False, "nobody has turned it on") if row is None else (bool(row[0]), row[1])

    def _keep(self, connection: sqlite3.Connection, proposal: Proposal, reviewer: int) -> Decision:
        """Insert one decision, or find it."""
        # first of all: a repeated request was saved, and is no conflict with itself
        answered = self._answered(connection, proposal.request_key)
        if answered is not None and answers(answered, proposal):
            return answered
        latest = self._latest(connection, proposal.product)
        if answered is not None:
            # the page was sent twice with different answers: which one counts is for the person to say
            raise ConflictError(latest or answered)
        if latest is not None and latest.seq != proposal.seen:
            raise ConflictError(latest)
        values = {
            "product": proposal.product,
            "fingerprint": proposal.fingerprint,
            "seq": proposal.seen + 1,
            "action": "decide",
            "state": proposal.state,
            "before": json_of(proposal.before),
            "after": json_of(proposal.after),
            "suggested": json_of(proposal.suggested),
            "reason": proposal.reason,
            "reviewer": reviewer,
            "undoes": None,
            "batch": proposal.batch,
        }
        return self._insert(connection, values, proposal.request_key)

    def _undoing(
        self, connection: sqlite3.Connection, undone: Decision, latest: Decision
    ) -> dict[str, Any]:
        """The row that restores what was before `undone`."""
        earlier = self._row(
            connection, "d.product = ? AND d.seq = ?", undone.product, undone.seq - 1
        )
        # the queue of the row that counts again: a bulk decision stays one
        reason = undone.reason if earlier is None else earlier.reason
        return {
            "product": undone.product,
            "fingerprint": undone.fingerprint if earlier is None else earlier.fingerprint,
            # an undo is a row behind all others, not a change of one
            "seq": latest.seq + 1,
            "action": "undo",
            "state": "open" if earlier is None else earlier.state,
            "before": json_of(undone.after),
            "after": json_of(undone.before),
            "suggested": json_of(undone.suggested),
            "reason": reason,
            "undoes": undone.id,
            "batch": None,
        }

    def _effective(self, connection: sqlite3.Connection, row: Decision) -> Decision:
        """The decision that counts after an undo: the one before what was taken back."""
        while row.undoes is not None:
            undone = self._row(connection, "d.id = ?", row.undoes)
            assert undone is not None
            earlier = self._row(
                connection, "d.product = ? AND d.seq = ?", row.product, undone.seq - 1
            )
            if earlier is None:
                return row
            row = earlier
        return row

    def _insert(
        self, connection: sqlite3.Connection, values: Mapping[str, Any], request_key: str
    ) -> Decision:
        versions = {"model": self._model, "catalog": self._catalog}
        cursor = connection.execute(
            _INSERT, {**values, **versions, "request_key": request_key, "decided_at": now()}
        )
        kept = self._row(connection, "d.id = ?", cursor.lastrowid)
        assert kept is not None
        return kept

    def _answered(self, connection: sqlite3.Connection, request_key: str) -> Decision | None:
        return self._row(connection, "d.request_key = ?", request_key)

    def _latest(self, connection: sqlite3.Connection, product: str) -> Decision | None:
        return self._row(connection, "d.product = ? ORDER BY d.seq DESC LIMIT 1", product)

    def _row(self, connection: sqlite3.Connection, where: str, *values: Any) -> Decision | None:
        """The one row that fits; `where` is always text of this file."""
        query = f"{SELECT.format(table='decision')} WHERE {where}"
        row = connection.execute(query, values).fetchone()
        return None if row is None else decision_of(row)
