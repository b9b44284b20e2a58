"""``shelfwise init``: look at a catalogue, ask where unsure, and write the settings file."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.reading.reading_summary import ReadFacts, summarize_reading
from shelfwise.commands.output_places import check_no_model
from shelfwise.config import CatalogSettings, Config
from shelfwise.core.types import Context
from shelfwise.disk.files import keep_input, write_text_atomically
from shelfwise.errors import NothingUsableError, StorageError, TwoReadingsError

NO_COLUMN = "none of these"
"""The answer that no column holds the field."""

NO_CATEGORY = "a product has no category, and none has any; check which column holds them"
"""What is told of a column of categories that is empty."""

MAX_CANDIDATES = 20
"""Columns named among which one may hold the categories."""


@dataclass(frozen=True)
class Question:
    """What only a person can say.

    Args:
        text: the question.
        choices: the answers; the likelier ones first.
        likeliest: whether the first choice may be taken unseen; an id column may not.
    """

    text: str
    choices: tuple[str, ...]
    likeliest: bool = True


Ask = Callable[[Question], int | None]
"""Answers a question with the place of the choice; None where nobody can be asked."""

Contexts = Callable[[], AbstractContextManager[Context]]
"""A context for one reading: its progress bar must be gone before a question is asked."""


@dataclass
class _Answers:
    """What was asked so far.

    Args:
        columns: field -> column, as answered.
        signs: category separator and delimiter, as answered or, for a question that is open, assumed.
        comments: lines of the settings file for questions that are open.
        candidates: columns of which one may hold the categories, while nobody has said which.
        open: these questions.
    """

    columns: dict[str, str] = field(default_factory=dict)
    signs: tuple[str, str] | None = None
    comments: list[str] = field(default_factory=list)
    candidates: tuple[str, ...] | None = None
    open: list[str] = field(default_factory=list)

    def settings(self) -> CatalogSettings:
        """The settings to read with."""
        changes: dict[str, Any] = {"columns": self.columns}
        if self.signs is not None:
            changes["category_separator"] = self.signs[0]
            changes["category_delimiter"] = self.signs[1]
        return CatalogSettings(**changes)


def init_settings(
    source: Path, out: Path, ask: Ask, contexts: Contexts, overwrite: bool = False
) -> dict[str, Any]:
    """Write settings to `out` that read `source` as it is read now.

    Args:
        ask: called where the file can be read in several ways.
        contexts: for each reading one, with its progress.
        overwrite: replace `out` if it exists.

    Returns:
        As :func:`~shelfwise.catalog.reading.reading_summary.summarize_reading`; and source, out, and
        open_questions, those that nobody answered. These stand in `out` as comments.

    Raises:
        CatalogError: `source` cannot be read, or not one record of it can be used.
        StorageError: `out` exists, or is `source`.
    """
    keep_input(source, out)
    check_no_model(out)
    # before any work
    if out.exists() and not overwrite:
        raise StorageError(f"{out} exists; choose another --out, or say --overwrite")
    # a folder, a device or a pipe is no settings file
    if out.exists() and not out.is_file():
        raise StorageError(f"{out} is no file; choose another --out")
    answers = _Answers()
    read = _read(source, answers, ask, contexts)
    if "id" not in read.reading.columns and _ask_id(read, answers, ask):
        read = _read(source, answers, ask, contexts)
    has_categories = "categories" in read.reading.columns or read.reading.category_columns
    if not has_categories and _ask_categories(read, answers, ask):
        read = _read(source, answers, ask, contexts)
    config = Config.load().model_copy(update={"catalog": answers.settings()})
    summary = summarize_reading(ReadFacts.of(read), config)
    # a training would refuse it
    if has_categories and not read.catalog.has_value("categories").any():
        summary["notes"][NO_CATEGORY] = len(read.catalog)
    write_text_atomically(out, [settings_text(source.name, read, answers)])
    return {"source": str(source), "out": str(out), **summary, "open_questions": answers.open}


def _read(source: Path, answers: _Answers, ask: Ask, contexts: Contexts) -> ReadResult:
    """Read `source`, asking what stands in the way."""
    while True:
        try:
            with contexts() as context:
                return read_catalog(source, answers.settings(), context, strict=True)
        except TwoReadingsError as error:
            # answered or assumed: it cannot come a second time
            _ask_signs(error, answers, ask)
        except NothingUsableError as error:
            if not error.lacks_id or "id" in answers.columns or not error.names:
                raise
            text = f"No column is called like an id. Which of the columns of {source} is it?"
            choice = ask(Question(text, error.names, likeliest=False))
            if choice is None:
                raise
            answers.columns["id"] = error.names[choice]


def _ask_signs(error: TwoReadingsError, answers: _Answers, ask: Ask) -> None:
    """Ask which of two readings of the categories is right."""
    lines = tuple(
        f"category_separator = {_quoted(separator)}\ncategory_delimiter = {_quoted(delimiter)}"
        for separator, delimiter in error.readings
    )
    choices = tuple(line.replace("\n", ", ") for line in lines)
    choice = ask(Question(str(error), choices))
    # without an answer the likelier reading, so that the rest can be shown
    answers.signs = error.readings[choice or 0]
    if choice is not None:
        return
    answers.open.append(str(error))
    answers.comments.append("# The categories can be read in two ways. Keep one pair of lines:")
    for line in lines:
        answers.comments += [f"# {part}" for part in line.split("\n")]
        answers.comments.append("#")


def _ask_id(read: ReadResult, answers: _Answers, ask: Ask) -> bool:
    """Ask which column holds the ids, where lines stand for them; whether one was chosen."""
    used = set(read.reading.columns.values())
    names = tuple(name for name in read.reading.names if name not in used)
    if not names:
        return False
    text = "No column is called like an id, so products are called after their line. Which one holds ids?"
    choice = ask(Question(text, (*names, NO_COLUMN), likeliest=False))
    if choice is None or choice == len(names):
        return False
    answers.columns["id"] = names[choice]
    return True


def _ask_categories(read: ReadResult, answers: _Answers, ask: Ask) -> bool:
    """Ask which column holds the categories; whether one was chosen."""
    # a column that is another field already is no candidate
    used = set(read.reading.columns.values())
    names = tuple(name for name in read.reading.names if name not in used)
    text = "No column is called like categories. Which one holds them?"
    if names:
        text = f"{text} The others are {', '.join(map(_quoted, names[:MAX_CANDIDATES]))}."
    choice = ask(Question(text, (*names, NO_COLUMN), likeliest=False)) if names else None
    if choice is None:
        answers.open.append(text)
        answers.candidates = names[:MAX_CANDIDATES]
        return False
    if choice == len(names):
        return False
    answers.columns["categories"] = names[choice]
    return True


def settings_text(name: str, read: ReadResult, answers: _Answers) -> str:
    """The settings file that reads the file as `read` was read; open questions are comments in it.

    Args:
        name: the file's name.
        answers: what was asked, and what is open.
    """
    lines = [
        f"# How shelfwise reads {_quoted(name)}. Use it with: shelfwise train CATALOG --config FILE",
        "",
        "[catalog]",
        "# found in the file; unset, each file is looked at",
        f"# format = {_quoted(read.format)}",
        f"# encoding = {_quoted(read.encoding or 'utf-8')}",
    ]
    lines += answers.comments
    # an open question about the signs stands in their place, and without a column there are none to tell
    if not answers.comments and answers.candidates is None:
        lines += [
            "# between the levels of a path; empty: there is one level",
            f"category_separator = {_quoted(read.settings.category_separator or '')}",
            "# between several paths of one product; empty: there is one path",
            f"category_delimiter = {_quoted(read.settings.category_delimiter or '')}",
        ]
    lines += ["", "[catalog.columns]", "# our field = the column of the file"]
    for our_field, column in read.reading.columns.items():
        # a column without a name is found again, and so are several that make up the categories
        combined = our_field == "categories" and read.reading.category_columns is not None
        if column and not combined:
            lines.append(f"{our_field} = {_quoted(column)}")
    if read.reading.category_columns is not None:
        names = ", ".join(_quoted(column) for column in read.reading.category_columns.names)
        lines.append(f"# categories are made up of {names}")
    if answers.candidates is not None:
        lines.append(
            "# No column is called like categories. Take the # from the one that holds them:"
        )
        lines += [f"# categories = {_quoted(column)}" for column in answers.candidates]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML string."""
    # TOML takes JSON's escapes, and wants one more
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
