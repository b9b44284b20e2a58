"""The best set of each product against every set and every truth, one by one."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.decision import expected_f1 as module
from shelfwise.decision.expected_f1 import MIN_PROBABILITY, best_sets, expected_f1

CHANCES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(1, 6)),
    elements=st.sampled_from([0, 0.01, 0.2, 0.45, 0.8, 1]),
)


def slow_expected_f1(chances: np.ndarray, chosen: tuple[int, ...]) -> float:
    """Every truth, its probability, and its F1 with the chosen labels; 1 if nothing is given and true."""
    total = 0.0
    for truth in product([0, 1], repeat=len(chances)):
        likely = np.prod(np.where(truth, chances, 1 - chances))
        size = len(chosen) + sum(truth)
        total += likely * (2 * sum(truth[i] for i in chosen) / size if size else 1)
    return total


@settings(max_examples=60, deadline=None)
@given(CHANCES)
def test_expected_f1_of_the_first_k(chances):
    fast = expected_f1(chances)
    for row, values in zip(chances, fast, strict=True):
        assert values == pytest.approx(
            [slow_expected_f1(row, tuple(range(k))) for k in range(len(row) + 1)]
        )


@settings(max_examples=40, deadline=None)
@given(CHANCES)
def test_no_set_at_all_is_better(chances):
    for row, decided in zip(chances, best_sets(chances), strict=True):
        sets = [chosen for k in range(len(row) + 1) for chosen in combinations(range(len(row)), k)]
        assert slow_expected_f1(row, tuple(np.flatnonzero(decided))) == pytest.approx(
            max(slow_expected_f1(row, s) for s in sets)
        )


def test_many_products_are_decided_as_each_alone():
    rng = np.random.default_rng(0)
    chances = rng.beta(0.1, 1, (2500, 30)).astype(np.float32)
    chances[::7] = 0
    decided = best_sets(chances)
    alone = np.concatenate([best_sets(chances[i : i + 1]) for i in range(0, 2500, 83)])
    assert (decided[::83] == alone).all()
    assert not decided[::7].any()


def test_improbable_labels_change_nothing():
    probable = np.array([[0.9, 0.6, 0.3]])
    assert (
        best_sets(np.hstack([probable, np.full((1, 40), MIN_PROBABILITY * 0.9)]))[0, :3].tolist()
        == best_sets(probable)[0].tolist()
    )
    assert best_sets(np.full((2, 40), MIN_PROBABILITY * 0.9)).sum() == 0
    assert best_sets(np.zeros((0, 3))).shape == (0, 3)


def test_sparse_products_are_decided_as_dense_ones():
    chances = np.array([[0.9, 0.0, 0.6, 0.0], [0.0, 0.7, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    decided = best_sets(sp.csr_array(chances))
    # the last product and the last label have none
    assert decided.shape == chances.shape
    assert decided.dtype == best_sets(chances).dtype == np.bool_
    assert decided.toarray().tolist() == best_sets(chances).tolist()


def test_tables_hold_no_more_numbers_than_wanted(monkeypatch):
    rng = np.random.default_rng(0)
    chances = rng.beta(0.2, 1, (60, 12))
    whole = best_sets(chances)
    shapes = []

    def watched(probabilities):
        shapes.append(probabilities.shape)
        return expected_f1(probabilities)

    monkeypatch.setattr(module, "CELLS_PER_BLOCK", 500)
    monkeypatch.setattr(module, "expected_f1", watched)
    assert (best_sets(chances) == whole).all()
    assert all(rows == 1 or rows * (labels + 1) ** 2 <= 500 for rows, labels in shapes)
    # not one by one either
    assert len(shapes) < 30
    monkeypatch.setattr(module, "CELLS_PER_BLOCK", 1)
    shapes.clear()
    assert (best_sets(chances) == whole).all()
    assert {rows for rows, _ in shapes} == {1}
