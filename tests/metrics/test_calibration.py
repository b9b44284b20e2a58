"""ECE and Brier score against slow counting and known answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as skm_log_loss

from shelfwise.metrics import calibration
from shelfwise.metrics.calibration import (
    PooledDecisions,
    Reliability,
    brier,
    calibration_figures,
    log_loss,
)


def cases_of(most_labels: int):
    """Targets and scores of up to 12 products; many scores are equal, and many are 0."""
    shapes = st.tuples(st.integers(1, 12), st.integers(1, most_labels))
    eighths = st.integers(0, 8)
    return shapes.flatmap(
        lambda shape: st.tuples(
            hnp.arrays(bool, shape),
            hnp.arrays(np.int64, shape, elements=eighths).map(lambda steps: steps / 8),
        )
    )


CASES = cases_of(most_labels=4)


def reliability(targets, scores, bins=15, spacing="mass", top=None) -> Reliability:
    return calibration.reliability(PooledDecisions.of(targets, scores, top), bins, spacing)


def calibrated(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
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
    targets, scores = calibrated(500)
    assert reliability(targets, scores, bins=10).count == pytest.approx(
        np.full(10, scores.size / 10), abs=1
    )


def test_calibrated_scores_have_hardly_an_error_and_others_have_theirs():
    targets, scores = calibrated(5000)
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
    targets, scores = calibrated(2000)
    doubled = np.minimum(2 * scores, 1)
    assert reliability(targets, doubled, top=3).error > 1.5 * reliability(targets, doubled).error
    pooled = PooledDecisions.of(np.array([[1, 0, 0]]), np.array([[0.5, 0.1, 0.5]]), 2)
    assert (pooled.true.tolist(), pooled.predicted.tolist()) == ([1, 0], [0.5, 0.5])


def test_brier_is_scikit_learns():
    targets, scores = calibrated(100)
    assert brier(PooledDecisions.of(targets, scores)) == pytest.approx(
        brier_score_loss(targets.ravel(), scores.ravel())
    )


def test_nothing_to_count_is_zero():
    none = np.zeros((0, 3))
    figures = calibration_figures(none, none)
    assert all(value == 0 for name, value in figures.items() if name != "curve")


def test_figures_are_json():
    targets, scores = calibrated(50)
    figures = calibration_figures(targets, scores.astype(np.float32))
    json.dumps(figures, allow_nan=False)
    assert (
        len(figures["curve"]["score"])
        == len(figures["curve"]["frequency"])
        == len(figures["curve"]["count"])
    )
    assert figures["ece_mass_top"] == reliability(targets, scores.astype(np.float32), top=5).error


def test_every_figure_is_what_its_name_says():
    """Each by itself, over all labels and over the top five: no two of them may be mixed up."""
    targets, scores = calibrated(200)
    scores = np.sqrt(scores)  # far from calibrated, so that all figures differ
    figures = calibration_figures(targets, scores)
    top = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    expected = {}
    for ending, true, predicted in (
        ("", targets, scores),
        ("_top", np.take_along_axis(targets, top, 1), np.take_along_axis(scores, top, 1)),
    ):
        hits, likely = true.ravel(), predicted.ravel()
        for spacing in ("mass", "width"):
            name = f"ece_{spacing}{ending}"
            expected[name] = reliability(true, predicted, spacing=spacing).error
        expected[f"brier{ending}"] = brier_score_loss(hits, likely)
        expected[f"log_loss{ending}"] = skm_log_loss(hits, np.clip(likely, 1e-4, 1 - 1e-4))
    curve = figures.pop("curve")
    assert figures == pytest.approx(expected)
    assert len(set(figures.values())) == 8
    drawn = reliability(targets, scores, spacing="width", top=5)
    assert curve["score"] == drawn.score.tolist()
    assert curve["frequency"] == drawn.frequency.tolist()
    assert curve["count"] == drawn.count.tolist()
    assert sum(curve["count"]) == 5 * 200


def test_brier_of_the_top_labels_counts_these_only():
    targets, scores = np.array([[1, 0, 0]]), np.array([[0.5, 0.4, 0.0]])
    assert brier(PooledDecisions.of(targets, scores, top=2)) == pytest.approx((0.25 + 0.16) / 2)
    assert brier(PooledDecisions.of(targets, scores)) == pytest.approx((0.25 + 0.16) / 3)


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_sparse_scores_have_the_figures_of_dense_ones(case):
    targets, scores = case
    expected = calibration_figures(targets, scores)
    found = calibration_figures(sp.csr_array(targets), sp.csr_array(scores))
    assert found.pop("curve")["count"] == expected.pop("curve")["count"]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_decisions_counted_a_few_at_a_time_give_the_same_digits(kind, monkeypatch):
    targets, scores = calibrated(50)
    expected = calibration_figures(kind(targets), kind(scores))
    monkeypatch.setattr(calibration, "DECISIONS_PER_BLOCK", 7)
    assert calibration_figures(kind(targets), kind(scores)) == expected


@settings(max_examples=50, deadline=None)
@given(CASES, st.lists(st.floats(0.01, 1), min_size=1, max_size=3))
def test_quantiles_of_sparse_scores_are_those_of_all_decisions(case, shares):
    targets, scores = case
    found = PooledDecisions.of(sp.csr_array(targets), sp.csr_array(scores)).quantiles(
        np.array(shares)
    )
    assert found.tolist() == np.quantile(scores, shares, method="inverted_cdf").tolist()


@settings(max_examples=100, deadline=None)
@given(cases_of(most_labels=9), st.integers(1, 6))
def test_the_highest_labels_of_sparse_scores_are_those_of_dense_ones(case, top):
    """More labels than the top, and products of which fewer are scored: the first unscored ones fill up."""
    targets, scores = case
    expected = PooledDecisions.of(targets, scores, top)
    found = PooledDecisions.of(sp.csr_array(targets), sp.csr_array(scores), top)
    assert found.unscored is None
    pairs = zip(found.true.tolist(), found.predicted.tolist(), strict=True)
    assert sorted(pairs) == sorted(
        zip(expected.true.tolist(), expected.predicted.tolist(), strict=True)
    )


def test_unscored_labels_fill_up_each_product_by_itself():
    scores = sp.csr_array([[0, 0.5, 0, 0], [0.25, 0, 0.5, 0], [0, 0, 0, 0]])
    targets = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 1]])
    pooled = PooledDecisions.of(targets, scores, 2)
    # the first product's second label is its first, the third product's are its first two
    assert sorted(zip(pooled.true, pooled.predicted, strict=True)) == [
        (0, 0),
        (0, 0.25),
        (0, 0.5),
        (0, 0.5),
        (1, 0),
        (1, 0),
    ]


@pytest.mark.parametrize(
    ("hit", "likely", "loss"),
    [(True, 0, 1e-4), (False, 1, 1e-4), (True, 1, 1 - 1e-4), (False, 0, 1 - 1e-4)],
)
def test_no_probability_is_certain_in_the_log_loss(hit, likely, loss):
    assert log_loss(np.array([hit]), np.array([likely])) == pytest.approx(-np.log(loss))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_scores_in_single_precision_are_summed_in_double(kind):
    targets, scores = calibrated(50)
    single = scores.astype(np.float32)
    expected = calibration_figures(targets, single.astype(np.float64))
    found = calibration_figures(targets, kind(single))
    assert found.pop("curve")["score"] == pytest.approx(expected.pop("curve")["score"], rel=1e-12)
    assert found == pytest.approx(expected, rel=1e-12)


def test_bins_without_a_decision_are_left_out():
    curve = reliability(np.array([[1, 0]]), np.array([[0.9, 0.2]]), bins=10, spacing="width")
    assert curve.score == pytest.approx([0.2, 0.9])
    assert (curve.frequency.tolist(), curve.count.tolist()) == ([0, 1], [1, 1])


def test_of_many_equal_scores_the_first_labels_count():
    scores = np.tile([0.5, 0.25], (1, 100))
    targets = np.zeros(scores.shape)
    # the first five of the hundred labels that are scored highest
    targets[0, [0, 2, 4, 6, 8]] = 1
    assert PooledDecisions.of(targets, scores, 5).true.tolist() == [1] * 5
