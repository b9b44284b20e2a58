"""The categories in a workbook changed (.xlsx, .xlsm): cells of one sheet, everything else as it was.

A workbook is a zip archive of XML files. Cells are replaced in the one of the sheet that is read, so that
styles, formulas, pictures, other sheets and macros stay to the last byte.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError

from shelfwise.catalog.reading.formats._sheet_table import (
    SheetTable,
    header_names,
    plain,
    sheet_table,
)
from shelfwise.catalog.reading.formats._workbook_cells import (
    column_letters,
    column_number,
    part_of_sheet,
)
from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.catalog.write_back.containers import with_member
from shelfwise.catalog.write_back.edits import Edit, edited
from shelfwise.catalog.write_back.xml_places import Element, each_record
from shelfwise.errors import CatalogError

_SIGNED = "_xmlsignatures/"
_PLACE = re.compile(r"([A-Z]+)(\d+)")


def rewrite_workbook(path: Path, columns: Mapping[str, str], place: ChangedColumns) -> bytes:
    """A workbook with other categories.

    Args:
        columns: our field -> the file's name, where the settings name it.

    Raises:
        CatalogError: it is of another kind, is signed, or has formulas for categories.
    """
    table = sheet_table(path, frozenset(columns.values()))
    packed = path.read_bytes()
    try:
        with ZipFile(io.BytesIO(packed)) as archive:
            if any(name.startswith(_SIGNED) for name in archive.namelist()):
                raise CatalogError("it is signed, and a change would break its signature")
            part = part_of_sheet(archive, table.sheet)
            data = archive.read(part)
    except (BadZipFile, KeyError, ParseError, DefusedXmlException, StopIteration):
        kind = "only workbooks of the kind .xlsx or .xlsm are written back: save it as one of these"
        raise CatalogError(kind) from None
    sheet = _Sheet(data, table, place)
    each_record(data, lambda name: name == "row", sheet.change)
    after = edited(data, sheet.edits)
    return packed if after == data else with_member(packed, part, after)


class _Sheet:
    """The edits of one sheet."""

    def __init__(self, data: bytes, table: SheetTable, place: ChangedColumns) -> None:
        self.data = data
        self.table = table
        self.place = place
        self.edits: list[Edit[bytes]] = []
        self._row = 0
        names = header_names(table)
        self._identity = names.index(place.identity)
        self._is_new = place.names[0] not in names
        # a new column stands behind the last one with a name
        columns = [len(names)] if self._is_new else list(map(names.index, place.names))
        self._columns = dict(zip(place.names, columns, strict=True))

    def change(self, row: Element) -> None:
        """Note what is to be changed in a row."""
        # rows and cells without a number follow the one before
        self._row = int(row.attributes.get("r", self._row + 1))
        place = self._row - 1
        if self._is_new and place == self.table.header:
            (name,) = self.place.names
            self._write(row, self._columns[name], name)
        if place <= self.table.last or place >= len(self.table.rows):
            return
        old = [self._value(place, column) for column in self._columns.values()]
        # the only column is one of texts, and an empty cell an empty text
        if len(old) == 1 and old[0] is None:
            old = [""]
        changed = self.place.changes(self._value(place, self._identity), self._row, old)
        # edits come in the order of their places
        for name in sorted(changed, key=self._columns.__getitem__):
            self._write(row, self._columns[name], changed[name])

    def _value(self, row: int, column: int) -> object:
        cells = self.table.rows[row]
        return plain(cells[column]) if column < len(cells) else None

    def _write(self, row: Element, column: int, value: object) -> None:
        """Put a value into a cell of the row.

        Raises:
            CatalogError: a formula stands there, or a cell without a name above it.
        """
        # cells further on may follow the new one
        stop = row.inner
        number = -1
        for cell in row.children:
            match = _PLACE.fullmatch(cell.attributes.get("r", ""))
            # a cell without a place follows the one before
            number = column_number(match[1].encode()) if match else number + 1
            if number > column:
                break
            stop = cell.end
            if number == column:
                self._replace(cell, f"{column_letters(column)}{self._row}", value)
                return
        reference = f"{column_letters(column)}{self._row}"
        self.edits.append(Edit(stop, stop, self._cell(row, reference, None, value)))

    def _replace(self, cell: Element, reference: str, value: object) -> None:
        where = f"the cell {reference}"
        if any(one.name == "f" for one in cell.children):
            raise CatalogError(f"{where} is a formula; write its value there first")
        if self._is_new and cell.children:
            raise CatalogError(f"{where} is filled, but its column has no name; give it one")
        new = self._cell(cell, reference, cell.attributes.get("s"), value)
        self.edits.append(Edit(cell.begin, cell.end, new))

    def _cell(self, like: Element, reference: str, style: str | None, value: object) -> bytes:
        """A cell with its text in itself, which all programs read; numbers and truth stay what they are.

        Args:
            like: an element of the sheet, whose prefix the new ones get.
        """
        # what stands between < and the first blank or >
        tag = self.data[like.begin + 1 : like.inner].split(b">")[0]
        name = tag.split()[0].decode()
        prefix = name.rpartition(":")[0]
        prefix = f"{prefix}:" if prefix else ""
        # the cell keeps its style, such as its colour
        styled = f' s="{style}"' if style else ""
        opening = f'<{prefix}c r="{reference}"{styled}'
        if value is None or value == "":
            return f"{opening}/>".encode()
        if isinstance(value, int | float):
            kind = ' t="b"' if isinstance(value, bool) else ""
            # true and false are kept as 1 and 0
            number = int(value) if isinstance(value, bool) else value
            return f"{opening}{kind}><{prefix}v>{number}</{prefix}v></{prefix}c>".encode()
        shown = html.escape(str(value), quote=False)
        inside = f'<{prefix}is><{prefix}t xml:space="preserve">{shown}</{prefix}t></{prefix}is>'
        return f'{opening} t="inlineStr">{inside}</{prefix}c>'.encode()
