"""Tables as spreadsheets, databases and people leave them: odd headers, ends of rows, quotes and footers."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.reading.streaming.blocks import NOTHING_BUT_ID
from shelfwise.catalog.reading.streaming.stream import BELOW_TOTAL
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, read, table

HEADER = ("id", "title", "brand", "price")
ROWS = [(p.id, p.title, p.brand, f"{p.price:.2f}") for p in PRODUCTS]


def all_right(result: ReadResult, refused: int = 0) -> None:
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert result.catalog.column("brand") == [p.brand for p in PRODUCTS]
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]
    assert len(result.quarantine) == refused


@pytest.mark.parametrize("separator", ["^", "~", "\x01", "\x1f", "|", "\t"])
def test_what_databases_put_between_fields(tmp_path: Path, separator: str) -> None:
    all_right(read(tmp_path, table(HEADER, ROWS, separator)))


@pytest.mark.parametrize(("of_header", "of_rows"), [(3, 3), (0, 1), (1, 0), (2, 0)])
def test_delimiters_at_the_end(tmp_path: Path, of_header: int, of_rows: int) -> None:
    lines = table(HEADER, ROWS).splitlines()
    ends = [of_header, *[of_rows] * len(ROWS)]
    text = "\n".join(line + "," * end for line, end in zip(lines, ends, strict=True))
    all_right(read(tmp_path, text))


def test_values_behind_the_last_name_are_refused(tmp_path: Path) -> None:
    result = read(tmp_path, "id,title\n1,Mug\n2,Lamp,blue\n")
    assert result.catalog.ids == ["1"]
    assert [record.kind for record in result.quarantine] == ["wrong number of columns"]


def test_one_row_with_a_delimiter_too_many_may_be_shifted(tmp_path: Path) -> None:
    result = read(tmp_path, "id,title,brand\n1,Mug,A\n2,Lamp,B\n3,Lamp, blue,\n4,Cup,C,\n5,Cup\n")
    assert result.catalog.ids == ["1", "2"]
    assert {record.kind for record in result.quarantine} == {"wrong number of columns"}


def test_further_columns_of_one_name_are_numbered(tmp_path: Path) -> None:
    header = (*HEADER, "bullet", "bullet", "")
    result = read(tmp_path, table(header, [(*row, "a", "b", "c") for row in ROWS]))
    all_right(result)
    for name, value in (("bullet", "a"), ("bullet 2", "b"), ("column 7", "c")):
        assert result.catalog.column(name) == [value] * len(ROWS)
    assert any("'bullet' stands several times" in told for told in result.reading.evidence)


@pytest.mark.parametrize("name", ["price", "Category", "Image URL"])
def test_a_field_that_stands_twice_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogError, match=f"names '{name}' more than once"):
        read(tmp_path, table(("id", "title", name, name), [(1, "Mug", 2, 3)]))


def test_names_that_break_over_lines(tmp_path: Path) -> None:
    header = ("Item\nNo.", "Product\r\nName", "Brand", "Price\n(EUR)")
    result = read(tmp_path, table(header, ROWS, ";"))
    all_right(result)
    assert result.reading.columns["id"] == "Item No."
    # lines are counted all the same
    repeated = read(tmp_path, table(header, [*ROWS, ROWS[0]], ";"))
    assert repeated.quarantine[0].line == len(ROWS) + 5


def test_a_stray_quote_above_the_header_takes_no_lines(tmp_path: Path) -> None:
    all_right(read(tmp_path, 'Screens, 15"\n' + table(HEADER, ROWS)))


@pytest.mark.parametrize("below", ["----,-----,-----,-----", "text,text,text,EUR", ",,,EUR"])
def test_lines_and_units_below_the_names_are_no_records(tmp_path: Path, below: str) -> None:
    first, *others = table(HEADER, ROWS).splitlines()
    all_right(read(tmp_path, "\n".join([first, below, *others])))


@pytest.mark.parametrize("total", ["Total", "Summe", "GESAMT", "合計"])
def test_a_total_is_no_product(tmp_path: Path, total: str) -> None:
    result = read(tmp_path, table(HEADER, [*ROWS, (total, "", "", "1999.00")]))
    all_right(result, refused=1)
    assert "no total below the table" in result.quarantine[0].reason


def test_notes_below_the_last_total_are_told(tmp_path: Path) -> None:
    subtotal = ("Subtotal", "", "", "19.00")
    total = ("Total", "", "", "1999.00")
    ends = read(tmp_path, table(HEADER, [*ROWS[:1], subtotal, *ROWS[1:], total]))
    assert BELOW_TOTAL not in ends.notes
    signed = read(tmp_path, table(HEADER, [*ROWS, total, ("Printed by", "Anna", "", "")]))
    assert signed.notes[BELOW_TOTAL] == 1


def test_rows_with_nothing_but_an_id_are_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (HEADER, *ROWS, ("* without VAT",)):
        book.active.append(row)
    book.save(tmp_path / "products.xlsx")
    assert read_catalog(tmp_path / "products.xlsx").notes[NOTHING_BUT_ID] == 1
    assert NOTHING_BUT_ID not in read(tmp_path, table(HEADER, ROWS)).notes


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lines_of_old_macs(tmp_path: Path, separator: str) -> None:
    result = read(tmp_path, table(HEADER, ROWS, separator).replace("\n", "\r"))
    all_right(result)
    assert any("carriage returns" in told for told in result.reading.evidence)


def test_quotes_behind_a_blank(tmp_path: Path) -> None:
    lines = [", ".join(f'"{cell}"' for cell in row) for row in (HEADER, *ROWS)]
    lines.append('"x", "Mug, blue", "Kestrel", "5.00"')
    assert read(tmp_path, "\n".join(lines)).catalog.column("title")[-1] == "Mug, blue"


def test_quotes_behind_a_backslash(tmp_path: Path) -> None:
    text = 'id,title,brand\n1,"5\\" nail, long","A"\n2,"say \\"hi\\"","B"\n3,"C:\\new","C"\n'
    result = read(tmp_path, text)
    assert result.catalog.column("title") == ['5" nail, long', 'say "hi"', "C:\\new"]


def in_single_quotes(cell: object) -> str:
    return "'" + str(cell).replace("'", "''") + "'"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("numbers", [True, False])
def test_fields_in_single_quotes(tmp_path: Path, separator: str, numbers: bool) -> None:
    titles = [f"{p.title}, it's 5\" wide\nand blue" for p in PRODUCTS]
    rows = [(p.id, title, p.brand, p.price) for p, title in zip(PRODUCTS, titles, strict=True)]
    quoted = [
        [
            str(cell) if numbers and isinstance(cell, float) else in_single_quotes(cell)
            for cell in row
        ]
        for row in [HEADER, *rows]
    ]
    text = "\n".join(separator.join(row) for row in quoted)
    result = read(tmp_path, text)
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [" ".join(title.split()) for title in titles]
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]
    assert "quotes: fields stand in single quotes" in result.reading.evidence


def test_apostrophes_are_no_quotes(tmp_path: Path) -> None:
    titles = ["'Tis a mug", "the boys'", "'n' roll", "it's", "rock 'n' roll"] * 4
    text = "id,title\n" + "".join(f"{i},{title}\n" for i, title in enumerate(titles))
    assert read(tmp_path, text).catalog.column("title") == titles
