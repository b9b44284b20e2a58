"""A file of decisions that was damaged, changed by another program, or replaced while it is in use."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shelfwise.errors import StorageError
from shelfwise.review.database.decisions import DecisionStore
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor
from tests.review.database.test_decisions import FIRST


@pytest.fixture
def decided(tmp_path: Path) -> Path:
    """A closed file with one decision."""
    path = tmp_path / "decisions.db"
    store = DecisionStore(path)
    store.open_catalog("sha", "catalog.csv", 3)
    store.open_model("digest", ["Bowls", "Mugs"])
    store.decide([FIRST], "Ada", "lead")
    store.close()
    return path


def run(path: Path, *statements: str) -> None:
    """What another program does to the file."""
    with closing(sqlite3.connect(path)) as other, other:
        for statement in statements:
            other.execute(statement)


WITHOUT_GUARD = "DROP TRIGGER decision_no_update"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (WITHOUT_GUARD, "trigger decision_no_update"),
        ("DROP TRIGGER decision_no_delete", "trigger decision_no_delete"),
        ("DROP VIEW current", "view current"),
        ("ALTER TABLE reviewer RENAME COLUMN name TO title", "table reviewer"),
        (
            "CREATE TRIGGER theirs AFTER INSERT ON decision BEGIN UPDATE reviewer SET name = 'x'; END",
            "trigger theirs",
        ),
    ],
)
def test_a_file_whose_guards_were_taken_off_is_refused(
    decided: Path, statement: str, found: str
) -> None:
    run(decided, statement)
    with pytest.raises(StorageError, match=f"another program has changed the .*{found}"):
        DecisionStore(decided)


def test_indexes_and_tables_of_another_program_do_no_harm(decided: Path) -> None:
    run(decided, "CREATE INDEX theirs ON decision (product)", "CREATE TABLE notes (text)")
    assert DecisionStore(decided).current().keys() == {"p1"}


@pytest.mark.parametrize("version", [-3, 1, 2, 3])
def test_a_number_alone_makes_no_file_of_ours(tmp_path: Path, version: int) -> None:
    run(tmp_path / "other.db", f"PRAGMA user_version = {version}")
    with pytest.raises(StorageError, match="another program has changed"):
        DecisionStore(tmp_path / "other.db")


@pytest.mark.parametrize("text", ["5", "null", '{"Mugs": 1}', "[[1]]", "[" * 900 + "]" * 900])
def test_labels_that_are_none_are_refused_in_a_sentence(decided: Path, text: str) -> None:
    with closing(sqlite3.connect(decided)) as other:
        guard = other.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'decision_no_update'"
        ).fetchone()[0]
    run(decided, WITHOUT_GUARD, f"UPDATE decision SET after_json = '{text}'", guard)
    with pytest.raises(StorageError, match=r"decision 1 about product 'p1' has no list of labels"):
        DecisionStore(decided).current()


def test_damage_to_the_file_ends_in_a_sentence(decided: Path) -> None:
    chance = random.Random(0)
    content = decided.read_bytes()
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        start = chance.randrange(len(content))
        damaged[start : start + 64] = bytes(len(damaged[start : start + 64]))
        decided.write_bytes(damaged)
        try:
            store = DecisionStore(decided)
            store.current()
            store.close()
        except StorageError:
            refused += 1
    # most of an almost empty file is never read
    assert refused > 5


def test_decisions_are_not_written_into_a_file_that_was_replaced(decided: Path) -> None:
    store = DecisionStore(decided)
    backup = decided.with_name("backup.db")
    backup.write_bytes(decided.read_bytes())
    backup.rename(decided)
    with pytest.raises(StorageError, match="was moved or replaced while it was in use"):
        store.decide([replace(FIRST, product="p2", request_key="key-2")], "Ada", "lead")
    decided.unlink()
    with pytest.raises(StorageError, match="was moved or replaced while it was in use"):
        store.decide([replace(FIRST, product="p2", request_key="key-2")], "Ada", "lead")


def shop(folder: Path, noun: str, extra: str = "") -> Path:
    """A catalogue whose ids are those of any other one of its size."""
    path = folder / f"{noun}.csv"
    rows = "".join(f"{number},{noun} {number}\n" for number in range(1, 30))
    path.write_text("id,title\n" + rows + extra)
    return path


@pytest.mark.parametrize("what", ["a decision", "acceptance"])
def test_the_decisions_of_another_catalogue_are_refused(
    tmp_path: Path, workspace_of: Callable[..., Workspace], what: str
) -> None:
    mugs = workspace_of(shop(tmp_path, "Mug"), promise=0.95)
    if what == "a decision":
        mugs.decide([3], ("Mugs",), 0, "key-1", "sample", Visitor("Ada", "lead"))
    else:
        mugs.store.switch_acceptance(True, "turned on by Ada", "Ada")
    mugs.store.close()
    with pytest.raises(
        StorageError, match=r"was begun with .*Mug\.csv, and no decision .* as .*Lamp"
    ):
        workspace_of(shop(tmp_path, "Lamp"), promise=0.95)


def test_decisions_go_on_with_a_new_edition_of_their_catalogue(
    tmp_path: Path, workspace_of: Callable[..., Workspace]
) -> None:
    before = workspace_of(shop(tmp_path, "Mug"))
    before.decide([3], ("Mugs",), 0, "key-1", "sample", Visitor("Ada", "lead"))
    before.store.close()
    after = workspace_of(shop(tmp_path, "Mug", "30,Large mug\n"))
    assert after.queues.progress("search", after.store.current()) == (1, 30)


def test_a_file_without_any_decision_is_for_any_catalogue(
    tmp_path: Path, workspace_of: Callable[..., Workspace]
) -> None:
    workspace_of(shop(tmp_path, "Mug")).store.close()
    assert len(workspace_of(shop(tmp_path, "Lamp")).products) == 29
