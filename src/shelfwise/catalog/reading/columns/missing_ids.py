"""Products without an id, as in exports of shops whose sellers need not fill in one, and in lists that people
copied from pages: the line stands for it.

Where few rows lack an id, something is wrong with these, and they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.arrow import Column, as_strings, is_true, not_null, python_values
from shelfwise.catalog.reading.byte_stream import RecordError
from shelfwise.catalog.reading.columns.column_mapping import ColumnPlan, normal_name
from shelfwise.catalog.reading.columns.column_synonyms import INDEXES
from shelfwise.catalog.reading.columns.rival_columns import rivals_of
from shelfwise.catalog.reading.file_format import ParsedBlock
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.core.types import Bools, Int64Array

MIN_SHARE = 0.1
"""Of the products, from which on those without an id are called after their line."""

NOTE = "the product has no id, so it is called after its line"
"""Counted for each of them."""

_COLUMN = "\0"
"""The column of ids in a block without one; no file has a column of this name."""

_WORDS = ("line", "row", "record", "product on line")
"""What may stand before the number: the first by which no product of the file's beginning is called."""


@dataclass(frozen=True)
class LineIds:
    """Ids made of a word and the number of the record's line.

    Args:
        word: stands before the number.
    """

    word: str

    def of(self, line: int) -> str:
        """The id of a product without one.

        >>> LineIds("line").of(12)
        'line 12'
        """
        return f"{self.word} {line}"

    def named(self, values: dict[str, Any], line: int) -> bool:
        """Give a record, under our names, an id if it needs one; whether it did.

        A record with neither id nor title belongs to another one, as rows of variants do.
        """
        needs_one = is_missing(values.get("id")) and _has_title(values)
        if needs_one:
            values["id"] = self.of(line)
        return needs_one

    def filled(
        self, plan: ColumnPlan, columns: Mapping[str, Column], lines: Int64Array
    ) -> tuple[ColumnPlan, Mapping[str, Column], Bools]:
        """The columns of N records with the ids that are needed, and which these are: (N,).

        And the plan of these columns: it names one of ids, also where the records have none.
        """
        none = np.zeros(len(lines), dtype=bool)
        # a record with neither belongs to another product, and is refused
        if "id" not in plan.ours and "title" not in plan.ours:
            return plan, columns, none
        # an empty column takes the ids, so that what follows need not ask whether there is one
        if "id" not in plan.ours:
            plan = replace(plan, ours={**plan.ours, "id": _COLUMN})
            columns = {**columns, _COLUMN: pa.nulls(len(lines), pa.string())}
        column = plan.ours["id"]
        needed = _is_missing(columns[column])
        if "title" in plan.ours:
            needed &= ~_is_missing(columns[plan.ours["title"]])
        if not needed.any():
            return plan, columns, none
        ids = [self.of(line) for line in lines[needed].tolist()]
        return plan, {**columns, column: _with(columns[column], needed, ids)}, needed


def find_line_ids(
    parts: ParsedBlock, plan: ColumnPlan, plan_of: Callable[[tuple[str, ...]], ColumnPlan]
) -> LineIds | None:
    """How the products without an id are called; None where so few lack one that these are refused.

    Args:
        parts: the beginning of the file.
        plan: which of its columns is which of ours.
        plan_of: the same for a record with columns of its own.
    """
    if "id" not in plan.ours and "title" not in plan.ours:
        return None
    column = parts.columns.get(plan.ours.get("id", _COLUMN), [None] * len(parts.spans))
    missing = _is_missing(column)
    titled = np.ones(len(missing), dtype=bool)
    if plan.ours.get("title") in parts.columns:
        titled = ~_is_missing(parts.columns[plan.ours["title"]])
    lacking = int((missing & titled).sum())
    if lacking and _are_headings(parts, plan, missing):
        lacking = 0
    others = []
    for _, record in parts.others:
        if isinstance(record, RecordError):
            continue
        values = plan_of(tuple(record)).apply(record)
        if not is_missing(values.get("id")):
            others.append(values["id"])
        # a row without both is a part of another product, and not one without an id
        elif _has_title(values):
            lacking += 1
    there = int((~missing).sum()) + len(others)
    if not lacking or lacking < MIN_SHARE * (lacking + there):
        return None
    return LineIds(_free_word([*python_values(column), *others]))


def _are_headings(parts: ParsedBlock, plan: ColumnPlan, missing: Bools) -> bool:
    """Whether rows without an id have nothing but a title, and nearly all others have more.

    Args:
        parts, plan: as of :func:`find_line_ids`.
        missing: (N,); which rows have no id.
    """
    known = {plan.ours.get("id"), plan.ours.get("title")}
    more = np.zeros(len(missing), dtype=bool)
    for name, column in parts.columns.items():
        if name not in known:
            more |= ~_is_missing(column)
    with_id = more[~missing]
    return len(with_id) > 0 and not more[missing].any() and with_id.mean() >= 1 - MIN_SHARE


def fuller_id_column(
    names: Sequence[str], taken: str, sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """A column that has an id in every row, each of its own, where `taken`, the usual one, lacks many.

    Args:
        names: all columns of the file.
        sample: the first values of a column.
    """
    values = sample(taken)
    lacking = sum(map(is_missing, values))
    if not lacking or lacking < MIN_SHARE * len(values):
        return None
    for name in rivals_of("id", names, {taken}):
        # a column that only counts the rows is no better than their lines
        if is_index(name):
            continue
        others = sample(name)
        distinct = {str(value).strip() for value in others if not is_missing(value)}
        if len(distinct) == len(values):
            return name
    return None


def is_index(name: str) -> bool:
    """Whether a column, by its name, only counts the rows."""
    return normal_name(name) in INDEXES


def _has_title(values: Mapping[str, Any]) -> bool:
    """Whether a record has a title, or comes from a source in which nothing has one."""
    return "title" not in values or not is_missing(values["title"])


def _free_word(ids: Sequence[Any]) -> str:
    """The word by which none of these ids is made."""
    texts = [value for value in ids if isinstance(value, str)]
    for word in _WORDS:
        made = re.compile(rf"\s*{word} \d+\s*")
        if not any(map(made.fullmatch, texts)):
            return word
    # an id that is called like this all the same is refused as one that stands twice
    return _WORDS[-1]


def _is_missing(column: Column) -> Bools:
    """Which of N values are missing: (N,)."""
    if isinstance(column, list):
        return np.fromiter(map(is_missing, column), bool, len(column))
    if pa.types.is_binary(column.type):
        return ~not_null(column)
    texts, _ = as_strings(column)
    # white space alone is nothing
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0)
    return ~not_null(texts) | is_true(blank)


def _with(column: Column, where: Bools, ids: list[str]) -> Column:
    """The column with `ids`, one after the other, in the places `where`."""
    if not isinstance(column, list):
        return pc.replace_with_mask(column, pa.array(where), pa.array(ids, column.type))
    filled = list(column)
    for row, name in zip(np.flatnonzero(where).tolist(), ids, strict=True):
        filled[row] = name
    return filled
