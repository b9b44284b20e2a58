"""Counting scores: the same as counting one pair after another, whatever the blocks, dense or sparse."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import logit

from shelfwise.metrics import score_counts
from shelfwise.metrics.score_counts import EPSILON, STEPS_PER_LOGIT, FoldCounts, rounded


def example(count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of which some are 0 and many equal, targets, and three folds."""
    rng = np.random.default_rng(0)
    scores = np.round(rng.random((count, 4)), 2).astype(np.float32) ** 3
    return scores, rng.random(scores.shape) < scores, rng.integers(0, 3, count)


def counted_one_by_one(
    scores: np.ndarray, targets: np.ndarray, used: np.ndarray
) -> dict[tuple[int, float], tuple[int, int]]:
    """By label and rounded score: pairs and hits of the products that are `used`."""
    pairs: Counter[tuple[int, float]] = Counter()
    hits: Counter[tuple[int, float]] = Counter()
    for row, label in zip(*np.nonzero(scores), strict=True):
        if used[row]:
            key = (int(label), float(rounded(scores[row, label : label + 1].astype(float))[0]))
            pairs[key] += 1
            hits[key] += bool(targets[row, label])
    return {key: (number, hits[key]) for key, number in pairs.items()}


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("cells", [10, 1 << 21])
@pytest.mark.parametrize("fold", [None, 1])
def test_counts_are_those_of_one_pair_after_another(kind, cells, fold, monkeypatch):
    monkeypatch.setattr(score_counts, "CELLS_PER_BLOCK", cells)
    scores, targets, fold_of = example()
    counts = FoldCounts.of(kind(scores), kind(targets), fold_of).without(fold)
    found = {
        (label, score): (pairs, hits)
        for label, score, pairs, hits in zip(
            counts.labels.tolist(),
            counts.scores.tolist(),
            counts.pairs.tolist(),
            counts.hits.tolist(),
            strict=True,
        )
    }
    assert found == counted_one_by_one(scores, targets, fold_of != fold)
    # in the order that curves are fitted in
    assert list(found) == sorted(found)


def test_pooled_labels_are_one():
    scores, targets, fold_of = example()
    counts = FoldCounts.of(scores, targets, fold_of).without()
    pooled = counts.pooled()
    assert pooled.n_labels == 1
    assert not pooled.labels.any()
    assert (np.diff(pooled.scores) > 0).all()
    assert pooled.pairs.sum() == np.count_nonzero(scores)
    assert pooled.hits.sum() == np.count_nonzero(targets & (scores > 0))


def test_rounding_moves_a_logit_by_half_a_step_and_keeps_the_order():
    scores = np.linspace(EPSILON, 1 - EPSILON, 10_001)
    near = rounded(scores)
    assert (np.diff(near) >= 0).all()
    assert np.abs(logit(near) - logit(scores)).max() <= 0.5 / STEPS_PER_LOGIT + 1e-9
    assert rounded(np.array([1e-12, 1.0])).tolist() == [EPSILON, 1 - EPSILON]


def test_nothing_scored_is_nothing_counted():
    counts = FoldCounts.of(np.zeros((3, 2)), np.ones((3, 2)), np.zeros(3, np.int64)).without()
    assert len(counts.scores) == len(counts.pooled().scores) == 0
    assert counts.n_labels == 2
