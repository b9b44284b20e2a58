"""Files that are no catalogue are refused in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import read

EXCEL_2003 = b"<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'>"

FILES: tuple[tuple[str, bytes, str], ...] = (
    ("shop.xls", b"<html><body><table><tr><td>id</td></tr></table>", "HTML page"),
    ("shop.csv", b"\xef\xbb\xbf<!DOCTYPE html>\n<table>", "HTML page"),
    (
        "shop.xls",
        EXCEL_2003,
        "2003",
    ),
    (
        "shop.sql",
        b"-- MySQL dump\nDROP TABLE IF EXISTS p;\nINSERT INTO p VALUES (1,'Mug');\n",
        "SQL",
    ),
    ("shop.txt", b"INSERT INTO p (id, title) VALUES\n(1, 'Mug');\n", "SQL"),
    ("shop.sql", b"SET x = 1;\nCOPY public.p (id, title) FROM stdin;\n1\tMug\n\\.\n", "SQL"),
    ("shop.db", b"SQLite format 3\x00", "SQLite"),
    ("shop.feather", b"ARROW1\x00\x00", "to_parquet"),
    ("shop.duckdb", b"\x00\x01\x02\x03\x04\x05\x06\n" + b"DUCK@\x00", "DuckDB"),
    ("data-00000-of-00001.arrow", b"\xff\xff\xff\xff\xa8\x00", "load_from_disk"),
    ("train.txt", b"__label__Mugs __label__Gifts blue mug\n", "fastText"),
    ("train.txt", b"3,9 5:0.3 7:1 9:0.22\n4 5:1 6:1\n", "LibSVM"),
    ("train.txt", b"40 10 14\n3,9 5:0.3 7:1 9:0.22\n", "LibSVM"),
    ("shop.pkl", b"\x80\x04\x95", "to_parquet"),
    ("shop.csv.bz2", b"BZh91AY", "unpack it"),
    ("shop.csv.zst", b"\x28\xb5\x2f\xfd", "unpack it"),
    ("mug.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\xe9\xc1 B\xb1\xc1\n", "is an image"),
    ("mug.png", b"\x89PNG\r\n\x1a\n\x00\x00", "is an image"),
    ("mug.webp", b"RIFF\x00\n\x00\x00WEBPVP8 ", "is an image"),
    ("shop.pdf", b"%PDF-1.7\n", "PDF"),
    ("shop.txt", b'a:1:{i:0;a:1:{s:2:"id";i:1;}}', "unserialize"),
    ("shop.txt", b"array (\n  0 => \n  array (\n    'id' => '1',\n  ),\n)", "PHP"),
    ("shop.php", b"<?php\nreturn [['id' => 1]];\n", "json_encode"),
    ("shop.js", b'export const products = [\n {"id": 1, "title": "Mug"}];', "JavaScript"),
    ("shop.js", b'callback([{"id": 1, "title": "Mug"}]);', "JavaScript"),
    ("shop.json", b"[\n{id: 1, title: 'Mug'},\n{id: 2, title: 'Lamp'}]", "JSON5"),
    ("shop.txt", b"[{'id': 1, 'title': 'Mug'}, {'id': 2, 'title': None}]", "literal_eval"),
    ("shop.yaml", b"products:\n  - id: 1\n    title: Mug\n  - id: 2\n    title: Lamp\n", "yq"),
    ("shop.txt", b"[OrderedDict([('id', 1), ('title', 'Mug')])]", "json.dump"),
    ("shop.toml", b"# all\n[[products]]\nid = 1\ntitle = 'Mug'\n", "TOML"),
    ("shop.txt", b'{ "_id" : ObjectId("5f01"), "title" : "Mug" }\n' * 2, "mongoexport"),
    ("shop.yaml", b"# all\n- id: 1\n  title: Mug, blue\n- id: 2\n  title: Lamp\n", "YAML"),
)


@pytest.mark.parametrize(("name", "content", "says"), FILES)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        read(tmp_path, content, name)


@pytest.mark.parametrize("header", ["array(cm),id,title", "let,id,title", "note: all,id,title"])
def test_a_header_may_look_like_a_program(tmp_path: Path, header: str) -> None:
    assert read(tmp_path, f"{header}\nx: 1,1,Mug\n").catalog.ids == ["1"]


def test_a_table_may_speak_of_tables(tmp_path: Path) -> None:
    result = read(tmp_path, "id,title\n1,insert into a drawer\n2,drop table for pubs\n")
    assert result.catalog.ids == ["1", "2"]
