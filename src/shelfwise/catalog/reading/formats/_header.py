"""Which of a table's first rows has the names of the columns.

Mostly the first. Some exports put a title, a comment or the names that people read above it, or below.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shelfwise.catalog.reading.columns.column_mapping import plain_names
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.columns.written_words import word_set
from shelfwise.catalog.reading.formats._hint_rows import count_hint_rows

MAX_SEARCHED = 30
"""Rows with cells among which the names are looked for."""

_LONGEST_NAME = 80
"""Letters; what is longer is no name of a column."""

_MIN_KNOWN = 3
"""Names of ours from which on a row is surely one of names; fewer, where it has no others."""

_FEW = 0.5
"""Up to this share of the header's cells a row above it may have: it is a title, and no record."""

_MIN_ROWS = 2
"""Rows of equal width that show how wide the table is."""

FIELDS_BY_NAME = {name: field for field, names in SYNONYMS.items() for name in names if name}
_NUMBER = re.compile(r"[\W_]*\d[\d\W]*")
_URL = re.compile(r"(?i)(?:https?:)?//")
_COMMENT = ("#", "//", "--")
_MACHINE_NAME = re.compile(r"[a-z0-9_:.\-\[\]=#]+")
"""Names for programs; those for people have blanks and capitals."""

_RULE = re.compile(r"[-=_+*:|\s]+")
"""A cell of a line that is drawn below the names."""

_UNITS = word_set(
    """
    text string str varchar char number numeric integer int float decimal double bool boolean date
    datetime url list path json eur usd gbp chf € $ £ % kg g mm cm m l ml pcs stk stück required
    optional mandatory pflicht conditional
    """
)
"""What stands below the names where a row says how the columns are filled."""

Row = Sequence[str]
"""The cells of a row without surrounding blanks; its length is how far the row reaches."""


@dataclass(frozen=True)
class Header:
    """Where the names of the columns are.

    Args:
        place: of their row among the rows that were searched.
        last: of the last row that is no record; what follows are records.
    """

    place: int
    last: int


def find_header(rows: Sequence[Row], columns: Collection[str]) -> Header | None:
    """The row that has the names; None where it cannot be told.

    Args:
        rows: the first ones that have a filled cell, at least one.
        columns: names of columns that the settings tell.
    """
    known = [_known(row, columns) for row in rows]
    place = _most_known(rows, known)
    if place is None:
        return None
    # names for people and names for programs may stand one below the other
    block = [place]
    while block[-1] + 1 < len(rows) and _is_surely_names(rows[block[-1] + 1], known[block[-1] + 1]):
        block.append(block[-1] + 1)
    while block[0] > 0 and _is_surely_names(rows[block[0] - 1], known[block[0] - 1]):
        block.insert(0, block[0] - 1)
    # groups of columns may be called like columns, and stand above their names
    place = max(block, key=lambda i: (len(_filled(rows[i])), i == place))
    last = block[-1]
    while last + 1 < len(rows) and (
        _says_how_to_fill(rows[last + 1]) or _names_the_index(rows[place], rows[last + 1])
    ):
        last += 1
    # rows that tell how to fill the columns are no products
    last += count_hint_rows(rows[last + 1 :])
    # the names for programs are the same in every language
    for_programs = [i for i in block if all(map(_MACHINE_NAME.fullmatch, _filled(rows[i])))]
    if len(for_programs) == 1:
        place = for_programs[0]
    return Header(place, last)


def best_delimiter(tables: Mapping[str, Sequence[Row]], columns: Collection[str]) -> str:
    """What stands between fields, by what the rows are when it does.

    Args:
        tables: each delimiter with the rows that it makes; what the first line has most of comes first.
        columns: names of columns that the settings tell.
    """
    known = {sign: max(_known(row, columns) for row in rows) for sign, rows in tables.items()}
    likely = [sign for sign in tables if known[sign] == max(known.values())]
    # the first line tells, unless it is a title
    if len(tables[likely[0]][0]) > 1:
        return likely[0]
    return max(likely, key=lambda sign: _rows_of_usual_width(tables[sign]))


def knows_names(row: Row, columns: Collection[str]) -> bool:
    """Whether a row has two names of ours or more, and more than one cell."""
    return _known(row, columns) > 1


def told_header(line: int, others: Sequence[int]) -> str:
    """The sentence that tells a user which line has the names.

    Args:
        line: of the names.
        others: lines that are no records either.
    """
    found = f"header: the columns are named in line {line}"
    if len(others) == 1:
        return f"{found}; line {others[0]} is no record"
    listed = ", ".join(map(str, others[:-1]))
    return f"{found}; lines {listed} and {others[-1]} are no records"


def unknown_header(where: str) -> str:
    """The sentence that asks a user for a header."""
    return (
        f"the header of {where} cannot be found: the first lines are no table, and none of those below "
        "surely has the names of the columns; delete the lines above the header, or put the names of the "
        "columns in the first line"
    )


def _most_known(rows: Sequence[Row], known: Sequence[int]) -> int | None:
    """The row with the most names of ours, if what stands above it is no record; else the first.

    None where neither can be it.
    """
    best = max(range(len(rows)), key=lambda i: known[i])
    # one known word among others may as well be a value
    if known[0] == 0 and known[best] <= 1:
        return _first_of_usual_width(rows)
    # one known word alone in its row may as well be a title
    first_is_names = known[0] > 1 or (known[0] == 1 and (known[best] == 1 or len(rows[0]) > 1))
    if best == 0 or (first_is_names and known[best] < known[0] + _MIN_KNOWN - 1):
        return 0
    above = range(best)
    if all(_is_above(rows[i], known[i], rows[best]) for i in above):
        return best
    return 0 if known[0] else None


def _first_of_usual_width(rows: Sequence[Row]) -> int | None:
    """The first row that is as wide as most, where the first of all is too narrow to be a header.

    None where the row found does not look like names.
    """
    width, count = _usual_width(rows[1:])
    # a table of two columns, of which the first only counts the rows, has one name as a title has
    is_title = len(_filled(rows[0])) <= _FEW * width and rows[0][1:] != _filled(rows[0])
    if count < _MIN_ROWS or not is_title:
        return 0
    place = next(i for i, row in enumerate(rows) if i and len(row) == width)
    names = rows[place]
    distinct = len(set(names)) == len(names) and all(names)
    return place if distinct and may_be_names(names) else None


def _usual_width(rows: Sequence[Row]) -> tuple[int, int]:
    """The width that most rows have, and how many have it; the greater of equally frequent ones."""
    widths = Counter(map(len, rows))
    if not widths:
        return 0, 0
    return max(widths.items(), key=lambda item: (item[1], item[0]))


def _rows_of_usual_width(rows: Sequence[Row]) -> int:
    """How many rows have the same number of cells, more than one."""
    width, count = _usual_width(rows)
    return count if width > 1 else 0


def _is_above(row: Row, known: int, header: Row) -> bool:
    """Whether a row above the header is a title, a comment, or one of names, too."""
    cells = _filled(row)
    few = len(cells) <= _FEW * len(_filled(header)) or len(row) < len(header)
    # names of groups of columns stand once for each column, or over the first of them
    few |= len(set(cells)) < len(cells) or len(cells) < len(_filled(header))
    return few or cells[0].startswith(_COMMENT) or _is_surely_names(row, known)


def _is_surely_names(row: Row, known: int) -> bool:
    """Whether so many of its names are ours that a row is no record."""
    return known >= _MIN_KNOWN or (known > 1 and known == len(_filled(row)))


def _says_how_to_fill(row: Row) -> bool:
    """Whether a row below the names is a drawn line, or has nothing but units and types."""
    cells = _filled(row)
    return all(_RULE.fullmatch(cell) or cell.lower().strip("()[]") in _UNITS for cell in cells)


def _names_the_index(header: Row, row: Row) -> bool:
    """Whether a row below a header without a first name has nothing but this one, as pandas writes it."""
    return not header[0] and _filled(row) == [row[0]]


def surplus_fields(header: Row, rows: Sequence[Row]) -> int:
    """How many blank fields more than the header most rows end with; below 0 where they lack unnamed columns.

    One row alone with a delimiter too many may have it anywhere, and is none of these.

    Args:
        rows: the first ones below the header.
    """
    surplus, count = (
        Counter(len(row) - len(header) for row in rows).most_common(1)[0] if rows else (0, 0)
    )
    if count < _MIN_ROWS or count <= _FEW * len(rows):
        return 0
    # a field with something in it is a value without a column
    ends = [row[len(header) :] for row in rows if len(row) - len(header) == surplus]
    if surplus > 0 and any(any(end) for end in ends):
        return 0
    return 0 if surplus < 0 and any(header[surplus:]) else surplus


def _known(row: Row, columns: Collection[str]) -> int:
    """How many of our fields the cells of a row name; 0 where a cell can be no name."""
    cells = _filled(row)
    if not may_be_names(cells):
        return 0
    fields = {FIELDS_BY_NAME.get(plain) for cell in cells for plain in plain_names(cell)} - {None}
    return len(fields) + sum(cell in columns for cell in cells)


def may_be_names(cells: Row) -> bool:
    """Whether none of the cells, as the names of columns, is a number, a URL or a long text."""
    return not any(
        len(cell) > _LONGEST_NAME or _NUMBER.fullmatch(cell) or _URL.match(cell) for cell in cells
    )


def _filled(row: Row) -> list[str]:
    return [cell for cell in row if cell]
