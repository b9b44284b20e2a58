"""What a decision is: one row of the file, and what a person proposes to add to it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from shelfwise.errors import ShelfwiseError, StorageError

State = Literal["decided", "skipped", "unsure", "open"]
Reason = Literal["uncertain", "wrong", "sample", "disagree", "search", "bulk"]

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """One row.

    Args:
        product: the product's id.
        fingerprint: of the product's fields, as they were when it was decided.
        seq: 1 for the product's first row, and so on.
        state: what the product is after this row.
        before, after: its labels.
        reason: the queue it was shown in.
        reviewer: the name of who decided.
        undoes: the row that this one takes back.
    """

    id: int
    product: str
    fingerprint: str
    seq: int
    action: Literal["decide", "undo"]
    state: State
    before: Labels
    after: Labels
    suggested: Labels
    reason: Reason
    reviewer: str
    model: str
    undoes: int | None
    batch: str | None
    decided_at: str


@dataclass(frozen=True)
class Proposal:
    """What a person wants to be kept.

    Args:
        seen: the product's `seq` that the person saw; 0 where there was no row yet.
        request_key: the same for every try to save the same decision.
    """

    product: str
    fingerprint: str
    seen: int
    before: Labels
    after: Labels
    suggested: Labels
    reason: Reason
    request_key: str
    state: State = "decided"
    batch: str | None = None


class ConflictError(ShelfwiseError):
    """Somebody else has decided about the product meanwhile.

    Args:
        theirs: the row that stands.
    """

    def __init__(self, theirs: Decision) -> None:
        found = f"{theirs.reviewer} decided about product {theirs.product!r} meanwhile"
        super().__init__(f"{found}; compare both and choose")
        self.theirs = theirs


def answers(kept: Decision, proposal: Proposal) -> bool:
    """Whether a kept row is the proposal, sent once more.

    Who accepts suggestions accepts those of the first time, whatever is suggested meanwhile.
    """
    accepts = proposal.after == proposal.suggested and kept.after == kept.suggested
    is_same = kept.after == proposal.after or accepts
    return is_same and (kept.product, kept.state) == (proposal.product, proposal.state)


SELECT = """
SELECT d.*, r.name AS reviewer_name, m.digest AS digest FROM {table} d
JOIN reviewer r ON r.id = d.reviewer JOIN model_version m ON m.id = d.model
"""
"""Rows with the names that they point to."""


def decision_of(row: sqlite3.Row) -> Decision:
    """A row of :data:`SELECT`."""
    return Decision(
        id=row["id"],
        product=row["product"],
        fingerprint=row["fingerprint"],
        seq=row["seq"],
        action=row["action"],
        state=row["state"],
        before=_labels_in(row, "before_json"),
        after=_labels_in(row, "after_json"),
        suggested=_labels_in(row, "suggested_json"),
        reason=row["reason"],
        reviewer=row["reviewer_name"],
        model=row["digest"],
        undoes=row["undoes"],
        batch=row["batch"],
        decided_at=row["decided_at"],
    )


def _labels_in(row: sqlite3.Row, column: str) -> Labels:
    """The labels in a column.

    Raises:
        StorageError: another program has written something else.
    """
    try:
        names = json.loads(row[column])
    except (ValueError, RecursionError):
        names = None
    # a decision that reads as another one would be exported as it
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        found = f"decision {row['id']} about product {row['product']!r} has no list of labels in {column}"
        raise StorageError(
            f"{found}; another program has changed it: restore the file from a backup"
        )
    return tuple(names)


def json_of(names: Iterable[str]) -> str:
    """Labels as a row holds them."""
    return json.dumps(list(names), ensure_ascii=False)


def now() -> str:
    """The time as a row holds it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
