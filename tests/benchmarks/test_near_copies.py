"""The benchmark of near-copies finds what it plants, at a size that takes a second."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.sample import write_sample

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def near_copies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("near_copies")


def test_planted_copies_are_found_and_nothing_else(near_copies: Any) -> None:
    figures = near_copies.measured(near_copies.generated(10_000, seed=1))
    assert figures["copies"] > 100
    assert figures["recall"] >= 0.95
    assert figures["precision"] >= 0.99
    # the boilerplate below 30 % of the texts chains nothing
    assert figures["largest_group"] < 10


def test_what_is_planted_is_what_is_told(near_copies: Any) -> None:
    products = near_copies.generated(3000, seed=2)
    (texts,) = products.columns
    original, changed = products.original, products.changed
    rows = [row for row in range(3000) if original[row] != row]
    assert rows
    for row in rows:
        # none is the copy of a copy
        assert original[original[row]] == original[row]
        words = [texts[one].as_py().split()[: near_copies.WORDS] for one in (row, original[row])]
        differing = sum(one != other for one, other in zip(*words, strict=True))
        assert differing <= changed[row] <= 3
    with_boilerplate = sum("service29" in text for text in texts.to_pylist())
    assert 0.25 * 3000 < with_boilerplate < 0.35 * 3000


def test_copies_of_a_sample_are_found_where_both_have_their_texts(
    near_copies: Any, tmp_path: Path
) -> None:
    write_sample(tmp_path, 2000, images=False)
    figures = near_copies.measured(near_copies.of_sample(tmp_path))
    assert figures["copies"] > 20
    assert min(figures["recall_by_words_changed"][str(count)] for count in range(3)) >= 0.9


def test_a_copy_of_a_copy_is_of_the_family_of_both(near_copies: Any) -> None:
    assert near_copies.families(np.array([0, 0, 1, 3, 2])).tolist() == [0, 0, 0, 3, 0]


def test_pairs_are_counted_within_groups(near_copies: Any) -> None:
    assert near_copies.pairs_in(np.array([0, 0, 0, 1, 2, 2])) == 4
