"""Numbers that a workbook shows with zeros in front keep these."""

from __future__ import annotations

from pathlib import Path

import openpyxl

from shelfwise.catalog.reading.reader import read_catalog


def test_numbers_keep_the_zeros_that_their_cells_show(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["id", "title", "price", "code"], [42, "Mug", 4, 7], ["0043", "Lamp", 5.5, 8]):
        sheet.append(row)
    for cell in ("A2", "A3", "D2"):
        sheet[cell].number_format = "00000"
    sheet["C2"].number_format = "0.00"
    book.save(tmp_path / "shop.xlsx")
    catalog = read_catalog(tmp_path / "shop.xlsx").catalog
    assert catalog.ids == ["00042", "0043"]
    assert catalog.column("code") == ["00007", "8"]
    assert catalog.column("price") == [4.0, 5.5]
