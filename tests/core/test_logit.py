"""Logits of scores that may be 0 or 1."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from shelfwise.core.logit import clipped_logit


def test_it_is_the_inverse_of_the_sigmoid_within_the_bounds() -> None:
    scores = np.linspace(0.01, 0.99, 99)
    np.testing.assert_allclose(expit(clipped_logit(scores, 0.01, 0.99)), scores, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_certainty_counts_as_the_bound_and_the_type_stays(kind: type) -> None:
    found = clipped_logit(np.array([0, 1], kind), 0.1, 0.8)
    np.testing.assert_allclose(found, [np.log(1 / 9), np.log(4)], rtol=1e-6)
    assert found.dtype == kind
