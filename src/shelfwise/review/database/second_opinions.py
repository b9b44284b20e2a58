"""Second opinions: a part of the random sample is decided by two people, neither of whom sees the other's.

The first answer stays the product's. A second opinion only measures how far people agree; where they differ,
the page lists the product, and whoever decides it again settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shelfwise.core.types import Int64Array
from shelfwise.review.database.database import Database, person
from shelfwise.review.database.decision_rows import Decision, Labels, json_of, now

EVERY = 10
"""One of so many products of the random sample is shown to a second person."""


@dataclass(frozen=True)
class SecondOpinion:
    """What two people made of one product.

    Args:
        id: the number of its row.
        product: its id.
        first: the number of the first decision.
        by, labels: who decided first, and what.
        second_by, second_labels: who decided without seeing that.
        shown: the labels that both could tick on the page.
        decided_at: when the second person did.
    """

    id: int
    product: str
    first: int
    by: str
    labels: Labels
    second_by: str
    second_labels: Labels
    shown: Labels
    decided_at: str

    @property
    def agree(self) -> bool:
        """Whether both gave the same labels."""
        return set(self.labels) == set(self.second_labels)


def rows_for_two(sample: Int64Array) -> frozenset[int]:
    """The rows that a second person is asked about: every tenth of the random sample, so drawn by chance."""
    return frozenset(sample[EVERY // 2 :: EVERY].tolist())


class SecondOpinions:
    """The second opinions in the file of decisions. Every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # how much the connection had written when they were read, and what was read
        self._read_at = -1
        self._known: list[SecondOpinion] = []

    def add(
        self,
        first: Decision,
        labels: Labels,
        shown: Iterable[str],
        by: tuple[str, str],
        request_key: str,
    ) -> bool:
        """Keep an opinion; one whose `request_key` was kept before is not kept twice.

        Args:
            first: the decision that the person has not seen.
            by: name and role of who decides now.

        Returns:
            False where another opinion with that `request_key` was kept.

        Raises:
            StorageError: the disk did not take it.
        """
        with self._database.transaction() as connection:
            known = connection.execute(
                "SELECT first, labels_json FROM second_opinion WHERE request_key = ?",
                (request_key,),
            ).fetchone()
            # a repeated request was saved, unless it says something else than at first
            if known is not None:
                return tuple(known) == (first.id, json_of(labels))
            number = person(connection, *by)
            connection.execute(
                "INSERT INTO second_opinion (first, labels_json, shown_json, reviewer, request_key, "
                "decided_at) VALUES (?, ?, ?, ?, ?, ?)",
                (first.id, json_of(labels), json_of(shown), number, request_key, now()),
            )
        return True

    def take_back(self, identity: int, by: tuple[str, str]) -> SecondOpinion | None:
        """Take an opinion back, so that the product waits for a second person again.

        Args:
            identity: the number of the opinion.
            by: name and role of who takes it back.

        Returns:
            What was taken back; None where the person has no such opinion, or has taken it back before.

        Raises:
            StorageError: the disk did not take it.
        """
        with self._database.transaction() as connection:
            # read within the transaction: of two requests at once the second finds nothing
            opinion = next((one for one in self.all() if one.id == identity), None)
            if opinion is None or opinion.second_by != by[0]:
                return None
            connection.execute(
                "INSERT INTO second_opinion_undo (opinion, reviewer, undone_at) VALUES (?, ?, ?)",
                (identity, person(connection, *by), now()),
            )
        return opinion

    def all(self) -> list[SecondOpinion]:
        """By product the latest opinion, the first product first, of what nobody took back."""
        with self._database.lock:
            written = self._database.connection.total_changes
            # this process is the only writer: what was read stands until it writes
            if written != self._read_at:
                self._known = self._read()
                self._read_at = written
            return list(self._known)

    def _read(self) -> list[SecondOpinion]:
        query = """
            SELECT s.*, d.product AS product, d.after_json AS first_json, f.name AS first_name,
              r.name AS second_name
            FROM second_opinion s JOIN decision d ON d.id = s.first
            JOIN reviewer f ON f.id = d.reviewer JOIN reviewer r ON r.id = s.reviewer
            WHERE NOT EXISTS (SELECT 1 FROM decision u WHERE u.undoes = d.id)
            AND NOT EXISTS (SELECT 1 FROM second_opinion_undo t WHERE t.opinion = s.id)
            ORDER BY s.id
        """
        rows = self._database.connection.execute(query).fetchall()
        # of several about a product the last one counts
        found = {
            row["product"]: SecondOpinion(
                id=row["id"],
                product=row["product"],
                first=row["first"],
                by=row["first_name"],
                labels=tuple(json.loads(row["first_json"])),
                second_by=row["second_name"],
                second_labels=tuple(json.loads(row["labels_json"])),
                shown=tuple(json.loads(row["shown_json"])),
                decided_at=row["decided_at"],
            )
            for row in rows
        }
        return list(found.values())


def to_settle(
    opinions: Iterable[SecondOpinion], current: Mapping[str, Decision]
) -> list[SecondOpinion]:
    """Those that differ from the first answer, as long as nobody has decided again."""
    found = []
    for opinion in opinions:
        standing = current.get(opinion.product)
        if not opinion.agree and standing is not None and standing.id == opinion.first:
            found.append(opinion)
    return found
