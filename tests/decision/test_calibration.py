"""Calibration against scikit-learn, a general optimiser and the truth; rising curves, rare labels pooled."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from shelfwise.core.types import State
from shelfwise.decision.calibration import METHODS, Calibration
from shelfwise.decision.calibration_curves import (
    IsotonicCurves,
    bent_columns,
    rising_logistic,
)
from shelfwise.metrics.calibration import log_loss
from shelfwise.metrics.score_counts import FoldCounts, ScoreCounts, rounded

FITTED = [method for method in METHODS if method != "none"]


def exaggerated(
    count: int, labels: int = 5, seed: int = 0, factor: float = 3.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores too sure by `factor` in logits, targets, and true probabilities; the last label is rare."""
    rng = np.random.default_rng(seed)
    truth = expit(rng.normal(-1, 1, (count, labels)) - 3 * (np.arange(labels) == labels - 1))
    targets = rng.random(truth.shape) < truth
    return expit(factor * logit(truth)).astype(np.float32), targets, truth


def counted(scores: np.ndarray, targets: np.ndarray) -> ScoreCounts:
    """How often each label got each rounded score, of all products together."""
    return FoldCounts.of(scores, targets, np.zeros(len(scores), np.int64)).without()


def test_platt_is_scikit_learns_for_every_label():
    scores, targets, _ = exaggerated(400)
    counts = counted(scores, targets)
    inputs = bent_columns(counts.scores) @ np.array([[1.0, 0], [1, 0], [0, 1]])
    fitted = rising_logistic(inputs, counts, np.zeros((5, 2)), 0.5)
    for label in range(5):
        x = np.column_stack([logit(rounded(scores[:, label].astype(float))), np.ones(400)])
        oracle = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10).fit(x, targets[:, label])
        np.testing.assert_allclose(fitted[label], oracle.coef_[0], atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
@example(7817)  # whole steps go to and fro between two bounds
def test_beta_is_what_a_general_optimiser_finds_bounds_included(seed):
    rng = np.random.default_rng(seed)
    scores, y = (
        rng.random(40),
        rng.random(40) < 0.5,
    )  # no relation at all, so that bounds are reached
    x = bent_columns(scores)
    counts = ScoreCounts(np.zeros(40, np.int64), scores, np.ones(40), y.astype(float), 1)
    start = np.array([[1.0, 1.0, 0.0]])

    def loss(w: np.ndarray) -> float:
        z = x @ w
        return float((np.logaddexp(0, z) - y * z).sum() + 0.7 / 2 * np.square(w - start[0]).sum())

    oracle = minimize(
        loss,
        start[0],
        method="L-BFGS-B",
        bounds=[(0, None), (0, None), (None, None)],
        options={"ftol": 1e-13},
    )
    fitted = rising_logistic(x, counts, start, 0.7)[0]
    assert (fitted[:2] >= 0).all()
    assert loss(fitted) == pytest.approx(oracle.fun, abs=1e-6)


def test_isotonic_is_scikit_learns_for_every_label():
    scores, targets, _ = exaggerated(300)
    scores[:, 1] = np.round(scores[:, 1], 1) + 0.01  # equal scores
    scores[5:, 2] = 0  # hardly ever scored
    steps, new = IsotonicCurves.fit(counted(scores, targets)), np.linspace(0.001, 1, 57)
    for label in range(5):
        used = scores[:, label] > 0
        oracle = IsotonicRegression(out_of_bounds="clip").fit(
            rounded(scores[used, label].astype(float)), targets[used, label]
        )
        np.testing.assert_allclose(
            steps.at(np.full(57, label), new), oracle.predict(new), atol=1e-9
        )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(FITTED), st.integers(0, 10**6), st.sampled_from([0.3, 10.0, 1e4]))
def test_every_curve_rises(method, seed, shrink):
    rng = np.random.default_rng(seed)
    scores, targets = rng.random((30, 3)).astype(np.float32), rng.random((30, 3)) < rng.random(3)
    ladder = np.repeat(np.linspace(1e-6, 1, 400, dtype=np.float32)[:, None], 3, axis=1)
    likely = Calibration.fit(scores, targets, method, shrink).apply(ladder)
    assert (np.diff(likely, axis=0) >= -1e-7).all()
    assert likely.min() >= 0
    assert likely.max() <= 1


@pytest.mark.parametrize("method", FITTED)
def test_probabilities_come_near_the_truth(method):
    scores, targets, _ = exaggerated(3000)
    unseen, _, truth = exaggerated(3000, seed=1)
    before = np.abs(unseen - truth).mean()
    assert (
        np.abs(Calibration.fit(scores, targets, method).apply(unseen) - truth).mean() < before / 4
    )


@pytest.mark.parametrize("method", FITTED)
def test_a_label_without_a_positive_gets_the_shared_curve(method):
    scores, targets, _ = exaggerated(500)
    targets[:, 0] = False
    fitted = Calibration.fit(scores, targets, method, shrink=1e7)
    same = np.repeat(np.linspace(0.05, 0.95, 9, dtype=np.float32)[:, None], 5, axis=1)
    likely = fitted.apply(same)
    np.testing.assert_allclose(likely, likely[:, :1].repeat(5, axis=1), atol=2e-3)


def test_a_rare_label_is_drawn_more_than_a_common_one():
    scores, targets, _ = exaggerated(800)
    flat = np.full((1, 5), 0.5, np.float32)
    alone, shared, drawn = (
        Calibration.fit(scores, targets, "isotonic", s).apply(flat)[0] for s in (0.0, 1e9, 20.0)
    )
    trust = (drawn - shared) / (alone - shared)
    positives = targets.sum(axis=0)
    np.testing.assert_allclose(trust, positives / (positives + 20), atol=0.02)


def test_a_label_counts_from_its_first_positive_on():
    scores, targets, _ = exaggerated(800)
    targets[:, 2:4] = False
    # the one positive of the third label is scored higher than all of its others
    scores[:, 2] = np.minimum(scores[:, 2], 0.5)
    scores[0, 2] = 0.6
    targets[0, 2] = True
    high = np.full((1, 5), 0.7, np.float32)
    alone, shared, drawn = (
        Calibration.fit(scores, targets, "isotonic", s).apply(high)[0] for s in (0.0, 1e9, 1.0)
    )
    assert drawn[2] == pytest.approx((alone[2] + shared[2]) / 2, rel=1e-3)
    # without a positive it follows the shared curve, however little it is drawn
    assert alone[2] > 0.99 > drawn[2] > shared[2]
    assert alone[3] == drawn[3] == shared[3]


@pytest.mark.parametrize("method", ["sigmoid", "beta"])
def test_without_a_product_scores_stay_as_they_are(method):
    fitted = Calibration.fit(np.zeros((0, 2), np.float32), np.zeros((0, 2), bool), method)
    scores = np.array([[0.2, 0.7]], np.float32)
    np.testing.assert_allclose(fitted.apply(scores), scores, rtol=1e-6)


@pytest.mark.parametrize("method", FITTED)
def test_nothing_is_told_apart_nearer_to_0_and_1_than_a_ten_thousandth(method):
    scores, targets, _ = exaggerated(300)
    ends = np.repeat(np.array([[1e-7], [1e-4], [1 - 1e-4], [1]], np.float32), 5, axis=1)
    likely = Calibration.fit(scores, targets, method, shrink=0.01).apply(ends)
    np.testing.assert_allclose(likely[0], likely[1], rtol=1e-4)
    np.testing.assert_allclose(likely[3], likely[2], rtol=1e-4)
    # where scores tell everything
    likely = Calibration.fit(scores, scores > 0.5, method, shrink=0.01).apply(ends)
    assert likely.max() == np.float32(1 - 1e-4)
    assert likely.min() == np.float32(1e-4)


def test_auto_is_the_smallest_loss_and_leaves_good_scores_alone():
    scores, targets, truth = exaggerated(1500, factor=3.0)
    fitted = Calibration.fit(scores, targets)
    assert (
        min(fitted.losses, key=lambda name: fitted.losses[name])
        == f"{fitted.method} {fitted.shrink:g}"
    )
    assert fitted.losses[f"{fitted.method} {fitted.shrink:g}"] < 0.8 * fitted.losses["none 0"]
    assert Calibration.fit(scores, targets, "isotonic", shrink=10.0).losses == {}
    few = Calibration.fit(truth[:60], targets[:60])
    assert log_loss(targets[60:].ravel(), few.apply(truth[60:]).ravel()) < 1.02 * log_loss(
        targets[60:].ravel(), truth[60:].ravel()
    )


def test_methods_are_compared_on_the_five_highest_labels_of_each_product():
    scores, targets, _ = exaggerated(300, labels=9)
    top = np.argsort(-scores, axis=1)[:, :5]
    hits = np.take_along_axis(targets, top, axis=1).ravel()
    plain = np.take_along_axis(scores, top, axis=1).ravel().astype(np.float64)
    assert Calibration.fit(scores, targets).losses["none 0"] == pytest.approx(log_loss(hits, plain))


def test_what_is_not_said_is_as_documented():
    scores, targets, _ = exaggerated(100)
    fitted = Calibration.fit(scores, targets)
    assert fitted.losses == Calibration.fit(scores, targets, "auto", None, seed=0).losses
    np.testing.assert_array_equal(
        fitted.out_of_fold(scores, targets), fitted.out_of_fold(scores, targets, folds=5, seed=0)
    )


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_zeros_stay_and_sparse_is_dense(method):
    scores, targets, _ = exaggerated(200)
    scores[:20] = 0
    dense = Calibration.fit(scores, targets, method)
    sparse = Calibration.fit(sp.csr_matrix(scores), sp.csr_matrix(targets), method)
    assert not dense.apply(scores)[:20].any()
    assert dense.apply(scores).dtype == np.float32
    np.testing.assert_array_equal(
        sparse.apply(sp.csr_matrix(scores)).toarray(), dense.apply(scores)
    )
    crossed = dense.out_of_fold(scores, targets)
    assert not crossed[:20].any()
    np.testing.assert_array_equal(
        sparse.out_of_fold(sp.csr_matrix(scores), targets).toarray(), crossed
    )


def test_out_of_fold_does_not_flatter():
    rng = np.random.default_rng(0)
    scores, targets = rng.random((80, 6)), rng.random((80, 6)) < 0.3  # nothing can be known
    fitted = Calibration.fit(scores, targets, "isotonic", shrink=0.0)
    flattered, out_of_fold = (
        log_loss(targets.ravel(), values.ravel())
        for values in (fitted.apply(scores), fitted.out_of_fold(scores, targets))
    )
    knowing_nothing = log_loss(targets.ravel(), np.full(targets.size, 0.3))
    assert flattered < knowing_nothing < out_of_fold


@pytest.mark.parametrize("method", METHODS)
def test_it_comes_back_from_its_state(method, tmp_path):
    scores, targets, _ = exaggerated(100)
    fitted = Calibration.fit(scores, targets, method)
    state = fitted.state()
    np.savez(tmp_path / "arrays.npz", **state.arrays)
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        again = Calibration.from_state(
            State(dict(arrays), json.loads(json.dumps(state.facts, allow_nan=False)))
        )
    np.testing.assert_array_equal(again.apply(scores), fitted.apply(scores))
    assert again.losses == fitted.losses
    # a new out-of-fold calibration is drawn as strongly
    assert again.shrink == fitted.shrink


@pytest.mark.parametrize("method", [*METHODS, "auto"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_product_is_no_reason_to_fail(method, count):
    scores, targets = np.full((count, 2), 0.7, np.float32), np.ones((count, 2), bool)
    likely = Calibration.fit(scores, targets, method).apply(np.array([[0.7, 0.0]], np.float32))
    assert 0 < likely[0, 0] <= 1
    assert likely[0, 1] == 0


@pytest.mark.parametrize("method", FITTED)
def test_ten_thousand_labels_are_one_solve(method):
    rng = np.random.default_rng(0)
    rows, columns = np.repeat(np.arange(5000), 20), rng.integers(0, 10_000, 100_000)
    scores = sp.csr_matrix((rng.random(100_000), (rows, columns)), (5000, 10_000))
    scores.data = np.minimum(scores.data, 1)
    targets = sp.csr_matrix(scores > 0.6)
    started = time.process_time()
    Calibration.fit(scores, targets, method, shrink=10.0).apply(scores)
    assert time.process_time() - started < 10  # one scikit-learn fit a label takes minutes
