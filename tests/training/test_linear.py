from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from shelfwise.training import linear
from shelfwise.training.linear import fit_logistic


@pytest.fixture(scope="module")
def problem() -> tuple[sp.csr_array, np.ndarray[Any, np.dtype[np.float32]]]:
    """300 sparse rows, 400 inputs, 9 labels from every second product to two products."""
    rng = np.random.default_rng(0)
    inputs = sp.random_array((300, 400), density=0.05, rng=rng, dtype=np.float32).tocsr()
    scores = inputs @ rng.normal(size=(400, 9)) + rng.normal(0, 0.3, (300, 9))
    share = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01])
    targets = np.stack([scores[:, i] > np.quantile(scores[:, i], 1 - share[i]) for i in range(9)], axis=1)
    return sp.csr_array(inputs), targets.astype(np.float32)


@pytest.mark.parametrize(("cost", "positive_weight"), [(0.5, 1.0), (10.0, 1.0), (10.0, 3.0)])
def test_agrees_with_liblinear(problem: Any, cost: float, positive_weight: float) -> None:
    inputs, targets = problem
    ours = fit_logistic(inputs, targets, cost, positive_weight, tolerance=1e-5)
    weights, bias = ours.weights.toarray(), ours.bias
    for label in range(targets.shape[1]):
        theirs = LogisticRegression(C=cost, solver="liblinear", tol=1e-8, max_iter=10_000, class_weight={0: 1, 1: positive_weight})
        theirs.fit(inputs, targets[:, label])
        np.testing.assert_allclose(weights[:, label], theirs.coef_[0], atol=2e-3)
        np.testing.assert_allclose(bias[label], theirs.intercept_[0], atol=2e-3)


def test_labels_may_be_solved_in_portions(problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    together = fit_logistic(*problem, 10, tolerance=1e-5)
    monkeypatch.setattr(linear, "_CELLS", 2 * problem[0].shape[0])
    portions = fit_logistic(*problem, 10, tolerance=1e-5)
    np.testing.assert_allclose(portions.weights.toarray(), together.weights.toarray(), atol=5e-3)
    np.testing.assert_allclose(portions.bias, together.bias, atol=5e-3)


def test_prunes_small_weights_only(problem: Any) -> None:
    full, pruned = (fit_logistic(*problem, 10, prune=prune).weights for prune in (0.0, 0.5))
    dense = full.toarray()
    assert np.array_equal(pruned.toarray(), np.where(np.abs(dense) < 0.5, 0, dense))
    assert pruned.nnz < full.nnz


def test_labels_that_all_or_none_have(problem: Any) -> None:
    inputs, _ = problem
    targets = np.repeat(np.array([[0, 1]], np.float32), inputs.shape[0], axis=0)
    model = fit_logistic(inputs, targets, 10)
    logits = inputs @ model.weights.toarray() + model.bias
    assert logits[:, 0].max() < -2
    assert logits[:, 1].min() > 2


def test_rows_and_inputs_without_a_value() -> None:
    inputs = sp.csr_array(np.array([[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]], np.float32))
    targets = np.array([[1], [0], [1], [0]], np.float32)
    model = fit_logistic(inputs, targets, 100)
    assert model.weights.toarray()[1] == 0
    assert np.array_equal((inputs @ model.weights.toarray() + model.bias) > 0, targets > 0)


def test_no_inputs_leave_the_bias() -> None:
    model = fit_logistic(sp.csr_array((50, 0), dtype=np.float32), np.eye(50, 1, dtype=np.float32), 1000, tolerance=1e-4)
    assert model.weights.shape == (0, 1)
    assert 1 / (1 + np.exp(-model.bias[0])) == pytest.approx(1 / 50, rel=0.05)
