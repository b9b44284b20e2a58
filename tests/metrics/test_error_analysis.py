"""Error tables: which labels they show, in which order; what rarity and changes rest on."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.core.types import Bools
from shelfwise.metrics.error_analysis import ErrorRow, changes, error_table, overlap, rarity


def decisions(missed: list[int], total: list[int]) -> tuple[Bools, Bools]:
    """Targets and decisions with so many missed products of each label."""
    rows = np.arange(max(total))[:, None]
    targets = rows < np.array(total)
    return targets, targets & (rows >= np.array(missed))


def test_fifteen_labels_are_shown_where_nothing_is_said() -> None:
    targets, decided = decisions([1] * 20, [2] * 20)
    names = [f"label {i}" for i in range(20)]
    assert len(error_table(targets, decided, names)) == 15
    assert len(changes(targets, {"title": decided}, targets, names)) == 15
    assert len(error_table(targets, decided, names, None)) == 20


def test_names_are_as_many_as_labels() -> None:
    """Otherwise a label would stand under the name of another."""
    targets, decided = decisions([1, 2], [3, 3])
    for names in (["a"], ["a", "b", "c"]):
        with pytest.raises(ValueError, match="zip"):
            error_table(targets, decided, names)
        with pytest.raises(ValueError, match="zip"):
            changes(targets, {"title": decided}, targets, names)


def test_what_all_columns_share_is_told_from_three_columns_on() -> None:
    rows = [ErrorRow(label="Birds", missed=1, total=2)]
    assert overlap({"a": rows, "b": rows}) == {"a & b": ["Birds"]}
    assert overlap({"a": rows, "b": rows, "c": rows})["all"] == ["Birds"]


def test_three_labels_show_whether_rare_ones_are_missed_more() -> None:
    assert rarity(*decisions([1, 1, 0], [1, 2, 3])) == pytest.approx(-1)
    assert rarity(*decisions([0, 1, 3], [1, 2, 3])) == pytest.approx(1)
    assert rarity(*decisions([1, 0], [1, 2])) is None


def test_what_changed_most_comes_first_however_often_it_is_missed() -> None:
    total = [10, 10, 10]
    targets, before = decisions([9, 5, 0], total)
    _, after = decisions([9, 1, 2], total)
    found = changes(targets, {"title": before}, after, ["same", "better", "worse"])
    assert [row["label"] for row in found] == ["better", "worse", "same"]
