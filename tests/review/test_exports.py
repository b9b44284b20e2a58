"""Exports: the same file back with one column changed, and decisions that training takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.catalog.corrections_file import read_corrections
from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.review.exports import EXPORTS
from shelfwise.review.workspace import Workspace
from shelfwise.service.problems import Problem
from shelfwise.service.sessions import Visitor

Open = Callable[..., Workspace]
ADA = Visitor("Ada", "lead")

ROWS = [
    ("p1", "Stoneware mug, blue", "Kitchen > Mugs"),
    ("p2", 'Bowl "Oslo"', "Kitchen > Bowls|Garden"),
    ("p3", "Flower pot", "Garden"),
    ("p4", "Émile's cup", "Kitchen > Mugs|Garden"),
    ("p5", "Cup", "Kitchen > Mugs|Garden"),
    ("p6", "Bowl", "Kitchen > Bowls|Garden"),
]


def table(delimiter: str, newline: str, quoted: bool = False) -> str:
    """The rows as a table, cells quoted where they must be, or all."""
    lines = [("id", "title", "categories", "note"), *((*row, "x  ") for row in ROWS)]
    written = []
    for line in lines:
        cells = []
        for cell in line:
            must = quoted or delimiter in cell or '"' in cell
            cells.append('"' + cell.replace('"', '""') + '"' if must else cell)
        written.append(delimiter.join(cells))
    return newline.join(written) + newline


def json_lines(compact: bool) -> str:
    separators = (",", ":") if compact else (", ", ": ")
    lines = []
    for identity, title, text in ROWS:
        paths = [path.split(" > ") for path in text.split("|")]
        record = {"id": identity, "categories": paths, "title": title, "n": 1.50}
        lines.append(json.dumps(record, separators=separators, ensure_ascii=compact))
    return "\n".join(lines) + "\n"


SHAPES = {
    "comma.csv": table(",", "\n").encode(),
    "semicolon-windows.csv": table(";", "\r\n").encode("cp1252"),
    "mark.csv": ("\ufeff" + table(";", "\r\n")).encode(),
    "quoted.csv": table(",", "\n", quoted=True).encode(),
    "tabs.tsv": table("\t", "\n").encode(),
    "utf16.csv": ("\ufeff" + table(";", "\r\n")).encode("utf-16-le"),
    "spaced.jsonl": json_lines(compact=False).encode(),
    "compact.jsonl": json_lines(compact=True).encode(),
}


def decide(workspace: Workspace, row: int, *labels: str) -> None:
    workspace.decide([row], tuple(sorted(labels)), 0, f"key-{row}-000", "uncertain", ADA)


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_file_comes_back_but_for_the_changed_cells(
    tmp_path: Path, workspace_of: Open, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(SHAPES[name])
    workspace = workspace_of(path)
    assert EXPORTS["catalog"].write(workspace) == SHAPES[name]
    decide(workspace, 2, "Kitchen", "Bowls")
    # confirmed as it was: not a byte changes
    decide(workspace, 0, "Kitchen", "Mugs")
    content = EXPORTS["catalog"].write(workspace)
    encoding = "utf-16-le" if name.startswith("utf16") else "latin-1"
    before = SHAPES[name].decode(encoding).splitlines(keepends=True)
    after = content.decode(encoding).splitlines(keepends=True)
    changed = [a for a, b in zip(before, after, strict=True) if a != b]
    assert [("p3" in line) for line in changed] == [True]
    # of that line, too, only the cell: what stands before and behind it is the same
    (old,) = changed
    (new,) = set(after) - set(before)
    at = min(place for place in range(len(old)) if old[: place + 1] != new[: place + 1])
    assert "Flower" in old[:at] or name.endswith("jsonl")
    assert old.endswith(new[-4:])
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / name
    again.write_bytes(content)
    paths = read_catalog(again).catalog.column("categories")[2]
    assert flatten(paths, "flat") == {"Kitchen", "Bowls"}
    assert SHAPES[name] == path.read_bytes()


def test_a_file_without_categories_gets_the_column(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id,title\np1,Mug\np2,Pot\n")
    workspace = workspace_of(path)
    decide(workspace, 0, "Kitchen", "Mugs")
    content = EXPORTS["catalog"].write(workspace).decode()
    assert content == "id,title,categories\np1,Mug,Kitchen > Mugs\np2,Pot,\n"


def test_what_cannot_be_written_back_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "array.json"
    path.write_text('[{"id": "p1", "title": "Mug", "categories": ["Mugs"]}]')
    workspace = workspace_of(path)
    with pytest.raises(Problem, match="not written back"):
        EXPORTS["catalog"].write(workspace)


def test_a_file_that_was_changed_meanwhile_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(SHAPES["comma.csv"])
    workspace = workspace_of(path)
    path.write_bytes(SHAPES["comma.csv"].replace(b"Flower", b"Plant"))
    with pytest.raises(Problem, match="title would be read otherwise"):
        EXPORTS["catalog"].write(workspace)


def test_training_takes_every_decision(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(SHAPES["comma.csv"])
    workspace = workspace_of(path)
    decide(workspace, 1, "Garden")
    decide(workspace, 3, "Kitchen", "Bowls")
    (tmp_path / "corrections.jsonl").write_bytes(EXPORTS["jsonl"].write(workspace))
    corrections = read_corrections(tmp_path / "corrections.jsonl")
    assert {one.id: one.labels for one in corrections} == {
        "p2": ("Garden",),
        "p4": ("Bowls", "Kitchen"),
    }


def test_label_studio_gets_second_opinions(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(SHAPES["comma.csv"])
    workspace = workspace_of(path)
    decide(workspace, 1, "Garden")
    workspace.decide([1], ("Kitchen",), 1, "key-second", "uncertain", Visitor("Bob", "reviewer"))
    (task,) = json.loads(EXPORTS["labelstudio"].write(workspace))
    people = [one["completed_by"]["email"] for one in task["annotations"]]
    assert people == ["Ada", "Bob"]


def test_no_cell_of_the_table_is_a_formula(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title,categories\n=1+1,Mug,Mugs\np2,Mug,Mugs\n")
    workspace = workspace_of(path)
    decide(workspace, 0, "Mugs")
    assert b"\n'=1+1," in EXPORTS["csv"].write(workspace).replace(b"\r", b"")
