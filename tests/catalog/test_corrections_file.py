"""Corrections: what a person may write, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.corrections_file import escape_formula, read_corrections
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
        ('{"decision": "keep"}', "id: Field required"),
        ('{"id": "1"}\n{"id": "1"}', "line 2: product '1' is on line 1 already"),
        ("nonsense", "line 1: no JSON object"),
        ('{"id": "1", "labels": "[A"}', "is no list of labels"),
        ("[1]", "line 1"),
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
    (tmp_path / "table.csv").write_text("name,labels\n1,A\n")
    with pytest.raises(CatalogError, match="has no column id"):
        read_corrections(tmp_path / "table.csv")


@pytest.mark.parametrize("cell", ["=SUM(A1)", "+1", "Mugs", "'quoted", ""])
def test_what_is_escaped_is_read_as_it_was(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(f"id,labels\n1,{escape_formula(cell)}\n", "utf-8")
    (correction,) = read_corrections(path)
    assert correction.labels == ((cell,) if cell else None)
