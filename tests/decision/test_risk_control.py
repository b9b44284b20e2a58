"""The bet that limits are proven with: rarely won where there is nothing to win, and as it is defined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from shelfwise.decision.risk_control import (
    LIMITS,
    NO_LIMIT,
    betting_p_value,
    highest_limit_of_misses,
    lowest_limit,
)


def test_bets_on_nothing_are_rarely_won():
    rng = np.random.default_rng(0)
    won = 0
    for _ in range(400):  # the mean harm is exactly 0: many small gains, a rare great loss
        wrong = rng.random(300) < 0.05
        won += (
            betting_p_value(np.where(wrong, 3 * 0.95, -3 * 0.05), largest=3 * 0.95, delta=0.1)
            <= 0.1
        )
    assert won <= 400 * 0.1 + 2 * np.sqrt(400 * 0.09)


def test_a_bet_is_its_definition():
    rng = np.random.default_rng(0)
    harms, gain, best, seen = rng.choice([-0.1, 0.9], 200, p=[0.95, 0.05]), 1.0, 1.0, []
    total, spread = 0.0, 0.25
    for harm in harms:
        variance = spread / (len(seen) + 1)
        stake = min(np.sqrt(2 * np.log(10) / (200 * variance)), 0.9 / 0.9)
        gain *= 1 - stake * harm
        best = max(best, gain)
        seen.append(harm)
        total += harm
        spread += (harm - total / (len(seen) + 1)) ** 2
    assert betting_p_value(harms, largest=0.9, delta=0.1) == pytest.approx(1 / best)


def test_nothing_is_proven_where_every_product_does_harm():
    assert betting_p_value(np.full(100, 0.1), largest=1, delta=0.1) == 1
    assert betting_p_value(np.zeros(0), largest=1, delta=0.1) == 1


def proven(harms: np.ndarray, largest: float, level: float) -> bool:
    return betting_p_value(harms, largest, level) <= level


def slow_lowest_limit(scores, rows, harms, products, largest, precision, delta):
    """Each limit by itself, from each start downwards as long as it is proven."""
    best = NO_LIMIT
    for start in (1, 0, -1):
        for limit in LIMITS[expit(logit(precision) + start) >= LIMITS]:
            taken = scores >= limit
            total = np.bincount(rows[taken], harms[taken], products)
            if not proven(total, largest, delta / 3):
                break
            best = min(best, limit)
    return best


def slow_highest_limit(scores, rows, harms, start, largest, delta):
    """Each limit by itself, upwards as long as it is proven."""
    best = 0.0
    for limit in LIMITS[::-1]:
        missed = scores < limit
        total = start + np.bincount(rows[missed], harms[missed], len(start))
        if not proven(total, largest, delta):
            break
        best = limit
    return best


@pytest.mark.parametrize("precision", [0.7, 0.8, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_the_lowest_limit_is_its_definition(precision, seed):
    rng = np.random.default_rng(seed)
    scores = rng.beta(2, 1, 900)
    rows = rng.integers(400, size=900)
    harms = np.where(rng.random(900) < scores, 0, 1) - (1 - precision)
    case = (scores, rows, harms, 400, 4 * precision)
    found = lowest_limit(*case, (precision, 0.1))
    assert found == slow_lowest_limit(*case, precision, 0.1)
    # too few products prove the highest promise
    assert (found < 1) == (precision < 0.9)


@pytest.mark.parametrize("seed", range(3))
def test_the_highest_limit_of_misses_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    scores = rng.beta(1, 2, 600)
    case = (scores, rng.integers(400, size=600), np.ones(600), np.full(400, -0.2), 4.0, 0.1)
    found = highest_limit_of_misses(*case)
    assert found == slow_highest_limit(*case)
    assert 0 < found < 1


def test_where_nothing_does_harm_the_last_limit_is_proven():
    everyone = np.arange(400)
    scores = np.linspace(0.001, 1, 400)
    case = (scores, everyone, np.full(400, -0.2), 400, 0.8)
    assert lowest_limit(*case, (0.8, 0.1)) == LIMITS[-1]
    none = (scores, everyone, np.zeros(400), np.full(400, -0.2), 0.8)
    assert highest_limit_of_misses(*none, 0.1) == LIMITS[0]


def test_the_strictest_limit_can_be_the_only_one_that_is_proven():
    everyone = np.arange(6000)
    # half are scored above the strictest limit and right, the others a little less and wrong
    scores = np.where(everyone % 2, 0.9995, 0.99905)
    harms = np.where(everyone % 2, 0.0, 1.0) - 0.001
    harms[1::2] *= 5
    assert lowest_limit(scores, everyone, harms, 6000, 0.999, (0.999, 0.1)) == LIMITS[0]
    # all are missed above the most permissive limit
    scores = np.full(6000, 0.00095)
    start = np.full(6000, -0.1)
    found = highest_limit_of_misses(scores, everyone, np.ones(6000), start, 1.0, 0.1)
    assert found == LIMITS[-1]
    assert highest_limit_of_misses(scores, everyone, np.ones(6000), -start, 1.0, 0.1) == 0
