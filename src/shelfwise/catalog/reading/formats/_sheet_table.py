"""The sheet of a workbook that is read: its rows, its header, and whether it holds what its cells show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelfwise.catalog.reading.formats._header import (
    MAX_SEARCHED,
    find_header,
    knows_names,
    told_header,
    unknown_header,
)
from shelfwise.catalog.reading.formats._second_table import rows_of_first_table
from shelfwise.catalog.reading.formats._workbook_cells import (
    Range,
    check_size,
    fill_merged,
    hidden_columns,
    odd_cells,
)
from shelfwise.catalog.reading.formats._workbook_dates import told_dates
from shelfwise.catalog.reading.formats._workbook_formats import digits_shown
from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.errors import CatalogError, PluginError

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

_SHEETS_LISTED = 3
"""Of those that are not read."""

_MAX_EXACT = 10**15
"""Cells keep fifteen digits of a number."""


@dataclass(frozen=True)
class SheetTable:
    """The rows of one sheet.

    Args:
        rows: all rows of the sheet, those above the first one filled too.
        header: place of the row with the names of the columns; None where no row has a cell.
        last: of the last row that is no record.
        sentences: what a user is told.
        sheet: its name; empty where no sheet has rows.
    """

    rows: list[list[Any]]
    header: int | None = None
    last: int = -1
    sentences: tuple[str, ...] = ()
    sheet: str = ""


def sheet_table(path: Path, columns: Collection[str]) -> SheetTable:
    """The rows of the first sheet that has the names of a catalogue's columns, else the first with rows.

    Raises:
        CatalogError: its header cannot be told.
    """
    check_size(path)
    book = _workbook(path)
    taken = _taken_sheet(book, columns, path)
    if taken is None:
        return SheetTable([])
    told = _told_sheet(taken.name, _sheet_names(book))
    table = replace(_with_header(taken.rows, told, columns, path), sheet=taken.name)
    # before anything is compared: the sheet shows 007 where the file holds 7
    _show_zeros(table, path)
    if table.header is not None:
        _undo_merging(table, taken.merged, path)
        count, below = rows_of_first_table(list(map(_texts, table.rows)), table.header, table.last)
        table = replace(table, rows=table.rows[:count], sentences=(*table.sentences, *below))
    return _with_values(table, path)


@dataclass(frozen=True)
class _Sheet:
    name: str
    rows: list[list[Any]]
    merged: Sequence[Range]


def _taken_sheet(book: CalamineWorkbook, columns: Collection[str], path: Path) -> _Sheet | None:
    """The sheet that is read; None where none has rows.

    Raises:
        CatalogError: one cannot be read.
    """
    from python_calamine import CalamineError

    taken: _Sheet | None = None
    for name in _sheet_names(book):
        try:
            sheet = book.get_sheet_by_name(name)
            # a diagram on a sheet of its own has no cells
            if not sheet.height:
                continue
            rows = sheet.to_python(skip_empty_area=False)
        except CalamineError as error:
            raise _unreadable(path, error) from None
        # a sheet of notes may come before the one with the table
        has_header = any(knows_names(_texts(rows[i]), columns) for i in _first_filled(rows))
        if taken is None or has_header:
            taken = _Sheet(name, rows, sheet.merged_cell_ranges or ())
        if has_header:
            break
    return taken


def _show_zeros(table: SheetTable, path: Path) -> None:
    """Make texts of the numbers that are shown with zeros in front."""
    for (row, column), digits in digits_shown(path, table.sheet).items():
        inside = row < len(table.rows) and column < len(table.rows[row])
        value = plain(table.rows[row][column]) if inside else None
        if isinstance(value, int) and not isinstance(value, bool):
            table.rows[row][column] = f"{value:0{digits}d}"


def _undo_merging(table: SheetTable, merged: Sequence[Range], path: Path) -> None:
    """Give each record what its merged cells show.

    Raises:
        CatalogError: a cell of the header stands for several columns with values.
    """
    assert table.header is not None
    hidden = hidden_columns(table.rows, table.header, merged)
    if hidden:
        name = f"{hidden[0]}{table.header + 1}"
        raise CatalogError(
            f"the cell {name} in the header of {path} is merged over the columns {hidden[0]} to "
            f"{hidden[1]}, so that they have no names of their own; give each a name"
        )
    fill_merged(table.rows, table.last + 1, merged)


def _with_values(table: SheetTable, path: Path) -> SheetTable:
    """The table, where the file holds what its cells show.

    Raises:
        CatalogError: it does not hold the value of a formula.
    """
    # cells beside the columns that are read may hold anything
    names = header_names(table)

    def is_read(row: int, column: int) -> bool:
        return row > table.last and column < len(names) and bool(names[column])

    odd = odd_cells(path, table.sheet, is_read)
    if odd.without_value:
        more = len(odd.without_value) - 1
        others = f" (and {more:,} more)" if more else ""
        raise CatalogError(
            f"the cell {odd.without_value[0]}{others} of {path} is a formula, and the file does not hold its "
            "value; open it in a spreadsheet program, save it there, and read it again"
        )
    table = replace(
        table, sentences=(*table.sentences, *told_dates(table.rows, table.last + 1, names))
    )
    if not odd.errors:
        return table
    count = len(odd.errors)
    cells = f"{count:,} cells hold errors" if count > 1 else "a cell holds an error"
    told = f"workbook: {cells} such as #N/A, the first of them {odd.errors[0]}; they count as empty"
    return replace(table, sentences=(*table.sentences, told))


def _with_header(
    rows: list[list[Any]], told: tuple[str, ...], columns: Collection[str], path: Path
) -> SheetTable:
    """The rows of a sheet with their header.

    Args:
        told: what a user is told of the sheet.

    Raises:
        CatalogError: the header cannot be told.
    """
    filled = _first_filled(rows)
    if not filled:
        return SheetTable(rows)
    found = find_header([_texts(rows[i]) for i in filled], columns)
    if found is None:
        raise CatalogError(unknown_header(str(path)))
    header = filled[found.place]
    # rows are counted from 1, as the program that shows them does
    others = [i + 1 for i in filled[: found.last + 1] if i != header]
    if others:
        told += (told_header(header + 1, others),)
    return SheetTable(rows, header, filled[found.last], told)


def _sheet_names(book: CalamineWorkbook) -> list[str]:
    """The sheets that hold cells and are shown."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    shown = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]
    return shown or list(book.sheet_names)


def _told_sheet(taken: str, names: Sequence[str]) -> tuple[str, ...]:
    """Which sheet is read, where there are several."""
    others = [repr(name) for name in names if name != taken]
    if not others:
        return ()
    listed = ", ".join(others[:_SHEETS_LISTED])
    more = ", ..." if len(others) > _SHEETS_LISTED else ""
    return (f"workbook: the sheet {taken!r} is read, and not {listed}{more}",)


def _first_filled(rows: Sequence[Sequence[Any]]) -> list[int]:
    """The places of the first rows that have a filled cell."""
    filled = (i for i, row in enumerate(rows) if any(plain(cell) is not None for cell in row))
    return list(islice(filled, MAX_SEARCHED))


def _texts(row: Sequence[Any]) -> list[str]:
    """The cells of a row as texts, up to the last one filled."""
    cells = [plain(cell) for cell in row]
    texts = ["" if cell is None else str(cell).strip() for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _workbook(path: Path) -> CalamineWorkbook:
    try:
        from python_calamine import CalamineError, load_workbook
    except ModuleNotFoundError:
        reason = "reading a workbook needs the library 'python-calamine', which is not installed"
        raise PluginError(f"{reason}; pip install 'shelfwise[excel]'") from None
    try:
        return load_workbook(str(path))
    except (CalamineError, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> CatalogError:
    found = f"{path} cannot be read as a workbook ({first_line(error)})"
    return CatalogError(f"{found}; save it again without a password, or as CSV UTF-8")


def header_names(table: SheetTable) -> list[str]:
    """The names of the columns, up to the last one; none of a table without a header."""
    return [] if table.header is None else _texts(table.rows[table.header])


def plain(cell: Any) -> Any:
    """A cell as JSON has it: whole numbers as integers, dates as ISO text, blank ones as None."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _MAX_EXACT:
        return int(cell)
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, str) and not cell.strip():
        return None
    return cell
