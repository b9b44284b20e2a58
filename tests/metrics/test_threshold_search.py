"""Thresholds from sorted columns, against trying every score."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.metrics import threshold_search
from shelfwise.metrics.threshold_search import (
    DEFAULT_THRESHOLD,
    best_micro_f1,
    best_threshold_of_ranked,
    count_reaching,
    own_thresholds,
)
from tests.metrics.random_cases import tied_cases

CASES = tied_cases(st.integers(1, 9), st.integers(1, 5))


def by_trying(scores, true):
    """The threshold of one label: every distinct score above 0 is tried, from the highest down."""
    best, threshold = 0.0, DEFAULT_THRESHOLD
    for cut in sorted({float(s) for s in scores if s > 0}, reverse=True):
        given_ = scores >= np.float32(cut)
        f1 = 2 * (given_ & true).sum() / (given_.sum() + true.sum())
        if f1 > best:
            lower = max((float(s) for s in scores if s < np.float32(cut)), default=0.0)
            best, threshold = f1, (cut + lower) / 2
    return threshold


@settings(max_examples=60, deadline=None)
@given(CASES, st.data())
def test_own_thresholds_are_those_of_trying_every_score(case, data):
    scores, targets = case
    wanted = data.draw(st.one_of(st.none(), hnp.arrays(bool, len(scores))))
    some = slice(None) if wanted is None else wanted
    slow = [by_trying(scores[some, i], targets[some, i]) for i in range(scores.shape[1])]
    rows, labels = np.nonzero(targets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threshold_search, "LABELS_PER_BLOCK", 2)
        assert own_thresholds(scores, rows, labels, wanted).tolist() == pytest.approx(slow)
    assert own_thresholds(sp.csr_array(scores), rows, labels, wanted).tolist() == pytest.approx(
        slow
    )


@settings(max_examples=40, deadline=None)
@given(CASES, st.data())
def test_scores_that_reach_thresholds_are_counted(case, data):
    scores, _ = case
    wanted = data.draw(hnp.arrays(bool, len(scores)))
    thresholds = data.draw(
        hnp.arrays(np.float64, (3, scores.shape[1]), elements=st.sampled_from([0.2, 0.3, 0.6, 1.0]))
    )
    slow = [
        int(sum((scores[n] >= row).sum() for n in np.flatnonzero(wanted))) for row in thresholds
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threshold_search, "CELLS_PER_BLOCK", 2 * scores.shape[1])
        assert count_reaching(scores, thresholds, wanted).tolist() == slow
    assert count_reaching(sp.csr_matrix(scores), thresholds, wanted).tolist() == slow


def test_of_equal_cuts_the_highest_and_nothing_without_a_scored_true_pair():
    # accepting one gives 2 * 1 / (1 + 2), accepting four gives 2 * 2 / (4 + 2): the same
    assert best_threshold_of_ranked(np.array([0.6, 0.7, 0.8, 0.9]), np.array([0.6, 0.9]), 2) == (
        pytest.approx(0.85),
        pytest.approx(2 / 3),
    )
    assert best_threshold_of_ranked(np.array([0.1, 0.4]), np.zeros(0), 3) == (
        DEFAULT_THRESHOLD,
        0.0,
    )


def test_a_hopeless_model_of_many_labels_takes_little_memory():
    """Of a label that the model cannot tell, every score may be the best threshold; memory stays bounded."""
    import tracemalloc

    rng = np.random.default_rng(0)
    scores = rng.random((2000, 1000), np.float32)
    rows, labels = np.nonzero(rng.random(scores.shape) < 0.003)
    tracemalloc.start()
    own_thresholds(scores, rows, labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < scores.nbytes / 2


GRID = np.linspace(0.02, 0.98, 97)
SCORED = st.tuples(
    hnp.arrays(
        np.float32,
        (6, 3),
        elements=st.sampled_from([0.0, 0.019, 0.1, 0.35, 0.5, 0.77, 0.979, 0.99, 1.0]),
    ),
    hnp.arrays(np.bool_, (6, 3)),
)


def f1_of(targets, decided):
    accepted = decided.sum() + targets.sum()
    return float(2 * (targets & decided).sum() / accepted) if accepted else 0.0


@settings(deadline=None, max_examples=60)
@given(SCORED)
def test_best_micro_f1_on_given_thresholds_is_that_of_trying_them(case):
    scores, targets = case
    slow = max(f1_of(targets, scores >= t) for t in GRID)
    assert best_micro_f1(targets.astype(np.float32), scores, GRID) == slow


@settings(deadline=None, max_examples=60)
@given(SCORED)
def test_best_micro_f1_is_that_of_trying_every_score_above_0(case):
    scores, targets = case
    slow = max((f1_of(targets, scores >= t) for t in np.unique(scores[scores > 0])), default=0.0)
    assert best_micro_f1(targets, scores) == slow


def test_without_a_target_nothing_is_found():
    nothing = np.zeros((2, 2), np.float32)
    half = np.full((2, 2), 0.5, np.float32)
    assert best_micro_f1(nothing, half) == 0
    assert best_micro_f1(nothing, half, GRID) == 0
