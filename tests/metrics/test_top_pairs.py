"""Thresholds found from the highest pairs only are those of all pairs, whatever the scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.decision.thresholds import best_shrink, best_threshold, per_label_thresholds
from shelfwise.metrics import top_pairs
from shelfwise.metrics.scored_pairs import ScoredPairs


def made(products, labels, quality, seed, levels=None):
    """Rare and common labels, some without a product, and scores that tie if there are `levels`."""
    rng = np.random.default_rng(seed)
    targets = rng.random((products, labels)) < np.append(0.3 * 0.6 ** np.arange(labels - 1), 0)
    scores = 1 / (1 + np.exp(-(quality * targets + rng.standard_normal(targets.shape) - 2)))
    scores = np.round(scores * levels) / levels if levels else scores
    return targets, scores.astype(np.float32)


def everything(targets, scores):
    return (
        best_threshold(targets, scores),
        per_label_thresholds(targets, scores, 3.0).tolist(),
        best_shrink(targets, scores, folds=3),
    )


def only_the_highest(monkeypatch):
    for name, value in (
        ("MAX_CELLS_SORTED_WHOLE", 0),
        ("SAMPLE_EVERY", 3),
        ("MIN_SAMPLED_PAIRS", 2),
        ("PAIRS_PER_POSITIVE", 1.0),
    ):
        monkeypatch.setattr(top_pairs, name, value)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 300),
    st.integers(2, 7),
    st.floats(-1, 5),
    st.integers(0, 99),
    st.sampled_from([None, 5, 50]),
)
def test_the_answer_is_that_of_all_pairs(products, labels, quality, seed, levels):
    case = made(products, labels, quality, seed, levels)
    whole = everything(*case)
    with pytest.MonkeyPatch.context() as patch:
        only_the_highest(patch)
        assert everything(*case) == whole
        targets, scores = case
        assert best_threshold(sp.csr_array(targets), scores) == whole[0]
        assert best_threshold(targets, sp.csr_array(scores)) == whole[0]


def test_most_pairs_of_a_good_model_are_never_sorted(monkeypatch):
    targets, scores = made(4000, 8, quality=6, seed=0)
    kept = []
    only_the_highest(monkeypatch)
    whole = ScoredPairs.of
    monkeypatch.setattr(ScoredPairs, "of", lambda *some: kept.append(whole(*some)) or kept[-1])
    best_threshold(targets, scores)
    assert 0 < len(kept[-1].scores) < scores.size / 3


def test_a_model_that_knows_no_true_pair_needs_all_of_them(monkeypatch):
    targets, scores = made(500, 3, quality=4, seed=1)
    scores[targets] = 0  # what products have is never scored
    only_the_highest(monkeypatch)
    assert best_threshold(targets, scores) == 0.5


def test_floors_are_reached_by_as_many_as_wanted():
    ranked = np.array([[0.1, 0.2, 0.3, 0.4]])
    assert top_pairs._kth_highest(ranked, 2.5) == pytest.approx(0.2)
    assert top_pairs._kth_highest(ranked, 4.0) == 0.0
