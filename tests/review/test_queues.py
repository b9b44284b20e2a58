"""Which products the queues hold, and in what order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from shelfwise.review.queues import Filter
from shelfwise.review.workspace import Workspace

Open = Callable[..., Workspace]


def suspects(workspace: Workspace) -> list[int]:
    return workspace.queues.rows(Filter("wrong"), workspace.store.current())


def test_whatever_is_more_suspect_than_the_average_is_looked_at_the_worst_first(
    tmp_path: Path, workspace_of: Open
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title,categories\n" + "".join(f"p{n},Mug,Mugs\n" for n in range(10)))
    suspicion = np.array([0.001, 0.2, 0.001, 0.9, 0.002, 0.001, 0.4, 0.001, 0.0, 0.05])
    # their average is 0.16: far below an even chance
    assert suspects(workspace_of(path, suspicion=suspicion)) == [3, 6, 1]


def test_a_catalogue_that_is_wrong_throughout_is_looked_at_throughout(
    tmp_path: Path, workspace_of: Open
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title,categories\np1,Mug,Mugs\np2,Mug,Mugs\np3,Mug,\n")
    workspace = workspace_of(path, suspicion=np.array([0.8, 0.8, 0.0]))
    assert suspects(workspace) == [0, 1]


def test_without_suspicion_nothing_is_suspect(tmp_path: Path, workspace_of: Open) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title\np1,Mug\n")
    assert suspects(workspace_of(path)) == []
