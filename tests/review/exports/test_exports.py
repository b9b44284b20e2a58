"""Exports: the same file back with one column changed, and decisions that training takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.catalog.corrections_file import read_corrections
from shelfwise.errors import LabelError
from shelfwise.review.exports.decision_files import EXPORTS
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor
from shelfwise.service.answers.problems import Problem
from tests.review.catalogue_shapes import SHAPES

Open = Callable[..., Workspace]
ADA = Visitor("Ada", "lead")


def decide(workspace: Workspace, row: int, *labels: str) -> None:
    workspace.decide([row], tuple(sorted(labels)), 0, f"key-{row}-000", "uncertain", ADA)


def test_a_file_without_categories_gets_the_column(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id,title\np1,Mug\np2,Pot\n")
    workspace = workspace_of(path)
    decide(workspace, 0, "Kitchen", "Mugs")
    content = EXPORTS["catalog"].write(workspace).decode()
    assert content == "id,title,categories\np1,Mug,Kitchen > Mugs\np2,Pot,\n"


def test_what_cannot_be_written_back_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "columns.json"
    path.write_text('{"id": {"0": "p1"}, "title": {"0": "Mug"}, "categories": {"0": ["Mugs"]}}')
    workspace = workspace_of(path)
    with pytest.raises(Problem, match="JSON table"):
        EXPORTS["catalog"].write(workspace)


def test_a_file_that_was_changed_meanwhile_is_refused(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(SHAPES["comma.csv"])
    workspace = workspace_of(path)
    path.write_bytes(SHAPES["comma.csv"].replace(b"Flower", b"Plant"))
    with pytest.raises(Problem, match=r"changed since the review began.*title"):
        EXPORTS["catalog"].write(workspace)


def test_images_that_are_found_by_their_folder_stand_in_no_ones_way(
    tmp_path: Path, workspace_of: Open
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "p1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    path = tmp_path / "a.csv"
    path.write_text("id,title,image,categories\np1,Mug,p1,Kitchen > Mugs\np2,Pot,,Kitchen > Mugs\n")
    workspace = workspace_of(path)
    assert workspace.products.field("image", 0) == "images/p1.png"
    decide(workspace, 1, "Garden")
    assert EXPORTS["catalog"].write(workspace).endswith(b"p2,Pot,,Garden\n")


def test_a_line_that_is_no_text_is_kept_byte_for_byte(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.jsonl"
    lines = [b'{"id": "p%d", "title": "Mug", "categories": [["Mugs"]]}\n' % n for n in range(3)]
    # the reader sets it aside, and the other products can be exported all the same
    broken = b'{"id": "p9", "title": "Caf\xe9", "categories": [["Mugs"]]}\n'
    path.write_bytes(lines[0] + broken + lines[1] + lines[2])
    workspace = workspace_of(path)
    decide(workspace, 1, "Bowls")
    changed = lines[1].replace(b"Mugs", b"Bowls")
    assert EXPORTS["catalog"].write(workspace) == lines[0] + broken + changed + lines[2]


def test_labels_that_differ_in_case_alone_are_two_labels(
    tmp_path: Path, workspace_of: Open
) -> None:
    path = tmp_path / "case.csv"
    content = "id,title,categories\n" + "".join(
        f"p{n},Mug {n},Kitchen > {name}\n" for n, name in enumerate(["Mugs", "mugs", "Bowls"])
    )
    path.write_text(content)
    workspace = workspace_of(path)
    assert [workspace.products.starting_labels(row) for row in (0, 1)] == [
        ("Kitchen", "Mugs"),
        ("Kitchen", "mugs"),
    ]
    # neither is taken for the other, and a third writing is no label
    assert workspace.closed(["mugs"]) == ("Kitchen", "mugs")
    with pytest.raises(LabelError, match="'MUGS'"):
        workspace.closed(["MUGS"])
    decide(workspace, 2, "Kitchen", "mugs")
    written = EXPORTS["catalog"].write(workspace).decode()
    assert written == content.replace("Kitchen > Bowls", "Kitchen > mugs")


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
