"""Newton's method for many problems at once, against a general optimiser and one problem at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from shelfwise.core.newton import NewtonLimits, minimise
from shelfwise.core.types import Float64Array

LIMITS = NewtonLimits(steps=60, longest_step=2.0, tolerance=1e-9)


class Problems:
    """B losses ``sum ln(1 + exp(x w)) - y x w`` over ten products: inputs (B, 10, P), targets (B, 10)."""

    def __init__(self, count: int, width: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.inputs = random.normal(size=(count, 10, width))
        self.targets = random.random((count, 10)) < 0.5

    def losses(self, weights: Float64Array) -> Float64Array:
        z = np.einsum("bnp,bp->bn", self.inputs, weights)
        return (np.logaddexp(0, z) - self.targets * z).sum(axis=1)

    def derivatives(self, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
        likely = 1 / (1 + np.exp(-np.einsum("bnp,bp->bn", self.inputs, weights)))
        slope = np.einsum("bnp,bn->bp", self.inputs, likely - self.targets)
        bend = likely * (1 - likely)
        return slope, np.einsum("bnp,bn,bnq->bpq", self.inputs, bend, self.inputs)

    def oracle(self, start: Float64Array, penalty: float, floor: Float64Array) -> Float64Array:
        """What a general optimiser finds, one problem at a time."""
        found = []
        for i in range(len(start)):

            def loss(w: Float64Array, i: int = i) -> float:
                z = self.inputs[i] @ w
                data = float((np.logaddexp(0, z) - self.targets[i] * z).sum())
                return data + penalty / 2 * float(np.square(w - start[i]).sum())

            bounds = [(low if np.isfinite(low) else None, None) for low in floor]
            begin = np.maximum(start[i], floor)
            found.append(
                minimize(loss, begin, bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-9}).x
            )
        return np.array(found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.booleans(), st.sampled_from([0.1, 1.0, 30.0]))
def test_it_finds_what_a_general_optimiser_finds(
    seed: int, width: int, bounded: bool, penalty: float
) -> None:
    problems = Problems(3, width, seed)
    start = np.random.default_rng(seed + 1).normal(size=(3, width))
    free = np.full(width, -np.inf)
    floor = np.append(np.zeros(width - 1), -np.inf) if bounded else free
    given_floor = floor if bounded else None
    found = minimise(start, problems.derivatives, penalty, LIMITS, problems.losses, given_floor)
    np.testing.assert_allclose(found, problems.oracle(start, penalty, floor), atol=2e-4)
    assert (found >= floor).all()


def test_problems_do_not_touch_each_other() -> None:
    problems = Problems(4, 3, seed=0)
    start = np.zeros((4, 3))
    together = minimise(start, problems.derivatives, 1.0, LIMITS)
    for i in range(4):
        alone = Problems(4, 3, seed=0)
        alone.inputs = alone.inputs[i : i + 1]
        alone.targets = alone.targets[i : i + 1]
        np.testing.assert_allclose(
            minimise(start[:1], alone.derivatives, 1.0, LIMITS)[0], together[i]
        )


def test_what_can_be_told_apart_without_a_mistake_stays_finite() -> None:
    problems = Problems(1, 1, seed=0)
    problems.targets = problems.inputs[:, :, 0] > 0
    found = minimise(np.zeros((1, 1)), problems.derivatives, 1e-6, LIMITS)
    assert np.isfinite(found).all()
    assert found[0, 0] > 3


def test_steps_are_counted_and_bounded_in_length() -> None:
    problems = Problems(1, 1, seed=0)
    problems.targets = problems.inputs[:, :, 0] > 0
    limits = NewtonLimits(steps=1, longest_step=0.25, tolerance=1e-9)
    found = minimise(np.zeros((1, 1)), problems.derivatives, 1e-6, limits)
    assert found[0, 0] == pytest.approx(0.25)
