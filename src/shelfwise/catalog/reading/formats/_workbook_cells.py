"""What the cells of a workbook are, beside the values that they show: far off, formulas, errors, merged.

The library that reads workbooks gives nothing for a formula without a value, and for an error. So the XML of
the sheet is looked at, too. Only workbooks of Excel's XML (.xlsx, .xlsm) have it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from shelfwise.catalog.reading.zip_archive import check_expansion
from shelfwise.errors import CatalogError

MAX_EMPTY_CELLS = 20_000_000
"""Cells of the rectangle from A1 to the last row and column, where hardly any of them is filled.

The library makes room for all of them: one cell at the end of a sheet would take 500 GB.
"""

_SPARSE = 20

_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_SHEETS = "xl/worksheets/"

# as the library does, without a look at what entities stand for
_REFERENCE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br\s*=\s*[\"']([A-Za-z]+)([0-9]+)[\"']")
_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*?\br\s*=\s*[\"']([0-9]+)[\"']")
_CELL = re.compile(rb"<(?:\w+:)?c(\s[^>]*[^/>])?>(.*?)</(?:\w+:)?c>", re.DOTALL)
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)<")
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]+)([0-9]+)[\"']")
_KIND = re.compile(rb"\bt\s*=\s*[\"'](\w+)[\"']")
_UNCALCULATED = re.compile(rb"fullCalcOnLoad\s*=\s*[\"'](?:1|true)[\"']")

Range = tuple[tuple[int, int], tuple[int, int]]
"""Row and column of the first and of the last cell, from 0."""


@dataclass(frozen=True)
class OddCells:
    """Cells of a sheet that show something else than they hold.

    Args:
        without_value: names of those with a formula, of which the file does not hold the value.
        errors: names of those with an error.
    """

    without_value: Sequence[str] = ()
    errors: Sequence[str] = ()


def check_size(path: Path) -> None:
    """Refuse a workbook that takes memory without measure before it is read.

    Raises:
        CatalogError: it does, or is damaged.
    """
    try:
        with ZipFile(path) as archive:
            check_expansion(archive, path.stat().st_size)
            for name in archive.namelist():
                if name.startswith(_SHEETS) and name.endswith(".xml"):
                    _check_last_cell(archive.read(name), path)
    except BadZipFile:
        # one of the old kind is no archive; damage is told by what reads it
        return


def _check_last_cell(data: bytes, path: Path) -> None:
    rows = [int(match[1]) for match in _ROW.finditer(data)]
    columns = set()
    cells = 0
    for match in _REFERENCE.finditer(data):
        # letters, which are turned into numbers once a column and not once a cell
        columns.add(match[1])
        rows.append(int(match[2]))
        cells += 1
    last_row = max(rows, default=0)
    last_column = max(map(column_number, columns), default=0) + 1
    # rows are filled up to the last column, so one cell far away costs the whole area
    area = last_row * last_column
    if area > max(MAX_EMPTY_CELLS, _SPARSE * cells):
        raise CatalogError(
            f"{path} has {cells:,} cells and reaches to row {last_row:,} and column {last_column:,}; delete "
            "the empty rows and columns, and save it again"
        )


def odd_cells(path: Path, sheet: str, is_read: Callable[[int, int], bool]) -> OddCells:
    """The odd cells of a sheet.

    Args:
        is_read: whether the cell in a row and column, from 0, is part of a record.
    """
    try:
        with ZipFile(path) as archive:
            data = archive.read(part_of_sheet(archive, sheet))
            uncalculated = _UNCALCULATED.search(archive.read(_BOOK)) is not None
    # of another kind
    except (BadZipFile, KeyError, ParseError, DefusedXmlException, StopIteration):
        return OddCells()
    without_value = []
    errors = []
    for attributes, content in _odd(data):
        place = _PLACE.search(attributes)
        # cells without a name stand one behind the other, as no spreadsheet program writes them
        if place is None or not is_read(int(place[2]) - 1, column_number(place[1])):
            continue
        name = (place[1] + place[2]).decode()
        kind = _KIND.search(attributes)
        value = _VALUE.search(content)
        # an empty text is a value, too
        has_value = value is not None and (value[1] or (kind is not None and kind[1] == b"str"))
        if _FORMULA.search(content) and (uncalculated or not has_value):
            without_value.append(name)
        elif kind is not None and kind[1] == b"e":
            errors.append(name)
    return OddCells(without_value, errors)


def _odd(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Attributes and content of cells with formulas or errors."""
    # most sheets have none, and need not be taken apart
    if not _FORMULA.search(data) and b'"e"' not in data and b"'e'" not in data:
        return
    for match in _CELL.finditer(data):
        attributes = match[1] or b""
        if _FORMULA.search(match[2]) or _KIND.search(attributes):
            yield attributes, match[2]


def part_of_sheet(archive: ZipFile, sheet: str) -> str:
    """The file in a workbook that holds a sheet.

    Raises:
        KeyError: it is no workbook of Excel's XML.
        ParseError: its list of sheets is no XML.
    """
    book = fromstring(archive.read(_BOOK))
    relations = fromstring(archive.read(_RELATIONS))
    targets = {one.get("Id"): one.get("Target", "") for one in relations}
    for element in book.iter():
        if element.tag.rpartition("}")[2] == "sheet" and element.get("name") == sheet:
            # the attribute is r:id, in one of two namespaces
            relation = next(v for k, v in element.attrib.items() if k.rpartition("}")[2] == "id")
            return posixpath.normpath(posixpath.join("/xl", targets[relation])).lstrip("/")
    raise KeyError(sheet)


def fill_merged(rows: Sequence[list[Any]], first: int, merged: Collection[Range]) -> None:
    """Give every row of a merged cell the value that it shows.

    Args:
        rows: of the sheet; they are changed.
        first: the first row with a record.
    """
    for (top, column), (bottom, _) in merged:
        for row in range(top + 1, min(bottom + 1, len(rows))):
            if top >= first:
                rows[row][column] = rows[top][column]


def hidden_columns(
    rows: Sequence[Sequence[Any]], header: int, merged: Collection[Range]
) -> tuple[str, str] | None:
    """The first and the last column below a merged cell of the header, if several of them are filled."""
    for (top, left), (bottom, right) in merged:
        if not top <= header <= bottom or left == right:
            continue
        values = (cell for row in rows[header + 1 :] for cell in row[left + 1 : right + 1])
        if any(str(value).strip() for value in values):
            return column_letters(left), column_letters(right)
    return None


def column_number(letters: bytes) -> int:
    """
    >>> column_number(b"A"), column_number(b"AB")
    (0, 27)
    """
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number - 1


def column_letters(number: int) -> str:
    """
    >>> column_letters(0), column_letters(27)
    ('A', 'AB')
    """
    letters = ""
    number += 1
    while number:
        number, place = divmod(number - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters
