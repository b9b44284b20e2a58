"""Files with other categories: columns that are added, odd writings, and what is refused rather than lost."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import open_stream, read_catalog
from shelfwise.catalog.write_back.changed_columns import Change, ChangedColumns, FileRecord
from shelfwise.catalog.write_back.rewriting import rewritten
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError


def rewrite(path: Path, change: Change) -> bytes:
    """The file with other categories, read without any settings."""
    settings = CatalogSettings()
    with open_stream(path, settings) as stream:
        next(iter(stream))
        columns = stream.reading.columns
        opened = stream.source
    place = ChangedColumns(columns["id"], (columns.get("categories", "categories"),), change)
    return rewritten(path, opened, settings, place)


def second_becomes(new: Any) -> Change:
    """Other categories for the product 2."""

    def change(record: FileRecord) -> Any:
        return [new] if str(record.identity) == "2" else record.values

    return change


def workbook(path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


ADDED = {
    "shop.jsonl": (
        b'{"id": 1, "title": "Mug"}\n{"id": 2,"title": "Pot" }\n',
        b'{"id": 1, "title": "Mug"}\n{"id": 2,"title": "Pot","categories": [["A", "B"]] }\n',
    ),
    "shop.json": (
        b'[\n  {\n    "id": 1,\n    "title": "Mug"\n  },\n  {\n    "id": 2,\n    "title": "Pot"\n  }\n]',
        b'[\n  {\n    "id": 1,\n    "title": "Mug"\n  },\n  {\n    "id": 2,\n    "title": "Pot",\n'
        b'    "categories": [["A", "B"]]\n  }\n]',
    ),
    "python.json": (
        "{'id': '1', 'title': 'Mug'}\n{'id': '2', 'title': 'Tür \\x41'}\n".encode(),
        "{'id': '1', 'title': 'Mug'}\n"
        "{'id': '2', 'title': 'Tür \\x41', 'categories': [['A', 'B']]}\n".encode(),
    ),
}


@pytest.mark.parametrize("name", ADDED)
def test_an_object_without_categories_gets_them_behind_its_last_value(
    tmp_path: Path, name: str
) -> None:
    before, after = ADDED[name]
    (tmp_path / name).write_bytes(before)
    assert rewrite(tmp_path / name, second_becomes([["A", "B"]])) == after


def test_a_parquet_file_without_categories_gets_a_column_of_paths(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["Mug", "Pot"]}), path, compression="gzip")
    path.write_bytes(rewrite(path, second_becomes([["A", "B"]])))
    assert pq.ParquetFile(path).metadata.row_group(0).column(2).compression == "GZIP"
    assert read_catalog(path).catalog.column("categories") == [None, [["A", "B"]]]


def test_a_workbook_without_categories_gets_a_column(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    workbook(path, [["id", "title"], ["1", "Mug"], ["2", "Pot"]])
    path.write_bytes(rewrite(path, second_becomes("A > B & <C>")))
    sheet = openpyxl.load_workbook(path).active
    assert [cell.value for cell in sheet["C"]] == ["categories", None, "A > B & <C>"]


def test_macros_of_a_workbook_stay(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsm"
    workbook(path, [["id", "title", "categories"], ["1", "Mug", "A"], ["2", "Pot", "A"]])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0macro")
    with zipfile.ZipFile(io.BytesIO(rewrite(path, second_becomes("B")))) as archive:
        assert archive.read("xl/vbaProject.bin") == b"\xd0\xcf\x11\xe0macro"
        assert b"<t xml:space" in archive.read("xl/worksheets/sheet1.xml")


def test_a_workbook_with_rows_and_cells_without_numbers(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    workbook(path, [["id", "title", "categories"], ["1", "Mug", None], ["2", "Pot", None]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    for number in b"123":
        parts[sheet] = parts[sheet].replace(b'<row r="%c"' % number, b"<row")
        for letter in b"ABC":
            parts[sheet] = parts[sheet].replace(b'<c r="%c%c"' % (letter, number), b"<c")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    path.write_bytes(rewrite(path, second_becomes("B")))
    assert [cell.value for cell in openpyxl.load_workbook(path).active["C"]] == [
        "categories",
        None,
        "B",
    ]


def feed(inside: str) -> str:
    item = "<item><id>{}</id><title>Mug</title>{}</item>"
    items = item.format(1, inside) + item.format(2, inside)
    return f'<?xml version="1.0"?><rss><channel>{items}</channel></rss>'


def test_an_empty_element_of_a_feed_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "shop.xml"
    path.write_text(feed("<category />"))
    content = rewrite(path, second_becomes("A & B")).decode()
    assert content == feed("<category />")[: -len("<category /></item></channel></rss>")] + (
        "<category>A &amp; B</category></item></channel></rss>"
    )


REFUSED = {
    "numbers.xml": (feed('<category id="5">A</category>'), "B", "attributes, such as numbers"),
    "deep.xml": (
        feed("<category><name>A</name><number>5</number></category>"),
        ["B"],
        "more than a list of names",
    ),
    "listed.xml": (
        feed("<categoryId>5</categoryId>").replace(
            "<channel>", '<channel><category id="5">A</category>'
        ),
        ["B"],
        "name categories otherwise",
    ),
    "assigned.xml": (
        feed("").replace(
            "<channel>",
            '<channel><category id="5"><name>A</name></category><category id="6"><name>B</name></category>'
            '<assignment product_id="2" category_id="5"/>',
        ),
        ["B"],
        "other elements name their categories",
    ),
    "by_id.json": (
        '{"products": [{"id": 1, "title": "M", "category_id": 5}, {"id": 2, "title": "P", "category_id": 5}],'
        ' "categories": [{"id": 5, "name": "A"}]}',
        "B",
        "have the ids of their categories",
    ),
    "mixed.json": (
        '[{"_id": "c5", "title": "A"}, {"_id": 1, "title": "M", "categories": [{"_ref": "c5"}]},'
        ' {"_id": 2, "title": "P", "categories": [{"_ref": "c5"}]}]',
        [["B"]],
        "name others as their categories",
    ),
    "django.json": (
        '[{"model": "shop.category", "pk": 5, "fields": {"name": "A"}},'
        ' {"model": "shop.product", "pk": 1, "fields": {"name": "M", "price": 1, "category": 5}},'
        ' {"model": "shop.product", "pk": 2, "fields": {"name": "P", "price": 1, "category": 5}}]',
        [["B"]],
        "by the keys of other objects",
    ),
    "lines_in_pairs.ndjson": (
        "".join(
            f'{{"index": {{"_id": {i}}}}}\n{{"title": "M", "category": "A"}}\n' for i in (1, 2)
        ),
        "B",
        "ids stand on lines of their own",
    ),
    "groups.json": (
        '[{"category": "A", "products": [{"id": 1, "title": "M"}, {"id": 2, "title": "P"}]}]',
        "B",
        "in 'products' of other objects",
    ),
    "pages_in_array.json": (
        '[{"page": 1, "results": [{"id": 1, "title": "M"}, {"id": 2, "title": "P"}]}]',
        "B",
        "in 'results' of other objects",
    ),
    "typed.json": (
        '{"Items": [{"id": {"N": "1"}, "title": {"S": "M"}}, {"id": {"N": "2"}, "title": {"S": "P"}}]}',
        "B",
        "under words for types",
    ),
    "quotes.csv": ("'id','title','category'\n'1','M','A'\n'2','P','A'\n", "B", "single quotes"),
    "table.json": ('{"columns": ["id", "title"], "data": [["1", "M"], ["2", "P"]]}', "B", "table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_changed_alone_is_refused(tmp_path: Path, name: str) -> None:
    text, new, reason = REFUSED[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(CatalogError, match=reason):
        rewrite(tmp_path / name, second_becomes(new))


def test_ids_of_categories_are_found_in_any_encoding(tmp_path: Path) -> None:
    text, new, reason = REFUSED["by_id.json"]
    (tmp_path / "by_id.json").write_text(text, "utf-16")
    with pytest.raises(CatalogError, match=reason):
        rewrite(tmp_path / "by_id.json", second_becomes(new))


def test_a_formula_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    workbook(path, [["id", "title", "categories"], ["1", "Mug", "A"], ["2", "Pot", '="A"']])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # as a program that calculates writes it
    book, sheet = "xl/workbook.xml", "xl/worksheets/sheet1.xml"
    parts[book] = parts[book].replace(b' fullCalcOnLoad="1"', b"")
    parts[sheet] = parts[sheet].replace(b'<c r="C3">', b'<c r="C3" t="str">')
    parts[sheet] = parts[sheet].replace(b"</f><v></v>", b"</f><v>A</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(CatalogError, match="the cell C3 is a formula"):
        rewrite(path, second_becomes("B"))


def test_a_signed_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    workbook(path, [["id", "title", "categories"], ["1", "Mug", "A"], ["2", "Pot", "A"]])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("_xmlsignatures/origin.sigs", b"")
    with pytest.raises(CatalogError, match="signed"):
        rewrite(path, second_becomes("B"))


def test_a_workbook_that_defines_entities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.xlsx"
    workbook(path, [["id", "title", "categories"], ["1", "Mug", "A"], ["2", "Pot", "A"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relations = "xl/_rels/workbook.xml.rels"
    laughs = b'<!DOCTYPE r [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>'
    parts[relations] = laughs + parts[relations].removeprefix(b'<?xml version="1.0"?>')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(CatalogError):
        rewrite(path, second_becomes("B"))


def test_a_column_of_objects_in_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    kinds = [[{"name": "A", "id": 1}], [{"name": "A", "id": 1}]]
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["M", "P"], "categories": kinds}), path)
    with pytest.raises(CatalogError, match="Arrow cannot write it with these categories"):
        rewrite(path, second_becomes([["B"]]))


def test_json_that_is_no_json_to_others_is_changed_too(tmp_path: Path) -> None:
    # NaN, a tab in a text, and a name that stands twice: the last one counts
    path = tmp_path / "shop.json"
    record = '{"id": "2", "title": "a\tb", "price": NaN, "categories": ["A"], "categories": ["C"]}'
    path.write_text(f"[{json.dumps({'id': '1', 'title': 'x', 'categories': ['A']})}, {record}]")
    before = path.read_text()
    after = rewrite(path, second_becomes(["B"])).decode()
    assert after == before.replace('["C"]', '["B"]')
