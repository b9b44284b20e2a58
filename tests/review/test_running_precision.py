"""The interval holds at every look, and the promise's stop fires when it should and seldom else."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from shelfwise.review.running_precision import is_broken, random_order, running_precision

MOST = 4
SLOW = pytest.mark.slow


def products(precision: float, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A catalogue: labels of each product, and how many are right; some products are worse than others."""
    random = np.random.default_rng(seed)
    labels = random.integers(1, MOST + 1, count)
    quality = random.beta(precision * 8, (1 - precision) * 8, count)
    return labels, random.binomial(labels, quality)


def looks(precision: float, seed: int, shown: int = 300) -> tuple[bool, bool]:
    """Whether the interval held the truth at every look, and whether a promise of `precision` stopped.

    An interval lies inside of all earlier ones, so the last look tells of all.
    """
    labels, right = products(precision, 2000, seed)
    truth = right.sum() / labels.sum()
    order = random_order(len(labels), seed)[:shown]
    found = running_precision(labels[order], right[order], len(labels), MOST)
    return found.low <= truth <= found.high, is_broken(found, truth)


def test_an_interval_lies_inside_of_all_earlier_ones() -> None:
    labels, right = products(0.9, 100, 1)
    looked = [running_precision(labels[:seen], right[:seen], 100, MOST) for seen in range(101)]
    assert all(a.low <= b.low and b.high <= a.high for a, b in pairwise(looked))
    assert looked[-1].high < looked[10].high


@pytest.mark.parametrize("precision", [0.9, *(pytest.param(p, marks=SLOW) for p in (0.8, 0.97))])
def test_the_interval_holds_the_true_precision_at_every_look_and_honest_runs_do_not_stop(
    precision: float,
) -> None:
    runs = [looks(precision, seed) for seed in range(200)]
    assert sum(held for held, _ in runs) >= 190
    assert sum(stopped for _, stopped in runs) < 10


@pytest.mark.parametrize("catalogues", [20, pytest.param(200, marks=SLOW)])
def test_a_broken_promise_is_found(catalogues: int) -> None:
    fired = 0
    for seed in range(catalogues):
        labels, right = products(0.97, 2000, seed)
        # a tenth of what was right is wrong
        right = np.random.default_rng(seed).binomial(right, 0.9)
        order = random_order(len(labels), seed)[:400]
        found = running_precision(labels[order], right[order], len(labels), MOST)
        fired += is_broken(found, 0.95)
    assert fired == catalogues


def test_after_the_last_product_the_precision_is_known() -> None:
    labels, right = products(0.8, 120, 3)
    found = running_precision(labels, right, 120, MOST)
    truth = right.sum() / labels.sum()
    assert found.estimate == pytest.approx(truth)
    assert found.high - found.low < 0.02
    assert found.low <= truth <= found.high


def test_before_any_product_nothing_is_claimed() -> None:
    none = np.zeros(0, np.int64)
    found = running_precision(none, none, 50, MOST)
    assert (found.estimate, found.low, found.high) == (None, 0, 1)


def test_the_order_is_the_same_for_a_seed_and_every_product_once() -> None:
    assert sorted(random_order(50, 1).tolist()) == list(range(50))
    assert random_order(50, 1).tolist() == random_order(50, 1).tolist()
    assert random_order(50, 1).tolist() != random_order(50, 2).tolist()
