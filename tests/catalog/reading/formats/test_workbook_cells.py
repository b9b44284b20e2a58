"""Workbooks whose cells do not hold what they show, or that take memory without measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.errors import CatalogError

pytest.importorskip("python_calamine")

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    "</Relationships>",
    "xl/sharedStrings.xml": f"<sst {_MAIN}/>",
}

HEADER = ["id", "title", "categories"]
LAMP = ["2", "Lamp", "Home > Lamps"]


def text(value: str) -> str:
    return f't="inlineStr"><is><t>{value}</t></is>'


def workbook(folder: Path, rows: Sequence[Sequence[str]], behind: str = "", **parts: str) -> Path:
    """A workbook of cells that are texts, or ``attributes>content`` where they begin so."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = []
        for letter, value in zip("ABCDEFGH", row, strict=False):
            inside = value if ">" in value.split("<")[0] and "<" in value else text(value)
            if value:
                cells.append(f'<c r="{letter}{number}" {inside}</c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    sheet = f"<worksheet {_MAIN}><sheetData>{''.join(lines)}</sheetData>{behind}</worksheet>"
    named = {"xl/sharedStrings.xml": parts.pop("strings", _PARTS["xl/sharedStrings.xml"])}
    content = {**_PARTS, "xl/worksheets/sheet1.xml": parts.pop("sheet", sheet), **named, **parts}
    path = folder / "shop.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def read(folder: Path, *rows: list[str], behind: str = "") -> ReadResult:
    return read_catalog(workbook(folder, rows, behind))


@pytest.mark.parametrize(
    "cell",
    ['><f>"Mug "&amp;A2</f>', "><f>A2</f><v></v>", "><f>A2</f><v/>", '><f t="shared" si="0"/>'],
)
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_formula_without_its_value_is_refused(tmp_path: Path, cell: str, column: int) -> None:
    mug = ["1", "Mug", "Home > Mugs"]
    mug[column] = cell
    with pytest.raises(CatalogError, match=rf"the cell {'ABC'[column]}2 .*is a formula.*save it"):
        read(tmp_path, HEADER, mug, LAMP)


def test_formulas_with_their_values_are_read(tmp_path: Path) -> None:
    linked = 't="str"><f>[1]Other!A1</f><v>Mug</v>'
    empty = 't="str"><f>IF(1,"","x")</f><v></v>'
    found = read(tmp_path, HEADER, ["1", linked, "Home > Mugs"], ["2", "Lamp", empty])
    assert found.catalog.column("title") == ["Mug", "Lamp"]
    assert found.catalog.column("categories")[1] is None


def test_formulas_outside_the_records_do_no_harm(tmp_path: Path) -> None:
    above = ["><f>TODAY()</f>"]
    found = read(tmp_path, above, HEADER, ["1", "Mug", "Home > Mugs", "><f>A1</f>"], LAMP)
    assert found.catalog.ids == ["1", "2"]


def test_values_that_were_never_calculated_are_refused(tmp_path: Path) -> None:
    """As programs without a calculator write them: 0, and to be calculated when it is opened."""
    book = _PARTS["xl/workbook.xml"].replace(
        "</workbook>", '<calcPr calcId="1" fullCalcOnLoad="1"/></workbook>'
    )
    cells = [HEADER, ["1", "><f>A2</f><v>0</v>", "Home > Mugs"], LAMP]
    path = workbook(tmp_path, cells, **{"xl/workbook.xml": book})
    with pytest.raises(CatalogError, match=r"the cell B2 .*is a formula"):
        read_catalog(path)


def test_what_openpyxl_writes_without_values_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (HEADER, ["1", '=CONCATENATE("Mug ", A2)', "Mugs"], ["2", "=B2", "Lamps"]):
        sheet.append(row)
    book.save(tmp_path / "shop.xlsx")
    with pytest.raises(CatalogError, match=r"the cell B2 \(and 1 more\) of .* is a formula"):
        read_catalog(tmp_path / "shop.xlsx")


def test_errors_are_told(tmp_path: Path) -> None:
    error = 't="e"><f>VLOOKUP(1,A1,2)</f><v>#N/A</v>'
    found = read(tmp_path, HEADER, ["1", "Mug", error], LAMP)
    assert found.catalog.column("categories")[0] is None
    told = "workbook: a cell holds an error such as #N/A, the first of them C2; they count as empty"
    assert told in found.reading.evidence


MERGED = '<mergeCells count="1"><mergeCell ref="{}"/></mergeCells>'


def test_each_row_of_a_merged_cell_has_what_it_shows(tmp_path: Path) -> None:
    rows = (HEADER, ["1", "Mug", "Home > Mugs"], ["2", "Cup", ""], ["3", "Lamp", "Home > Lamps"])
    found = read(tmp_path, *rows, behind=MERGED.format("C2:C3"))
    assert found.catalog.column("categories")[:2] == [[["Home", "Mugs"]]] * 2


def test_a_cell_of_the_header_over_several_columns_is_refused(tmp_path: Path) -> None:
    rows = (HEADER, ["1", "Mug", "Home", "Mugs"], ["2", "Lamp", "Home", "Lamps"])
    with pytest.raises(CatalogError, match=r"the cell C1 in the header .* the columns C to D"):
        read(tmp_path, *rows, behind=MERGED.format("C1:D1"))


def test_a_merged_title_and_wide_cells_do_no_harm(tmp_path: Path) -> None:
    rows = (["My shop"], HEADER, ["1", "Mug", "Home > Mugs"], LAMP)
    found = read(tmp_path, *rows, behind=MERGED.format("A1:C1"))
    assert found.catalog.ids == ["1", "2"]
    wide = read(tmp_path, HEADER, ["1", "Mug", "Home > Mugs"], LAMP, behind=MERGED.format("C1:E1"))
    assert wide.catalog.ids == ["1", "2"]


def test_a_cell_far_from_all_others_is_refused_before_there_is_room_for_all_between(
    tmp_path: Path,
) -> None:
    """It took 500 GB, and so the process with it."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="{}"><c r="{}"><v>1</v></c></row>'
    for row, name in (("1048576", "XFD1048576"), ("1048576", "XFD1")):
        sheet = f"<worksheet {_MAIN}><sheetData>{cells.format(row, name)}</sheetData></worksheet>"
        with pytest.raises(CatalogError, match="2 cells and reaches to row 1,048,576 and column"):
            read_catalog(workbook(tmp_path, [], sheet=sheet))


def test_texts_that_expand_without_measure_are_refused(tmp_path: Path) -> None:
    bomb = f"<sst {_MAIN}><si><t>{'a' * (100 << 20)}</t></si></sst>"
    path = workbook(tmp_path, [HEADER, ["1", 't="s"><v>0</v>', "Mugs"], LAMP], strings=bomb)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(CatalogError, match=r"expands to .* more than 200 times its size"):
        read_catalog(path)


def test_a_record_that_is_too_long_is_refused(tmp_path: Path) -> None:
    strings = f"<sst {_MAIN}><si><t>{'a' * (17 << 20)}</t></si></sst>"
    rows = [HEADER, ["1", 't="s"><v>0</v>', "Mugs"], LAMP]
    found = read_catalog(workbook(tmp_path, rows, strings=strings))
    assert found.catalog.ids == ["2"]
    assert found.quarantine[0].line == 2
    assert "expected at most 16,777,216" in found.quarantine[0].reason


@pytest.mark.parametrize("cell", ['t="s"><v>99</v>', 't="inlineStr"><is><t>&b;</t></is>'])
def test_damage_in_a_sheet_ends_in_a_sentence(tmp_path: Path, cell: str) -> None:
    with pytest.raises(CatalogError, match=r"cannot be read as a workbook .*save it again"):
        read(tmp_path, HEADER, ["1", cell, "Mugs"])
