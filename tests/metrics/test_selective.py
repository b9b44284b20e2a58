"""Coverage and queue figures against slow counting and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.metrics import selective
from shelfwise.metrics.selective import (
    ACCEPT,
    REJECT,
    REVIEW,
    coverage_at_precision,
    queue_counts,
    queue_rates,
)

CASES = st.tuples(st.integers(1, 12), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(bool, shape),
        hnp.arrays(np.int64, shape, elements=st.integers(0, 8)).map(lambda steps: steps / 8),
    )
)


@pytest.fixture(params=[1, 3, 1 << 20])
def block(request, monkeypatch):
    """Decisions that are counted at a time."""
    monkeypatch.setattr(selective, "PAIRS_PER_BLOCK", request.param)


# the size of a block stays the same for all examples
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CASES, st.sampled_from([0.3, 0.5, 0.9, 1.0]), st.sampled_from([np.asarray, sp.csr_array]))
def test_coverage_is_that_of_the_lowest_good_threshold(block, case, precision, kind):
    targets, scores = case
    good = [t for t in np.unique(scores[scores > 0]) if targets[scores >= t].mean() >= precision]
    found = coverage_at_precision(kind(targets), kind(scores), precision)
    assert found["threshold"] == (min(good) if good else None)
    if good:
        accepted = scores >= min(good)
        assert found["labels"] == pytest.approx((accepted & targets).sum() / max(targets.sum(), 1))
        assert found["products"] == pytest.approx(accepted.any(axis=1).mean())


def test_products_count_that_have_an_accepted_label():
    found = coverage_at_precision(np.array([[1], [0]]), np.array([[0.9], [0.5]]), 1.0)
    assert found == {"threshold": 0.9, "labels": 1.0, "products": 0.5}


def test_queue_rates_by_hand():
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    decided = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]])
    labels = np.array(
        [[ACCEPT, REVIEW, REJECT], [ACCEPT, ACCEPT, REJECT], [REJECT, REJECT, REJECT]], np.int8
    )
    products = np.array([ACCEPT, ACCEPT, REJECT], np.int8)
    figures = queue_rates(queue_counts(targets, decided, labels, products))
    assert figures == pytest.approx(
        {
            "precision": 2 / 3,
            "recall": 3 / 4,
            "accepted_true": 2 / 4,
            "automatic": 3 / 4,
            "with_accepted": 2 / 3,
            "reviews": 1 / 3,
            "products_accepted": 2 / 3,
            "products_reviewed": 0,
            "products_rejected": 1 / 3,
            "whole_precision": 3 / 4,
            "whole_recall": 1,
            "whole_exact": 1 / 2,
        }
    )


def test_nothing_to_count_is_zero():
    none = np.zeros((0, 3))
    assert coverage_at_precision(none, none, 0.9) == {
        "threshold": None,
        "labels": 0.0,
        "products": 0.0,
    }
    counts = queue_counts(none, none, none.astype(np.int8), np.zeros(0, np.int8))
    assert set(queue_rates(counts).values()) == {0.0}
