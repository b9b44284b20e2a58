"""Counts against sums of the whole matrices, however many rows are looked at together."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.metrics import counts
from shelfwise.metrics.counts import Counts, count, ratio, row_blocks


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_counts_are_sums_of_the_matrices(data):
    shape = data.draw(st.tuples(st.integers(0, 7), st.integers(0, 5)))
    targets = data.draw(hnp.arrays(bool, shape))
    decided = data.draw(hnp.arrays(bool, shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "CELLS_PER_BLOCK", data.draw(st.integers(1, 40)))
        both = count(targets, decided)
    for axis in (0, 1):
        assert both[axis].hits.tolist() == (targets & decided).sum(axis=axis).tolist()
        assert both[axis].predicted.tolist() == decided.sum(axis=axis).tolist()
        assert both[axis].true.tolist() == targets.sum(axis=axis).tolist()
    sparse = sp.csr_array(targets), sp.csr_array(decided)
    for pair in (sparse, (sparse[0], decided), (targets, sparse[1])):
        for found, expected in zip(count(*pair), both, strict=True):
            assert found.hits.tolist() == expected.hits.tolist()
            assert found.predicted.tolist() == expected.predicted.tolist()
            assert found.true.tolist() == expected.true.tolist()
            # numbers of labels stay whole numbers in tables
            assert found.hits.dtype == found.predicted.dtype == found.true.dtype == np.int64
    pooled = Counts.of(targets, decided, axis=None)
    assert (pooled.hits, pooled.predicted, pooled.true) == (
        (targets & decided).sum(),
        decided.sum(),
        targets.sum(),
    )


@given(st.integers(0, 20), st.integers(0, 5), st.integers(1, 30))
def test_blocks_are_all_rows_in_order_and_hold_no_more_cells_than_wanted(rows, width, cells):
    blocks = list(row_blocks(rows, width, cells))
    places = [place for block in blocks for place in range(block.start, block.stop)]
    assert places == list(range(rows))
    assert all(
        block.stop - block.start == 1 or (block.stop - block.start) * width <= cells
        for block in blocks
    )


def test_a_ratio_with_nothing_below_is_0():
    assert ratio([1, 0, 3], [2, 0, 0]).tolist() == [0.5, 0.0, 0.0]
