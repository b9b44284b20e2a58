"""The header is found where a title, a comment or further names stand above or below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

HEADER = "id,title,categories,price"
ROWS = [f"S{i},Mug {i},Home > Mugs,{i}.5" for i in range(6)]
IDS = [f"S{i}" for i in range(6)]

AMAZON = (
    "TemplateType=fptcustom,Version=2020.1,The top 3 rows are for Amazon.com use only.,,,,",
    "SKU,Product Name,Product ID,Brand,Description,Item Type,Standard Price",
    "item_sku,item_name,external_product_id,brand_name,product_description,item_type,standard_price",
    *(f"S{i},Mug {i},0400{i},Kestrel,Fine,mugs,{i}.5" for i in range(6)),
)


def write(folder: Path, lines: list[str], name: str, sign: str = ",") -> Path:
    path = folder / name
    path.write_text("".join(f"{line.replace(',', sign)}\n" for line in lines))
    return path


def told(result: ReadResult) -> str:
    return " ".join(sentence for sentence in result.reading.evidence if "header" in sentence)


ABOVE = {
    "title": ["Product export 2024-01-01"],
    "title, blank line": ["Product export 2024-01-01", ""],
    "title, padded": ["Product export 2024-01-01,,,"],
    "comment": ["# exported by the shop"],
    "comment with commas": ["# shop, v1, 2024, all"],
    "comment a column": ["# Required | A unique ID,# Required,# c,# p"],
    "facts": ["Shop,Kestrel", "Date,2024-01-01", "Rows,6", ""],
    "blank cells": [",,,"],
    "one word that is a name": ["Product"],
    "groups of columns, as pandas writes them": ["product,product,product,meta"],
    "groups of columns, merged": ["Product,,Class,"],
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize(
    ("name", "sign"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.txt", "\t")]
)
def test_lines_above_the_header_are_passed_over_and_told(
    tmp_path: Path, above: str, name: str, sign: str
) -> None:
    lines = [*ABOVE[above], HEADER, *ROWS]
    result = read_catalog(write(tmp_path, lines, name, sign))
    assert result.catalog.ids == IDS
    assert result.catalog.column("price")[1] == 1.5
    assert not result.quarantine
    if above != "blank cells":
        assert f"named in line {len(ABOVE[above]) + 1}" in told(result)


def test_places_in_the_file_stay_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, ["Export", "", HEADER, *ROWS, "S9,too short"], "a.csv")
    [refused] = read_catalog(path).quarantine
    assert refused.line == 10
    assert path.read_bytes()[refused.offset :] == refused.raw == b"S9,too short\n"


@pytest.mark.parametrize(("name", "sign"), [("a.txt", "\t"), ("a.tsv", "\t"), ("a.csv", ",")])
def test_of_three_lines_of_names_those_for_programs_count(
    tmp_path: Path, name: str, sign: str
) -> None:
    result = read_catalog(write(tmp_path, list(AMAZON), name, sign))
    assert result.catalog.ids == IDS
    assert result.catalog.column("brand") == ["Kestrel"] * 6
    assert result.reading.columns["price"] == "standard_price"
    assert told(result) == "header: the columns are named in line 3; lines 1 and 2 are no records"


def test_names_for_people_below_those_for_programs(tmp_path: Path) -> None:
    lines = [HEADER, "SKU,Name,Category,Price", *ROWS]
    result = read_catalog(write(tmp_path, lines, "a.csv"))
    assert result.catalog.ids == IDS
    assert told(result) == "header: the columns are named in line 1; line 2 is no record"


def test_a_column_that_the_settings_name_tells_the_header(tmp_path: Path) -> None:
    lines = ["Liste 2024", "Wo,Bez,Gruppe", "1,Tasse,Haus", "2,Stift,Buero"]
    settings = CatalogSettings(columns={"id": "Wo", "title": "Bez", "categories": "Gruppe"})
    result = read_catalog(write(tmp_path, lines, "a.csv"), settings)
    assert result.catalog.ids == ["1", "2"]


def test_unknown_names_below_a_title_are_listed(tmp_path: Path) -> None:
    lines = ["Liste 2024", "Wo,Bez,Gruppe", "1,Tasse,Haus", "2,Stift,Buero"]
    with pytest.raises(CatalogError, match="the file has the columns 'Wo', 'Bez', 'Gruppe'"):
        read_catalog(write(tmp_path, lines, "a.csv"))


@pytest.mark.parametrize(
    "lines",
    [
        # a title, and no names at all
        ["Liste", "1,Tasse,4.5", "2,Stift,3.5", "3,Lampe,2.5"],
        # what stands above the names may be records
        ["1,Tasse,Haus,4.5", HEADER, *ROWS],
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(CatalogError, match="put the names of the columns in the first line"):
        read_catalog(write(tmp_path, lines, "a.csv"))


@pytest.mark.parametrize(
    "lines",
    [
        [HEADER, *ROWS],
        # values that are names of columns by chance
        ["id,title,categories", "S0,brand,price", "S1,Title,Tags"],
        # one known name is enough where nothing speaks against it
        ["id,farbe,laenge", "S0,rot,5", "S1,blau,6"],
    ],
)
def test_the_first_line_is_the_header_where_nothing_speaks_against_it(
    tmp_path: Path, lines: list[str]
) -> None:
    result = read_catalog(write(tmp_path, lines, "a.csv"))
    assert result.records == len(lines) - 1
    assert not told(result)


@pytest.mark.parametrize("header", [HEADER, "id, title, categories, price"])
def test_a_header_in_the_middle_is_no_product(tmp_path: Path, header: str) -> None:
    # two exports, one behind the other
    more = [row.replace("S", "T") for row in ROWS]
    result = read_catalog(write(tmp_path, [header, *ROWS, header, *more], "a.csv"))
    assert len(result.catalog) == 12
    [refused] = result.quarantine
    assert (refused.line, refused.kind) == (8, "repeated header")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_in_another_order_is_refused(tmp_path: Path, quote: str) -> None:
    lines = ["id,title,categories", "1,Mug,Kitchen"]
    other = ",".join(f"{quote}{name}{quote}" for name in ("id", "categories", "title"))
    path = write(tmp_path, [*lines, other, "2,Kitchen,Cup"], "a.csv")
    with pytest.raises(CatalogError, match=r"line 3 names the columns again, in another order"):
        read_catalog(path)
    # a product may be called like a column
    read = read_catalog(write(tmp_path, [*lines, "id,title,Kitchen"], "b.csv"))
    assert read.catalog.column("title") == ["Mug", "title"]


def workbook(folder: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = folder / "shop.xlsx"
    book.save(path)
    return path


def cells(lines: list[str]) -> list[list[Any]]:
    return [[cell or None for cell in line.split(",")] for line in lines]


@pytest.mark.parametrize("above", ["title", "title, blank line", "comment a column", "facts"])
def test_rows_above_the_header_of_a_workbook(tmp_path: Path, above: str) -> None:
    rows = cells([*ABOVE[above], HEADER, *ROWS])
    result = read_catalog(workbook(tmp_path, {"Products": rows}))
    assert result.catalog.ids == IDS
    assert f"named in line {len(ABOVE[above]) + 1}" in told(result)


def test_the_sheet_with_the_names_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    notes = [["Fill in the sheet Template."], ["Thank you, see you"]]
    path = workbook(
        tmp_path, {"Notes": notes, "Template": cells(list(AMAZON)), "Values": [["a", "b"]]}
    )
    result = read_catalog(path)
    assert result.catalog.ids == IDS
    sentence = "workbook: the sheet 'Template' is read, and not 'Notes', 'Values'"
    assert sentence in result.reading.evidence
    assert "lines 1 and 2 are no records" in told(result)


def test_a_workbook_whose_header_cannot_be_told(tmp_path: Path) -> None:
    rows = [["Liste"], [1, "Tasse", 4.5], [2, "Stift", 3.5], [3, "Lampe", 2.5]]
    with pytest.raises(CatalogError, match="put the names of the columns in the first line"):
        read_catalog(workbook(tmp_path, {"Products": rows}))


def test_the_name_of_the_index_of_pandas_is_no_record(tmp_path: Path) -> None:
    lines = [",product,product,meta", ",title,categories,price", "id,,,", *ROWS]
    assert read_catalog(write(tmp_path, lines, "shop.csv")).catalog.ids == IDS


def test_groups_of_columns_that_are_called_like_columns(tmp_path: Path) -> None:
    header = ["Product,,Image,Price", "SKU,Product Title,Category,Unit Price"]
    result = read_catalog(write(tmp_path, [*header, *ROWS], "a.csv"))
    assert result.catalog.ids == IDS
    assert "line 2; line 1 is no record" in told(result)
