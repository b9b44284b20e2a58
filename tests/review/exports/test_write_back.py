"""The catalogue's own file comes back, whatever its shape, with nothing changed but the categories."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.review.exports.decision_files import EXPORTS
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor
from tests.review.catalogue_shapes import SHAPES, json_lines

Open = Callable[..., Workspace]
ADA = Visitor("Ada", "lead")


def decide(workspace: Workspace, row: int, *labels: str) -> None:
    workspace.decide([row], tuple(sorted(labels)), 0, f"key-{row}-000", "uncertain", ADA)


def opened(tmp_path: Path, workspace_of: Open, name: str) -> Workspace:
    path = tmp_path / name
    path.write_bytes(SHAPES[name])
    return workspace_of(path)


def parts(name: str, content: bytes) -> dict[str, bytes]:
    """What a file holds: its members, or itself."""
    if name.endswith((".zip", ".xlsx")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {one: archive.read(one) for one in archive.namelist()}
    return {"": gzip.decompress(content) if name.endswith(".gz") else content}


def check_read_again(
    tmp_path: Path, name: str, content: bytes, wanted: dict[str, set[str]]
) -> None:
    """Read without any settings, every product is what it was, but for the wanted labels."""
    before = read_catalog(tmp_path / name).catalog
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / name).write_bytes(content)
    after = read_catalog(tmp_path / "again" / name).catalog
    assert after.ids == before.ids
    assert after.columns == before.columns
    for column in set(before.columns) - {"categories"}:
        assert after.column(column) == before.column(column)
    pairs = zip(before.ids, before.column("categories"), after.column("categories"), strict=True)
    for identity, old, new in pairs:
        assert flatten(new, "flat") == wanted.get(identity, flatten(old, "flat")), identity
        # not only the labels: what nobody changed has the very same paths
        assert identity in wanted or new == old


@pytest.mark.parametrize("name", SHAPES)
def test_without_a_change_not_a_byte_is_another(
    tmp_path: Path, workspace_of: Open, name: str
) -> None:
    workspace = opened(tmp_path, workspace_of, name)
    assert EXPORTS["catalog"].write(workspace) == SHAPES[name]
    # confirmed as it was
    decide(workspace, 0, "Kitchen", "Mugs")
    assert EXPORTS["catalog"].write(workspace) == SHAPES[name]
    assert (tmp_path / name).read_bytes() == SHAPES[name]


@pytest.mark.parametrize("name", SHAPES)
def test_products_are_given_other_labels_and_more_or_fewer(
    tmp_path: Path, workspace_of: Open, name: str
) -> None:
    workspace = opened(tmp_path, workspace_of, name)
    decide(workspace, 2, "Kitchen", "Bowls")
    decide(workspace, 3, "Kitchen", "Mugs")
    decide(workspace, 0, "Kitchen", "Mugs", "Garden")
    wanted = {
        "p3": {"Kitchen", "Bowls"},
        "p4": {"Kitchen", "Mugs"},
        "p1": {"Kitchen", "Mugs", "Garden"},
    }
    check_read_again(tmp_path, name, EXPORTS["catalog"].write(workspace), wanted)


@pytest.mark.parametrize("name", SHAPES)
def test_a_product_may_lose_all_categories(tmp_path: Path, workspace_of: Open, name: str) -> None:
    workspace = opened(tmp_path, workspace_of, name)
    decide(workspace, 1)
    check_read_again(tmp_path, name, EXPORTS["catalog"].write(workspace), {"p2": set()})


TEXTS = [name for name in SHAPES if not name.endswith((".parquet", ".xlsx"))]


@pytest.mark.parametrize("name", TEXTS)
def test_of_a_text_only_what_stood_for_the_category_is_replaced(
    tmp_path: Path, workspace_of: Open, name: str
) -> None:
    workspace = opened(tmp_path, workspace_of, name)
    decide(workspace, 2, "Toys")
    before = parts(name, SHAPES[name])
    after = parts(name, EXPORTS["catalog"].write(workspace))
    assert after.keys() == before.keys()
    (changed,) = [one for one in before if before[one] != after[one]]
    encoding = "utf-16-le" if name.startswith("utf16") else "latin-1"
    old = before[changed].decode(encoding)
    new = after[changed].decode(encoding)
    # the product's only category is replaced by another one
    title = old.index("Flower")
    places = [old.rfind("Garden", 0, title), old.find("Garden", title)]
    start = min(places, key=lambda place: abs(place - title))
    stop = start + len("Garden")
    assert old[:start] == new[:start]
    assert old[stop:] == new[len(new) - len(old[stop:]) :]
    assert "Toys" in new[start : len(new) - len(old[stop:])]


@pytest.mark.parametrize("name", ["lists.parquet", "texts.parquet"])
def test_parquet_keeps_schema_row_groups_and_codecs(
    tmp_path: Path, workspace_of: Open, name: str
) -> None:
    workspace = opened(tmp_path, workspace_of, name)
    decide(workspace, 2, "Toys")
    before = pq.ParquetFile(io.BytesIO(SHAPES[name]))
    after = pq.ParquetFile(io.BytesIO(EXPORTS["catalog"].write(workspace)))
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert after.schema.equals(before.schema)
    assert after.metadata.num_row_groups == before.metadata.num_row_groups == 2
    for number in range(2):
        old, new = (file.metadata.row_group(number) for file in (before, after))
        assert new.num_rows == old.num_rows
        for column in range(old.num_columns):
            facts = [(g.column(column).compression, g.column(column).encodings) for g in (old, new)]
            assert facts[0] == facts[1]
    kept = [one for one in before.schema_arrow.names if one != "categories"]
    assert after.read(kept).equals(before.read(kept))


def test_of_a_workbook_only_the_cell_is_another(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "book.xlsx")
    decide(workspace, 2, "Toys")
    content = EXPORTS["catalog"].write(workspace)
    before = parts("book.xlsx", SHAPES["book.xlsx"])
    after = parts("book.xlsx", content)
    assert [one for one in before if before[one] != after[one]] == ["xl/worksheets/sheet2.xml"]
    old, new = (openpyxl.load_workbook(io.BytesIO(one)) for one in (SHAPES["book.xlsx"], content))
    changed = []
    for sheet in old.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                other = new[sheet.title][cell.coordinate]
                assert (other.font.b, other.font.i) == (cell.font.b, cell.font.i)
                if other.value != cell.value:
                    changed.append((cell.coordinate, other.value))
    assert changed == [("C5", "Toys")]
    assert new["Notes"]["B1"].value == "=1+1"


def test_an_archive_keeps_its_other_members_and_its_comment(
    tmp_path: Path, workspace_of: Open
) -> None:
    workspace = opened(tmp_path, workspace_of, "archive.zip")
    decide(workspace, 2, "Toys")
    content = EXPORTS["catalog"].write(workspace)
    archives = [zipfile.ZipFile(io.BytesIO(one)) for one in (SHAPES["archive.zip"], content)]
    facts = [
        [
            (one.filename, one.date_time, one.compress_type, one.external_attr)
            for one in a.infolist()
        ]
        for a in archives
    ]
    assert facts[0] == facts[1]
    assert archives[1].comment == b"spring"
    assert archives[1].read("README.md") == b"What this is"


def test_a_gzip_file_keeps_its_name_and_time(tmp_path: Path, workspace_of: Open) -> None:
    workspace = opened(tmp_path, workspace_of, "lines.jsonl.gz")
    decide(workspace, 2, "Toys")
    content = EXPORTS["catalog"].write(workspace)
    assert content[:3] == b"\x1f\x8b\x08"
    assert int.from_bytes(content[4:8], "little") == 1_000_000_000
    assert b"shop.jsonl\0" in content[:40]
    assert gzip.decompress(content).count(b"\n") == json_lines(compact=True).count("\n")
