"""The bet that limits are proven with: rarely won where there is nothing to win, and as it is defined."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.decision.risk_control import betting_p_value


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
