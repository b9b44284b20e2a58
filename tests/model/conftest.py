"""A small bundle, for the tests of how models are saved and loaded."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.core.types import State
from shelfwise.model.bundle import Bundle


@pytest.fixture
def bundle() -> Bundle:
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    return Bundle(
        {"seed": 0},
        ("Mugs", "Töpfe & Co"),
        {"thresholds": {"title": 0.4}},
        {"member.title": State({"w": weights}, {"epochs": 3}), "system.max": State()},
    )
