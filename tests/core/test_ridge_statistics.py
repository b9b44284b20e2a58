"""Sums of parts are those of the whole, and solve to the ridge of numpy."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.core.ridge_statistics import RidgeStatistics

RNG = np.random.default_rng(0)
SCORES = RNG.random((50, 6)).astype(np.float32)
TARGETS = (RNG.random((50, 3)) < 0.4).astype(np.float32)
COLUMNS = np.array([0, 2, 3, 5])


def statistics(rows: range) -> RidgeStatistics:
    return RidgeStatistics.of(SCORES, TARGETS, np.array(rows), COLUMNS)


def test_parts_add_up_to_the_whole() -> None:
    total = statistics(range(20)) + statistics(range(20, 50))
    whole = statistics(range(50))
    assert total.count == whole.count == 50
    for name in ("x", "y", "xx", "xy"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), atol=1e-12)
    assert not whole.x[[1, 4]].any()
    assert not whole.xx[[1, 4]].any()


@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_the_solution_is_that_of_the_centred_problem(alpha: float) -> None:
    weights, intercept = statistics(range(50)).solve(COLUMNS, alpha)
    x = SCORES[:, COLUMNS].astype(np.float64)
    centred = x - x.mean(axis=0)
    gram = centred.T @ centred + alpha * np.eye(len(COLUMNS))
    expected = np.linalg.solve(gram, centred.T @ (TARGETS - TARGETS.mean(axis=0)))
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(
        intercept, TARGETS.mean(axis=0) - x.mean(axis=0) @ expected, atol=1e-5
    )
