"""The highest scored labels of each product, against sorting every product."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.metrics import highest_pairs
from shelfwise.metrics.highest_pairs import HighestPairs

SCORES = st.tuples(st.integers(0, 6), st.integers(1, 7)).flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=st.sampled_from([0, 0.25, 0.5, 0.75]))
)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
@settings(max_examples=60, deadline=None)
@given(SCORES, st.integers(1, 5))
def test_the_first_of_each_product_sorted(kind, scores, count):
    wanted = []
    for row, of_product in enumerate(scores.tolist()):
        best = sorted(range(len(of_product)), key=lambda label: (-of_product[label], label))
        wanted += [(row, label, of_product[label]) for label in best[:count] if of_product[label]]
    found = HighestPairs.of(kind(scores), count)
    assert list(zip(found.rows, found.labels, found.scores, strict=True)) == wanted


def test_blocks_make_no_difference(monkeypatch):
    scores = np.random.default_rng(0).random((50, 9), np.float32)
    whole = HighestPairs.of(scores, 3)
    monkeypatch.setattr(highest_pairs, "CELLS_PER_BLOCK", 20)
    by_block = HighestPairs.of(scores, 3)
    for name in ("rows", "labels", "scores"):
        np.testing.assert_array_equal(getattr(by_block, name), getattr(whole, name))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_no_products_have_no_pairs(kind):
    found = HighestPairs.of(kind(np.zeros((0, 3))), 2)
    # places, which index arrays and are counted
    assert np.issubdtype(found.rows.dtype, np.integer)
    assert np.issubdtype(found.labels.dtype, np.integer)
    assert len(found.rows) == len(found.labels) == len(found.scores) == 0
