"""Workbooks of Excel and LibreOffice: the first sheet with the names of columns. They are read whole.

A record's line is its row in the sheet; its bytes are its cells as JSON. What a cell shows only by its number
format, such as the zeros in front of 00042, is not in the file: write ids as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.file_format import BY_NAME, CERTAIN
from shelfwise.catalog.reading.formats._as_lines import BLANK, blocks_of
from shelfwise.catalog.reading.formats._column_names import distinct_names
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat
from shelfwise.catalog.reading.formats._sheet_table import (
    SheetTable,
    header_names,
    plain,
    sheet_table,
)
from shelfwise.config import CatalogSettings

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARTS = (
    b"[Content_Types].xml",
    b"docProps/",
    b"xl/",
    b"application/vnd.oasis.opendocument.spreadsheet",
)
"""Names of files in a workbook, which is a zip archive."""


class Excel(JsonLinesFormat):
    """Rows of the first sheet that has the names of a catalogue's columns, else of the first with any."""

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
        table = sheet_table(path, frozenset(settings.columns.values()))
        advance(path.stat().st_size)
        written = header_names(table)
        names, told = distinct_names(written, f"the header of {path}")
        # pandas leaves the header of its index blank, in the first column; others without one are notes
        named = [name if name or not place else None for place, name in enumerate(written)]
        columns = [None if name is None else own for name, own in zip(named, names, strict=True)]
        return cls(settings.columns, table.sentences + told), blocks_of(_records(table, columns))


def _records(table: SheetTable, names: Sequence[str | None]) -> Iterator[Any]:
    """The rows as dictionaries by the header's names.

    The header, what stands above it, and blank rows are blank lines, so that a record's line is its row.

    Args:
        names: of the columns; None where a column is left out.
    """
    for place, row in enumerate(table.rows):
        cells = list(map(plain, row))
        if place <= table.last or all(cell is None for cell in cells):
            yield BLANK
        else:
            named = zip(names, cells, strict=False)
            yield {name: cell for name, cell in named if name is not None}
