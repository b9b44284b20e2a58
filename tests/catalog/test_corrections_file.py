"""Corrections: what a person may write, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.corrections_file import read_corrections
from shelfwise.catalog.written_lines import escape_formula, read_ids
from shelfwise.errors import CatalogError


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            '{"id": "1", "decision": "yes"}',
            "line 1: decision: Input should be 'accept' or 'keep' .*'yes'",
        ),
        ('{"id": "1", "decision": "accept"}', "accepts a suggestion that is not there"),
        ('{"id": "1", "decision": "keep", "labels": ["A"]}', "leave one of them empty"),
        ('{"decision": "keep"}', "line 1: it has no id; give it one"),
        ('{"id": null, "decision": "keep"}', "line 1: id: expected a text; give it one"),
        ('{"id": "1"}\n{"id": "1"}', "line 2: product '1' is on line 1 already"),
        ("nonsense", "line 1: no JSON object"),
        ('{"id": "1", "labels": "[A"}', "is no list of labels"),
        ("[1]", "line 1"),
        (
            '{"id": "1", "decision": "keep", "decision": "accept", "suggested": ["A"]}',
            "line 1: no JSON object .a name stands twice",
        ),
        ('{"id": "1", "labels": ' + "[" * 100_000, "line 1: no JSON object"),
        ('{"id": "1", "labels": "' + "[" * 100_000 + '"}', "is no list of labels"),
    ],
)
def test_what_is_refused_and_why(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "corrections.jsonl"
    path.write_text(line, "utf-8")
    with pytest.raises(CatalogError, match=reason):
        read_corrections(path)


def test_files_that_are_no_corrections(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no corrections file"):
        read_corrections(tmp_path / "none.jsonl")
    (tmp_path / "latin.csv").write_bytes("id,labels\n1,Caf\u00e9\n".encode("latin-1"))
    with pytest.raises(
        CatalogError, match=r"^byte 15 of the corrections file .* is not UTF-8; save"
    ):
        read_corrections(tmp_path / "latin.csv")
    (tmp_path / "table.csv").write_text("name,labels\n1,A\n")
    with pytest.raises(CatalogError, match="has no column id"):
        read_corrections(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("id,labels\n1,Shoes, Boots", "line 2: has more cells than the header; put .* in quotes"),
        ("id,decision,decision\n1,keep,accept", "has the column decision twice"),
        ("id,decison\n1,keep", "has neither a column decision nor labels"),
        ("id,labels\n1," + "x" * 200_000, "line 2: field larger than"),
    ],
)
def test_tables_that_would_lose_a_decision_are_refused(
    tmp_path: Path, table: str, reason: str
) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(table, "utf-8")
    with pytest.raises(CatalogError, match=reason):
        read_corrections(path)


def test_empty_cells_behind_the_last_column_are_none(tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text("id,labels\n1,Shoes,,\n", "utf-8")
    assert [one.labels for one in read_corrections(path)] == [("Shoes",)]


@pytest.mark.parametrize(
    "cell", ["=SUM(A1)", "+1", "Mugs", "'quoted", "", "'=1", "''-1", "'", "＝1+1"]
)
def test_what_is_escaped_is_read_as_it_was(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"id,labels\n1,{escape_formula(cell)}\n", "utf-8")
    (correction,) = read_corrections(path)
    assert correction.labels == ((cell,) if cell else None)


@pytest.mark.parametrize("start", "=+-@\t\r\n＝＋－＠")
def test_no_cell_is_a_formula(start: str) -> None:
    assert escape_formula(f"{start}cmd").startswith("'")


def test_a_list_of_ids_needs_nothing_but_ids(tmp_path: Path) -> None:
    table = tmp_path / "ids.csv"
    table.write_text("id,title\n1,Mug\n2,Lamp\n1,Mug\n")
    lines = tmp_path / "ids.jsonl"
    lines.write_text('{"id": "1"}\n{"id": 2, "title": "Lamp"}\n')
    assert read_ids(table) == read_ids(lines) == {"1", "2"}
    with pytest.raises(CatalogError, match=r"there is no list of ids .*; give JSON Lines or CSV"):
        read_ids(tmp_path / "none.csv")
    table.write_text("name\nMug\n")
    with pytest.raises(CatalogError, match="does not have one column id; its first line is 'name'"):
        read_ids(table)
    lines.write_text('{"title": "Lamp"}\n')
    with pytest.raises(CatalogError, match="line 1: it has no id"):
        read_ids(lines)
