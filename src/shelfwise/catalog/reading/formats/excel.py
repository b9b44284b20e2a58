"""Workbooks of Excel and LibreOffice: the first sheet with rows, under a header. They are read whole.

A record's line is its row in the sheet; its bytes are its cells as JSON. What a cell shows only by its number
format, such as the zeros in front of 00042, is not in the file: write ids as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.file_format import BY_NAME, CERTAIN
from shelfwise.catalog.reading.formats._as_lines import BLANK, blocks_of
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat
from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, PluginError

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARTS = (
    b"[Content_Types].xml",
    b"docProps/",
    b"xl/",
    b"application/vnd.oasis.opendocument.spreadsheet",
)
"""Names of files in a workbook, which is a zip archive."""

_MAX_EXACT = 1 << 53
"""Cells hold floating point numbers, which are exact up to here."""


class Excel(JsonLinesFormat):
    """Rows of the first sheet that has any."""

    suffixes: ClassVar[Mapping[str, float]] = {".xlsx": BY_NAME, ".xlsm": BY_NAME, ".xlsb": BY_NAME}
    bytes_on_disk: ClassVar[bool] = False

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """A workbook is a zip archive with files of its own; old ones begin with eight bytes of their own."""
        is_new = start.startswith(_ZIP) and any(part in start for part in _PARTS)
        return CERTAIN if is_new or start.startswith(_OLD_EXCEL) else 0.0

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The rows of a workbook.

        Raises:
            CatalogError: it cannot be read, or its header names a column twice.
            PluginError: the library is missing.
        """
        rows = _rows(path)
        advance(path.stat().st_size)
        return cls(settings.columns), blocks_of(_records(rows, path))


def _rows(path: Path) -> list[list[Any]]:
    """The rows of the first sheet that has any, those above the first one filled too."""
    book = _workbook(path)
    for number in range(len(book.sheet_names)):
        sheet = book.get_sheet_by_index(number)
        # a diagram on a sheet of its own has no cells
        if sheet.height:
            return sheet.to_python(skip_empty_area=False)
    return []


def _workbook(path: Path) -> CalamineWorkbook:
    try:
        from python_calamine import CalamineError, load_workbook
    except ModuleNotFoundError:
        reason = "reading a workbook needs the library 'python-calamine', which is not installed"
        raise PluginError(f"{reason}; pip install 'shelfwise[excel]'") from None
    try:
        return load_workbook(str(path))
    except (CalamineError, OSError) as error:
        found = f"{path} cannot be read as a workbook ({first_line(error)})"
        raise CatalogError(f"{found}; save it again without a password, or as CSV UTF-8") from None


def _records(rows: Iterable[list[Any]], path: Path) -> Iterator[Any]:
    """The rows as dictionaries by the header's names.

    The header and blank rows are blank lines, so that a record's line is its row.

    Raises:
        CatalogError: the header names a column twice.
    """
    names: list[str] | None = None
    for row in rows:
        cells = list(map(_plain, row))
        if all(cell is None for cell in cells):
            yield BLANK
        elif names is None:
            names = [str(cell if cell is not None else "").strip() for cell in cells]
            _check_names(names, path)
            yield BLANK
        else:
            named = zip(names, cells, strict=False)
            # pandas leaves the header of its index blank, in the first column; others without one are notes
            yield {name: cell for number, (name, cell) in enumerate(named) if name or number == 0}


def _check_names(names: list[str], path: Path) -> None:
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        shown = ", ".join(map(repr, repeated))
        raise CatalogError(
            f"the header of {path} names {shown} more than once; give every column its own name"
        )


def _plain(cell: Any) -> Any:
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
