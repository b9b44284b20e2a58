"""Regressions with inputs of their own: Newton's answers against scikit-learn's, and the shrinkage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from shelfwise.core import label_regression
from shelfwise.core.label_regression import fit_label_regressions, shrunk_weights


def test_newton_finds_scikit_learns_weights() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2, 4)).astype(np.float32)
    y = (x.sum(axis=1) + rng.logistic(size=(300, 4)) > 1).astype(np.float32)
    weights = fit_label_regressions(x.transpose(2, 1, 0), y, np.zeros((4, 2)), penalty=2.0)
    for label in range(4):
        oracle = LogisticRegression(C=1 / 2.0, fit_intercept=False, tol=1e-8).fit(
            x[:, :, label], y[:, label]
        )
        np.testing.assert_allclose(weights[label], oracle.coef_[0], atol=1e-3)


def test_shared_weights_are_those_of_all_labels_together() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2, 4)).astype(np.float32)
    y = (x.sum(axis=1) + rng.logistic(size=(100, 4)) > 1).astype(np.float32)
    weights = fit_label_regressions(x.transpose(2, 1, 0), y, np.zeros((1, 2)), penalty=2.0)
    oracle = LogisticRegression(C=1 / 2.0, fit_intercept=False, tol=1e-8).fit(
        x.transpose(0, 2, 1).reshape(400, 2), y.ravel()
    )
    np.testing.assert_allclose(weights, oracle.coef_, atol=1e-3)


def test_labels_are_drawn_towards_where_they_start() -> None:
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(80, 2, 3)).astype(np.float32), rng.normal(size=(3, 2))
    y = (rng.random((80, 3)) < 0.5).astype(np.float32)

    def loss(w: np.ndarray) -> float:
        z = np.einsum("npl,lp->nl", x, w.reshape(3, 2))
        return float(
            (np.logaddexp(0, z) - y * z).sum() + 5 / 2 * np.square(w - start.ravel()).sum()
        )

    np.testing.assert_allclose(
        fit_label_regressions(x.transpose(2, 1, 0), y, start, 5.0).ravel(),
        minimize(loss, start.ravel()).x,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        fit_label_regressions(x.transpose(2, 1, 0), y, start, 1e7), start, atol=1e-3
    )


def test_separable_labels_stay_finite() -> None:
    x = np.linspace(-1, 1, 50, dtype=np.float32)[None, None]
    weights = fit_label_regressions(x, (x[0].T > 0).astype(np.float32), np.zeros((1, 1)), 1e-2)
    assert np.isfinite(weights).all()
    assert weights[0, 0] > 5


def test_many_products_are_thinned_out_without_another_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(-4, 2, (3, 2, 20_000)).astype(np.float32)
    inputs = np.concatenate([np.ones_like(logits[:, :1]), logits], axis=1)
    truth = 1 + 0.6 * logits[:, 0] + 0.7 * logits[:, 1]
    targets = (truth + rng.logistic(size=truth.shape) > 0).T.astype(np.float32)
    thinned = shrunk_weights(inputs, targets, 30.0)
    monkeypatch.setattr(label_regression, "MAX_PRODUCTS", 10**9)
    exact = shrunk_weights(inputs, targets, 30.0)
    assert np.abs(thinned - exact).max() > 0, "fewer products were read"
    np.testing.assert_allclose(thinned, exact, atol=0.03)


def test_shared_weights_rest_on_some_of_many_products(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 2, 8000)).astype(np.float32)
    y = (x.sum(axis=1) + rng.logistic(size=(4, 8000)) > 1).T.astype(np.float32)
    exact = shrunk_weights(x, y, 1e7)
    monkeypatch.setattr(label_regression, "MAX_SHARED_PAIRS", 8000)
    np.testing.assert_allclose(shrunk_weights(x, y, 1e7), exact, atol=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_a_label_that_every_member_scores_high_is_solved_too(seed: int) -> None:
    """Whole Newton steps from the weights of rarer labels go to and fro here, and end nowhere."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, 1, 500)
    y = (signal > 0).astype(np.float32)
    logits = [8 + signal + rng.normal(0, 1, 500) for _ in range(4)]
    x = np.stack([np.ones(500), *logits]).astype(np.float32)
    start = np.array([-6, 0.5, 0.5, 0.5, 0.5])

    def loss(w: np.ndarray) -> float:
        z = w @ x
        return float((np.logaddexp(0, z) - y * z).sum() + 30 / 2 * np.square(w - start).sum())

    # two labels, as one alone would be taken for all labels together
    found = fit_label_regressions(
        np.stack([x, x]), np.stack([y, y], axis=1), np.stack([start, start]), 30.0
    )
    assert loss(found[0]) == pytest.approx(minimize(loss, start).fun, rel=1e-4)
