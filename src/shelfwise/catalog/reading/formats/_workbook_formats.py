"""Numbers that a workbook shows with zeros in front, by the format of their cells.

``00042`` may be the number 42 in a cell of the format ``00000``. Only workbooks of Excel's XML are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from shelfwise.catalog.reading.formats._workbook_cells import column_number, part_of_sheet

_STYLES = "xl/styles.xml"
_ZEROS = re.compile(r"0{2,}")
"""A format that is nothing but zeros: at least so many digits are shown."""

_STYLED = re.compile(rb"<(?:\w+:)?c\s([^>]*)>")
_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]+)([0-9]+)[\"']")
_STYLE = re.compile(rb"\bs\s*=\s*[\"']([0-9]+)[\"']")

Cell = tuple[int, int]
"""Row and column, from 0."""


def digits_shown(path: Path, sheet: str) -> Mapping[Cell, int]:
    """The cells of a sheet whose numbers are shown with zeros in front -> how many digits they show."""
    try:
        with ZipFile(path) as archive:
            digits = _digits_of_styles(archive.read(_STYLES))
            data = archive.read(part_of_sheet(archive, sheet)) if digits else b""
    # of another kind
    except (BadZipFile, KeyError, ParseError, DefusedXmlException, StopIteration):
        return {}
    shown: dict[Cell, int] = {}
    for match in _STYLED.finditer(data):
        style = _STYLE.search(match[1])
        place = _PLACE.search(match[1])
        if style is not None and place is not None and int(style[1]) in digits:
            shown[int(place[2]) - 1, column_number(place[1])] = digits[int(style[1])]
    return shown


def _digits_of_styles(data: bytes) -> Mapping[int, int]:
    """Number of a style -> digits, of the styles with a format of nothing but zeros.

    Raises:
        ParseError: it is no XML.
    """
    widths: dict[str, int] = {}
    digits: dict[int, int] = {}
    for element in fromstring(data).iter():
        name = element.tag.rpartition("}")[2]
        if name == "numFmt" and _ZEROS.fullmatch(element.get("formatCode", "")):
            widths[element.get("numFmtId", "")] = len(element.get("formatCode", ""))
        elif name == "cellXfs":
            # the formats stand before the styles that use them
            for number, style in enumerate(element):
                width = widths.get(style.get("numFmtId", ""))
                if width is not None:
                    digits[number] = width
    return digits
