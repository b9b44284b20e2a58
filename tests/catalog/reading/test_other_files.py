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
    ("shop.pkl", b"\x80\x04\x95", "to_parquet"),
    ("shop.csv.bz2", b"BZh91AY", "unpack it"),
    ("shop.csv.zst", b"\x28\xb5\x2f\xfd", "unpack it"),
    ("shop.pdf", b"%PDF-1.7\n", "PDF"),
)


@pytest.mark.parametrize(("name", "content", "says"), FILES)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        read(tmp_path, content, name)


def test_a_table_may_speak_of_tables(tmp_path: Path) -> None:
    result = read(tmp_path, "id,title\n1,insert into a drawer\n2,drop table for pubs\n")
    assert result.catalog.ids == ["1", "2"]
