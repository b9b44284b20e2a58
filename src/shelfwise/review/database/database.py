"""The SQLite file that decisions are kept in: opened so that what was answered is on the disk."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path

from shelfwise.errors import StorageError
from shelfwise.review.database.decision_rows import now

VERSION = 4
"""Of the tables; a file of a later version is refused."""

_SCRIPTS = ("schema.sql", "model_events.sql", "second_opinions.sql", "taken_back.sql")
"""Each makes the tables of one more version."""


class Database:
    """The one connection to a file, for any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_database(path)
        self._opened = os.stat(path)
        # one statement at a time on the one connection
        self.lock = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block, or nothing of it; on the disk when it ends.

        Raises:
            StorageError: the disk did not take it, or another file has taken the place of this one.
        """
        with self.lock:
            self._refuse_if_replaced()
            try:
                # the write lock is taken before anything is read: no other writer comes in between
                self.connection.execute("BEGIN IMMEDIATE")
                yield self.connection
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                fix = "nothing was kept; free the disk or the file, then try again"
                raise StorageError(f"{self.path} did not take it: {error}; {fix}") from None
            except BaseException:
                self._roll_back()
                raise

    def _refuse_if_replaced(self) -> None:
        """Refuse to write into a file that has lost its name: nobody would ever read it.

        Raises:
            StorageError: somebody has moved, removed or replaced it.
        """
        try:
            same = os.path.samestat(self._opened, os.stat(self.path))
        except FileNotFoundError:
            same = False
        if not same:
            fix = "nothing was kept; stop the review, put the right file there, and start again"
            raise StorageError(f"{self.path} was moved or replaced while it was in use; {fix}")

    def _roll_back(self) -> None:
        # after a full disk SQLite may have rolled back by itself
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


def person(connection: sqlite3.Connection, name: str, role: str) -> int:
    """The number of a reviewer, who is noted down at the first decision."""
    connection.execute(
        "INSERT INTO reviewer (name, role, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (name, role, now()),
    )
    found = connection.execute("SELECT id FROM reviewer WHERE name = ?", (name,))
    return int(found.fetchone()[0])


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to the decisions in `path`; the file is made where there is none.

    Raises:
        StorageError: the file is no database of ours, is of a later version, or cannot be written.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        _prepare(connection, path)
    # a damaged text of the tables cannot even be shown
    except (sqlite3.Error, UnicodeDecodeError) as error:
        fix = "give --decisions FILE in a folder that can be written, or restore it from a backup"
        raise StorageError(f"{path} cannot keep decisions: {error}; {fix}") from None
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set what holds for this connection only, and make the tables of a new file."""
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA foreign_keys = ON")
    # without it INSERT OR REPLACE removes rows past the trigger that forbids it
    connection.execute("PRAGMA recursive_triggers = ON")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StorageError(
            f"{path} lies where SQLite cannot keep a write-ahead log, such as on a network folder; "
            "give --decisions FILE on a local disk"
        )
    # an answer is given after the disk has the row: a power cut loses none
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StorageError(f"{path} was written by a later version of shelfwise; update shelfwise")
    if version == 0:
        _make_tables(connection, path)
    # what is there stays; tables were added (a number below 0 is another program's)
    elif 0 < version < VERSION:
        _run_script(connection, *_SCRIPTS[version:])
    _check_tables(connection, path)


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Fill an empty file.

    Raises:
        StorageError: it is a database of another program.
    """
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StorageError(f"{path} is a database of another program; give --decisions FILE")
    _run_script(connection, *_SCRIPTS)


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose pages do not fit together, or whose tables are not as we make them.

    Raises:
        StorageError: it was damaged, or another program has changed what keeps decisions from being changed.
    """
    fix = "restore it from a backup, or give another --decisions FILE"
    fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if fault != "ok":
        raise StorageError(f"{path} is damaged ({fault}); {fix}")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        _run_script(new, *_SCRIPTS)
        expected = _definitions(new)
    found = _definitions(connection)
    changed = sorted(name for name, text in expected.items() if found.get(name) != text)
    # one of another program could change or drop rows
    changed += sorted(name for name in found.keys() - expected.keys() if name[0] == "trigger")
    if changed:
        kind, name = changed[0]
        raise StorageError(f"another program has changed the {kind} {name} of {path}; {fix}")


def _definitions(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Kind and name of everything that is defined -> its definition."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def _run_script(connection: sqlite3.Connection, *names: str) -> None:
    """Run files of this package: all of them or nothing, also when the process is killed meanwhile."""
    folder = resources.files("shelfwise.review.database")
    script = "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)
    connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
