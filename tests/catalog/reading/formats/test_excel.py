"""Workbooks: the first sheet with rows, its first row the header."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from shelfwise.catalog.reading.detection.format_detection import detect_format
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.errors import CatalogError, PluginError

pytest.importorskip("python_calamine")

HEADER = ["id", "title", "price", "ean", "since", "new"]


def workbook(folder: Path, rows: list[list[Any]], name: str = "shop.xlsx") -> Path:
    """A workbook whose second sheet has the rows."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("products")
    for row in rows:
        sheet.append(row)
    path = folder / name
    book.save(path)
    return path


@pytest.mark.parametrize("name", ["shop.xlsx", "shop", "shop.csv"])
def test_cells_keep_what_they_hold(tmp_path: Path, name: str) -> None:
    rows = [
        HEADER,
        ["007", "Théière", 4.5, 4006381333931, datetime(2024, 1, 2), True],
        ["008", "Cup", 4, None, datetime(2024, 1, 2, 3, 4), None],
    ]
    path = workbook(tmp_path, rows, "shop.xlsx")
    reading = read_catalog(path.rename(tmp_path / name))
    assert reading.format == "excel"
    assert reading.catalog.ids == ["007", "008"]
    assert reading.catalog.column("title") == ["Théière", "Cup"]
    assert reading.catalog.column("price") == [4.5, 4.0]
    assert reading.catalog.column("ean") == ["4006381333931", None]
    assert reading.catalog.column("since") == ["2024-01-02", "2024-01-02T03:04:00"]


def test_numbers_as_ids_are_whole(tmp_path: Path) -> None:
    reading = read_catalog(
        workbook(tmp_path, [["id", "title"], [4006381333931, "Mug"], [12.0, "Pen"]])
    )
    assert reading.catalog.ids == ["4006381333931", "12"]


def test_the_line_of_a_refused_row_is_its_row(tmp_path: Path) -> None:
    rows = [[], ["id", "title"], ["1", "Mug"], [None, None], ["1", "Pen"]]
    reading = read_catalog(workbook(tmp_path, rows))
    (refused,) = reading.quarantine
    assert (refused.line, refused.kind, refused.raw) == (
        5,
        "duplicate id",
        b'{"id":"1","title":"Pen"}\n',
    )


def test_the_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"title": ["Mug", "Pen"]}, index=["a", "b"]).to_excel(tmp_path / "shop.xlsx")
    assert read_catalog(tmp_path / "shop.xlsx").catalog.ids == ["a", "b"]


def test_one_clear_error_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CatalogError, match="names 'title' more than once"):
        read_catalog(workbook(tmp_path, [["id", "title", "title"], [1, 2, 3]]))
    with pytest.raises(CatalogError, match="0 records"):
        read_catalog(workbook(tmp_path, []))
    path = workbook(tmp_path, [HEADER])
    whole = path.read_bytes()
    path.write_bytes(whole[:900])
    with pytest.raises(CatalogError, match="is damaged"):
        read_catalog(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600)
    with pytest.raises(CatalogError, match="cannot be read as a workbook"):
        read_catalog(path)
    path.write_bytes(whole)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    assert detect_format(path) == "excel"
    with pytest.raises(PluginError, match=r"pip install 'shelfwise\[excel\]'"):
        read_catalog(path)


def test_dates_where_there_are_none_are_told(tmp_path: Path) -> None:
    rows = [
        ["id", "title", "category", "since"],
        ["A-1", "Mug", date(2026, 4, 3), date(2026, 1, 1)],
        ["A-2", "Pen", "5-6", date(2026, 1, 2)],
    ]
    told = read_catalog(workbook(tmp_path, rows)).reading.evidence
    assert [one for one in told if "dates" in one or "a date" in one] == [
        "category: a cell holds a date, such as C2 (2026-04-03); spreadsheets make them of texts "
        "such as 3-4, and only what they made is in the file: format the column as text and write them again"
    ]


def test_a_second_table_below_is_no_products(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["id", "title", "category"],
        ["7", "Mug", "Mugs"],
        ["8", "Lamp", "Lamps"],
    ]
    below: list[list[Any]] = [[None], ["category", "owner"], ["Mugs", "Ann"], ["Lamps", "Ann"]]
    result = read_catalog(workbook(tmp_path, rows + below))
    assert result.catalog.ids == ["7", "8"]
    told = "workbook: another table begins in row 5 (category, owner); it is not read"
    assert told in result.reading.evidence
    # with a title of its own, and names that are usual
    below = [[None], ["Codes"], ["code", "name"], ["c1", "Mugs"], ["c2", "Lamps"]]
    result = read_catalog(workbook(tmp_path, rows + below))
    assert result.catalog.ids == ["7", "8"]
    # a blank row within one table ends nothing
    again = [*rows, [None], ["9", "Pan", "Mugs"]]
    assert read_catalog(workbook(tmp_path, again)).catalog.ids == ["7", "8", "9"]
