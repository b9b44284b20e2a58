"""The SQLite file that decisions are kept in: opened so that what was answered is on the disk."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

from shelfwise.errors import StorageError

VERSION = 1
"""Of the tables; a file of a later version is refused."""


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to the decisions in `path`; the file is made where there is none.

    Raises:
        StorageError: the file is no database of ours, is of a later version, or cannot be written.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        _prepare(connection, path)
    except sqlite3.Error as error:
        fix = "give --decisions FILE in a folder that can be written"
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


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Fill an empty file.

    Raises:
        StorageError: it is a database of another program.
    """
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StorageError(f"{path} is a database of another program; give --decisions FILE")
    script = resources.files("shelfwise.review").joinpath("schema.sql").read_text("utf-8")
    # all tables or none, also when the process is killed meanwhile
    connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
