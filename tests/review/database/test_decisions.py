"""What was answered is kept: kill -9, conflicts, repeated requests, undo, and rows that nobody can change."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from shelfwise.errors import StorageError
from shelfwise.review.database.decision_rows import ConflictError, Proposal
from shelfwise.review.database.decisions import DecisionStore
from shelfwise.review.database.model_events import ModelEvents

FIRST = Proposal("p1", "f", 0, ("Mugs",), ("Bowls",), ("Bowls",), "uncertain", "key-1")


@pytest.fixture
def store(tmp_path: Path) -> DecisionStore:
    store = DecisionStore(tmp_path / "decisions.db")
    store.open_catalog("sha", "catalog.csv", 3)
    store.open_model("digest", ["Bowls", "Mugs"])
    return store


def test_a_decision_is_read_back(store: DecisionStore) -> None:
    (kept,) = store.decide([FIRST], "Ada", "lead")
    again = DecisionStore(store.path)
    assert again.current() == {"p1": kept}
    assert (kept.after, kept.reviewer, kept.model, kept.seq) == (("Bowls",), "Ada", "digest", 1)


def test_a_repeated_request_is_answered_and_not_kept_twice(store: DecisionStore) -> None:
    (kept,) = store.decide([FIRST], "Ada", "lead")
    assert store.decide([FIRST], "Ada", "lead") == [kept]
    assert len(store.all_decisions()) == 1


def test_of_two_people_the_second_is_told(store: DecisionStore) -> None:
    store.decide([FIRST], "Ada", "lead")
    with pytest.raises(ConflictError, match="Ada decided") as caught:
        store.decide([replace(FIRST, request_key="key-2", after=("Mugs",))], "Bob", "reviewer")
    assert caught.value.theirs.after == ("Bowls",)
    # having seen it, Bob may decide otherwise; both rows stay
    store.decide([replace(FIRST, request_key="key-3", seen=1, after=("Mugs",))], "Bob", "reviewer")
    assert [row.reviewer for row in store.all_decisions()] == ["Ada", "Bob"]


def test_of_many_decisions_all_are_kept_or_none(store: DecisionStore) -> None:
    store.decide([FIRST], "Ada", "lead")
    bulk = [
        replace(FIRST, product="p2", request_key="bulk-2"),
        replace(FIRST, request_key="bulk-1"),
    ]
    with pytest.raises(ConflictError):
        store.decide(bulk, "Bob", "lead")
    assert len(store.all_decisions()) == 1


def test_fifty_decisions_are_undone_one_by_one(store: DecisionStore) -> None:
    for number in range(50):
        proposal = replace(FIRST, product=f"p{number % 7}", request_key=f"key-{number}")
        latest = store.latest(proposal.product)
        store.decide([replace(proposal, seen=latest.seq if latest else 0)], "Ada", "lead")
    for number in range(50):
        last = store.last_to_undo("Ada")
        assert last is not None
        store.undo(last.id, "Ada", "lead", f"undo-{number}")
    assert store.last_to_undo("Ada") is None
    assert {row.state for row in store.current().values()} == {"open"}
    assert {row.after for row in store.current().values()} == {("Mugs",)}
    assert len(store.all_decisions()) == 100


def test_an_undo_does_not_take_back_what_another_decided_since(store: DecisionStore) -> None:
    (mine,) = store.decide([FIRST], "Ada", "lead")
    store.decide([replace(FIRST, seen=1, request_key="key-2")], "Bob", "reviewer")
    with pytest.raises(ConflictError, match="Bob"):
        store.undo(mine.id, "Ada", "lead", "undo")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision SET after_json = '[]'",
        "DELETE FROM decision",
        "INSERT OR REPLACE INTO decision SELECT * FROM decision",
        "INSERT OR REPLACE INTO decision SELECT NULL, product, fingerprint, seq, action, state, "
        "before_json, after_json, suggested_json, reason, reviewer, model, catalog, undoes, batch, "
        "request_key || 'x', decided_at FROM decision",
    ],
)
def test_no_statement_changes_a_row(store: DecisionStore, statement: str) -> None:
    (kept,) = store.decide([FIRST], "Ada", "lead")
    # another program's connection, with none of our settings
    with sqlite3.connect(store.path) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    assert store.all_decisions() == [kept]


def test_what_is_no_database_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("id,title\n" * 100)
    with pytest.raises(StorageError, match="cannot keep decisions"):
        DecisionStore(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE recipe (name TEXT)")
    with pytest.raises(StorageError, match="another program"):
        DecisionStore(tmp_path / "other.db")
    with sqlite3.connect(tmp_path / "later.db") as later:
        later.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageError, match="later version"):
        DecisionStore(tmp_path / "later.db")


KEEPER = """
import sys
from pathlib import Path
from shelfwise.review.database.decisions import DecisionStore, Proposal
store = DecisionStore(Path(sys.argv[1]))
store.open_catalog("sha", "catalog.csv", 3)
store.open_model("digest", [])
start = len(store.all_decisions())
for number in range(start, start + 10_000):
    product = f"p{number}"
    proposal = Proposal(product, "f", 0, (), ("Mugs",), (), "uncertain", product)
    store.decide([proposal], "Ada", "lead")
    print(product, flush=True)
"""


def test_no_answered_decision_is_lost_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "decisions.db"
    answered: list[str] = []
    for wanted in (1, 5, 20):
        command = [sys.executable, "-c", KEEPER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(wanted):
                answered.append(process.stdout.readline().strip())
            os.kill(process.pid, signal.SIGKILL)
            # what was answered between the last line read and the signal counts too
            answered += process.stdout.read().split()
    assert len(answered) >= 26
    assert set(answered) <= DecisionStore(path).current().keys()


def test_a_file_of_the_first_version_is_opened_and_gets_the_events_of_models(
    tmp_path: Path,
) -> None:
    schema = resources.files("shelfwise.review.database").joinpath("schema.sql").read_text("utf-8")
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.executescript(schema)
    store = DecisionStore(tmp_path / "old.db")
    events = ModelEvents(store.database)
    events.add("used", "digest", "Ada", {"decisions": 3})
    store.close()
    again = DecisionStore(tmp_path / "old.db")
    [event] = ModelEvents(again.database).all()
    assert (event.kind, event.reviewer, event.facts) == ("used", "Ada", {"decisions": 3})
    for statement in (
        "UPDATE model_event SET reviewer = 'Bob'",
        "DELETE FROM model_event",
        "INSERT OR REPLACE INTO model_event VALUES (1, 'used', 'd', '{}', 'Bob', 'now')",
    ):
        with pytest.raises(sqlite3.Error):
            again.database.connection.execute(statement)


def test_a_page_that_is_sent_twice_with_different_answers_is_a_conflict(
    store: DecisionStore,
) -> None:
    (kept,) = store.decide([FIRST], "Ada", "lead")
    for other in (
        replace(FIRST, after=("Mugs",)),
        replace(FIRST, state="skipped"),
        replace(FIRST, product="p2"),
    ):
        with pytest.raises(ConflictError) as caught:
            store.decide([other], "Ada", "lead")
        assert caught.value.theirs == kept
    assert store.all_decisions() == [kept]
    # who accepted is not asked again because the model suggests something else by now
    newer = replace(FIRST, after=("Mugs",), suggested=("Mugs",))
    assert store.decide([newer], "Ada", "lead") == [kept]
