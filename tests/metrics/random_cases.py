"""Random truth and scores, as figures are measured on."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def random_case(products=200, labels=20, levels=None, seed=0):
    """Every product and label has something true; with `levels`, scores are coarse and tie."""
    random = np.random.default_rng(seed)
    targets = random.random((products, labels)) < 0.15
    targets[np.arange(products), np.arange(products) % labels] = True
    scores = 0.4 * targets + random.random(targets.shape)
    return targets, np.round(scores * levels) / levels if levels else scores


def tied_cases(rows, labels):
    """Scores that often tie, and the truth, of as many rows and labels as the strategies draw."""
    return st.tuples(rows, labels).flatmap(
        lambda shape: st.tuples(
            hnp.arrays(np.int64, shape, elements=st.integers(0, 5)).map(
                lambda steps: (steps / 5).astype(np.float32)
            ),
            hnp.arrays(bool, shape),
        )
    )
