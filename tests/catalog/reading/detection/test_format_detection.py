"""Formats are plug-ins by file name: which one a file is in, and that a new one is one new file."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shelfwise.catalog.reading.formats as package
from shelfwise.catalog.reading.detection.format_detection import detect_format
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.registry import formats
from shelfwise.errors import CatalogError, ConfigError

LISP = '''
from shelfwise.catalog.reading.streaming.block_cutting import cut_blocks
from shelfwise.catalog.reading.byte_stream import RawRecord, read_chunks
from shelfwise.catalog.reading.file_format import BY_RECORDS, CERTAIN, FileFormat, ParsedBlock


class Lisp(FileFormat):
    """One line a product: (id title)."""

    suffixes = {".lisp": CERTAIN}

    @classmethod
    def sniff(cls, start):
        return BY_RECORDS if start.startswith(b"(") else 0.0

    @classmethod
    def open(cls, path, settings, advance):
        return cls(), cut_blocks(read_chunks(path, advance))

    def take_apart(self, block):
        columns, spans, offset = {"id": [], "title": []}, [], block.offset
        for number, line in enumerate(block.data.splitlines(keepends=True)):
            name, title = line.decode().strip().strip("()").split(" ", 1)
            columns["id"].append(name)
            columns["title"].append(title)
            spans.append((block.line + number, offset, len(line)))
            offset += len(line)
        return ParsedBlock(columns, np.array(spans))

    def record(self, block, span):
        piece = block.piece(span)
        name, title = piece.raw.decode().strip().strip("()").split(" ", 1)
        return piece, {"id": name, "title": title}


import numpy as np
'''
PRODUCTS = b"(1 Mug &amp; saucer)\n(2 Pen)\n(2 Pencil)\n"


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture
def lisp_file(tmp_path: Path) -> Iterator[None]:
    """A new file among those of the formats."""
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / "lisp.py").write_text(LISP)
    package.__path__.append(str(folder))
    yield
    package.__path__.remove(str(folder))
    sys.modules.pop(f"{package.__name__}.lisp", None)


def read_lisp(folder: Path) -> None:
    """A file in the new format is read by its name, by its first line, and by the setting."""
    for name, wanted in [
        ("shop.lisp", "auto"),
        ("shop", "auto"),
        ("shop.csv", "lisp"),
        ("shop.lisp.gz", "auto"),
    ]:
        data = gzip.compress(PRODUCTS) if name.endswith("gz") else PRODUCTS
        reading = read_catalog(written(folder, name, data), CatalogSettings(format=wanted))
        assert reading.format == "lisp"
        assert reading.catalog.ids == ["1", "2"]
        assert reading.catalog.column("title") == ["Mug & saucer", "Pen"]
        (refused,) = reading.quarantine
        assert (refused.line, refused.raw, refused.kind) == (3, b"(2 Pencil)\n", "duplicate id")


@pytest.mark.usefixtures("lisp_file")
def test_a_new_format_is_one_new_file(tmp_path: Path) -> None:
    assert "lisp" in formats.names()
    read_lisp(tmp_path)


def test_another_distribution_adds_a_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_lisp_reader.py").write_text(LISP)
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("lisp", "a_lisp_reader:Lisp", "shelfwise.formats")
    monkeypatch.setitem(vars(formats), "_entry_points", {"lisp": [point]})
    read_lisp(tmp_path)


def test_a_format_whose_library_is_missing_matters_only_where_no_other_fits(
    tmp_path: Path, lisp_file: None
) -> None:
    folder = Path(package.__path__[-1])
    (folder / "sheets.py").write_text("import a_library_that_nobody_has\n")
    assert detect_format(written(tmp_path, "shop.jsonl", b'{"id": 1}\n')) == "jsonl"
    with pytest.raises(CatalogError, match=r"cannot tell the format.*a_library_that_nobody_has"):
        detect_format(written(tmp_path, "shop.sheet", b"hello\n"))


def test_an_unknown_name_is_one_clear_error_with_the_known_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "shop.jsonl", b'{"id": 1}\n')
    known = "known: auto, amazon2014, amazon2018, csv, excel, json, jsonl, parquet, tar, tsv, xml"
    with pytest.raises(ConfigError, match=f"setting catalog.format is 'cvs'; {known}"):
        read_catalog(path, CatalogSettings(format="cvs"))


def test_a_named_format_imports_no_other() -> None:
    code = (
        "import sys; from shelfwise.core.registry import formats\n"
        "formats.names(); formats.load('tsv')\n"
        "loaded = {m.rpartition('.')[2] for m in sys.modules if m.startswith(formats.package + '.')}\n"
        "assert loaded & set(formats.names()) == {'tsv'}, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- every format ---------------------------------------------------------------------------------

STARTS = st.binary(max_size=60) | st.text('{}[]()":,;\t\n ab1', max_size=40).map(str.encode)


@pytest.mark.parametrize("name", formats.names())
@settings(max_examples=60, deadline=None)
@given(start=STARTS)
def test_no_format_is_ever_upset_by_the_first_lines(name: str, start: bytes) -> None:
    assert 0 <= formats.load(name).sniff(start) <= 1
    assert formats.load(name).sniff(b"") == 0


@pytest.mark.parametrize("name", formats.names())
def test_suffixes_are_lower_case_with_a_dot(name: str) -> None:
    for suffix, certainty in formats.load(name).suffixes.items():
        assert suffix == suffix.lower()
        assert suffix[0] == "."
        assert 0 < certainty <= 1


# --- which one ------------------------------------------------------------------------------------

JSON = b'{"id": 1}\n'
LITERAL = b"{'id': 1}\n"
OF_2018 = json.dumps({"asin": 1, "category": [], "also_buy": []}).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("shop.csv", JSON, "jsonl"),
        ("shop.CSV", b"id\n1\n", "csv"),
        ("shop.tab", b"id,title\n", "tsv"),
        ("shop.pq", b"anything", "parquet"),
        ("shop.csv", b"PAR1", "parquet"),
        ("shop.json", JSON, "jsonl"),
        ("shop.json", OF_2018, "amazon2018"),
        ("shop.json", LITERAL, "amazon2014"),
        ("shop.json", b"nothing, to be read\n", "jsonl"),
        ("shop.ndjson", b"", "jsonl"),
        ("shop", b"\n \n\xef\xbb\xbf" + JSON + LITERAL, "jsonl"),
        ("shop", b"broken\n" + LITERAL + JSON, "amazon2014"),
        ("shop", b"broken\n" + OF_2018 + JSON, "amazon2018"),
        ("shop.txt", b"id\ttitle, long\n", "tsv"),
        ("shop.txt", b"\nid,title\n", "csv"),
        ("shop.txt", b"id;title\n", "csv"),
        ("shop.csv.gz", gzip.compress(JSON, mtime=0), "jsonl"),
        ("shop.csv.zip", gzip.compress(JSON, mtime=0), "jsonl"),
        ("shop.csv", gzip.compress(JSON, mtime=0), "jsonl"),
        ("shop.json.gz", gzip.compress(LITERAL, mtime=0), "amazon2014"),
        ("shop", gzip.compress(JSON * 9, mtime=0)[:-9], "jsonl"),
    ],
)
def test_what_a_file_is_taken_for(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    assert detect_format(written(tmp_path, name, data)) == expected


def test_parquet_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "shop")
    assert detect_format(tmp_path / "shop") == "parquet"


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        (
            "products.csv",
            '[\n  {"id": "7",\n   "title": "Mug"},\n  {"id": "8", "title": "Hat"}]',
            "json",
        ),
        ("products.csv", '[{"id": "7", "title": "Mug"}, {"id": "8", "title": "Hat"}]', "json"),
        ("products.tsv", '{"id": "7", "title": "Mug"}\n{"id": "8", "title": "Hat"}', "jsonl"),
        ("products.xlsx", "id,title\n7,Mug\n8,Hat\n", "csv"),
        ("products.parquet", "id\ttitle\n7\tMug\n8\tHat\n", "tsv"),
    ],
)
def test_a_name_that_its_file_belies_does_not_count(
    tmp_path: Path, name: str, text: str, form: str
) -> None:
    """Lines of JSON were products."""
    (tmp_path / name).write_text(text)
    found = read_catalog(tmp_path / name)
    assert (found.format, found.catalog.ids) == (form, ["7", "8"])
