"""ECE, Brier, coverage and queue figures against slow counting and known answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import brier_score_loss

from shelfwise.metrics.calibration import brier, calibration_figures, highest, reliability
from shelfwise.metrics.selective import ACCEPT, REJECT, REVIEW, coverage_at_precision, queue_figures

CASES = st.tuples(st.integers(1, 12), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(bool, shape),
        hnp.arrays(np.int64, shape, elements=st.integers(0, 8)).map(lambda steps: steps / 8),
    )
)


def honest(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.3, 2, (count, 20))
    return rng.random(scores.shape) < scores, scores


@settings(max_examples=50, deadline=None)
@given(CASES, st.integers(1, 6))
def test_equally_wide_bins_are_counted_one_by_one(case, bins):
    targets, scores = case
    total = 0.0
    for i in range(bins):
        inside = ((scores > i / bins) | (i == 0)) & (scores <= (i + 1) / bins)
        total += abs(targets[inside].sum() - scores[inside].sum())
    assert reliability(targets, scores, bins, "width").error == pytest.approx(total / scores.size)


@settings(max_examples=50, deadline=None)
@given(CASES, st.integers(1, 6))
def test_bins_of_equal_mass_keep_equal_scores_together(case, bins):
    targets, scores = case
    curve = reliability(targets, scores, bins, "mass")
    assert curve.count.sum() == scores.size
    assert len(curve.count) <= bins
    assert (np.diff(curve.score) > 0).all()
    assert curve.frequency @ curve.count == pytest.approx(targets.sum())
    assert curve.score @ curve.count == pytest.approx(scores.sum())


def test_bins_of_equal_mass_are_about_equal():
    targets, scores = honest(500)
    assert reliability(targets, scores, bins=10).count == pytest.approx(np.full(10, scores.size / 10), abs=1)


def test_honest_scores_have_hardly_an_error_and_others_have_theirs():
    targets, scores = honest(5000)
    certain, doubled = np.where(scores >= 0.5, 1.0, 0.0), np.minimum(2 * scores, 1)
    for spacing in ("mass", "width"):
        assert reliability(targets, scores, spacing=spacing).error < 0.005
        assert reliability(targets, doubled, spacing=spacing).error == pytest.approx(
            (doubled - scores).mean(), abs=0.005
        )
    assert reliability(targets, certain, spacing="width").error == pytest.approx(
        abs(certain - scores).mean(), abs=0.005
    )


def test_the_top_labels_hide_no_error_behind_easy_zeros():
    targets, scores = honest(2000)
    doubled = np.minimum(2 * scores, 1)
    assert reliability(targets, doubled, top=3).error > 1.5 * reliability(targets, doubled).error
    true, said = highest(np.array([[1, 0, 0]]), np.array([[0.5, 0.1, 0.5]]), 2)
    assert (true.tolist(), said.tolist()) == ([1, 0], [0.5, 0.5])


def test_brier_is_scikit_learns():
    targets, scores = honest(100)
    assert brier(targets, scores) == pytest.approx(brier_score_loss(targets.ravel(), scores.ravel()))


@settings(max_examples=60, deadline=None)
@given(CASES, st.sampled_from([0.3, 0.5, 0.9, 1.0]))
def test_coverage_is_that_of_the_lowest_good_threshold(case, precision):
    targets, scores = case
    good = [t for t in np.unique(scores[scores > 0]) if targets[scores >= t].mean() >= precision]
    found = coverage_at_precision(targets, scores, precision)
    assert found["threshold"] == (min(good) if good else None)
    if good:
        accepted = scores >= min(good)
        assert found["labels"] == pytest.approx((accepted & targets).sum() / max(targets.sum(), 1))
        assert found["products"] == pytest.approx(accepted.any(axis=1).mean())


def test_queue_figures_by_hand():
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    decided = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]])
    labels = np.array([[ACCEPT, REVIEW, REJECT], [ACCEPT, ACCEPT, REJECT], [REJECT, REJECT, REJECT]], np.int8)
    figures = queue_figures(targets, decided, labels, np.array([ACCEPT, ACCEPT, REJECT], np.int8))
    assert figures == pytest.approx(
        {
            "precision": 2 / 3,
            "recall": 3 / 4,
            "accepted_true": 2 / 4,
            "automatic": 3 / 4,
            "with_accepted": 2 / 3,
            "reviews": 1 / 3,
            "products_accepted": 2 / 3,
            "products_reviewed": 0,
            "products_rejected": 1 / 3,
            "whole_precision": 3 / 4,
            "whole_recall": 1,
            "whole_exact": 1 / 2,
        }
    )


def test_nothing_to_count_is_zero():
    none = np.zeros((0, 3))
    figures = calibration_figures(none, none)
    assert all(value == 0 for name, value in figures.items() if name != "curve")
    assert coverage_at_precision(none, none, 0.9) == {"threshold": None, "labels": 0.0, "products": 0.0}
    assert set(queue_figures(none, none, none.astype(np.int8), np.zeros(0, np.int8)).values()) == {0.0}


def test_figures_are_json():
    targets, scores = honest(50)
    figures = calibration_figures(targets, scores.astype(np.float32))
    json.dumps(figures, allow_nan=False)
    assert (
        len(figures["curve"]["score"]) == len(figures["curve"]["frequency"]) == len(figures["curve"]["count"])
    )
    assert figures["ece_mass_top"] == reliability(targets, scores.astype(np.float32), top=5).error
