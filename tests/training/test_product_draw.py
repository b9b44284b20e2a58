"""A draw keeps rare labels, and is otherwise even."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.core.types import Floats
from shelfwise.training.product_draw import LEAST_OF_A_LABEL, draw_products, taken


def targets_of(count: int = 4000, seed: int = 0) -> Floats:
    """Label 0 of half of the products, 1 of a fifth, 2 of 300 of them, 3 of 60, 4 of 5, 5 of none."""
    generator = np.random.default_rng(seed)
    targets = np.zeros((count, 6), np.float32)
    targets[:, 0] = generator.random(count) < 0.5
    targets[:, 1] = generator.random(count) < 0.2
    for label, size in ((2, 300), (3, 60), (4, 5)):
        targets[generator.choice(count, size, replace=False), label] = 1
    return targets


def test_rare_labels_stay_and_the_others_are_drawn_evenly() -> None:
    targets = targets_of()
    rows = draw_products(targets, 400, seed=0)
    assert len(rows) == 400
    assert np.all(np.diff(rows) > 0)
    counts = targets[rows].sum(axis=0)
    assert counts[4] == 5, "all of the rarest"
    assert counts[3] == LEAST_OF_A_LABEL, "an even draw would leave six"
    # 30 of 300 are expected, 200 and 80 of the others
    assert 15 < counts[2] < 50
    assert 170 < counts[0] < 230
    assert 60 < counts[1] < 110


def test_a_draw_is_the_same_for_the_same_seed() -> None:
    targets = targets_of()
    first = draw_products(targets, 400, seed=0)
    assert np.array_equal(first, draw_products(targets, 400, seed=0))
    assert not np.array_equal(first, draw_products(targets, 400, seed=1))


@pytest.mark.parametrize("most", [4000, 5000])
def test_no_more_than_the_limit_are_all_of_them(most: int) -> None:
    targets = targets_of()
    rows = draw_products(targets, most, seed=0)
    assert np.array_equal(rows, np.arange(4000))
    assert taken(targets, rows) is targets


def test_labels_that_are_all_rare_do_not_pass_the_limit() -> None:
    targets = np.eye(1000, dtype=np.float32)
    rows = draw_products(targets, 100, seed=0)
    assert len(rows) == len(np.unique(rows)) == 100
