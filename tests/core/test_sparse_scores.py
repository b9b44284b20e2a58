"""Sparse scores hold the highest ones of the dense, each in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.core import sparse_scores
from shelfwise.core.sparse_scores import (
    any_in_row,
    by_row_blocks,
    dense,
    highest_scores,
    in_row_order,
    is_too_large,
    packed,
    row_slices,
    zero_rows,
)

MATRICES = st.tuples(st.integers(0, 7), st.integers(1, 6)).flatmap(
    # coarse numbers, so that many are equal and many are 0
    lambda shape: hnp.arrays(np.int64, shape, elements=st.integers(0, 4)).map(
        lambda steps: (steps / 4).astype(np.float32)
    )
)


@settings(deadline=None)
@given(MATRICES, st.integers(1, 7))
def test_the_highest_of_each_product_are_kept_of_equal_ones_the_first(
    scores: Any, kept: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_scores, "KEPT_LABELS", kept)
        found = highest_scores(scores).toarray()
        assert np.array_equal(highest_scores(sp.csr_array(scores)).toarray(), found)
    expected = np.zeros_like(scores)
    for row, place in zip(scores, expected, strict=True):
        highest = np.argsort(-row, kind="stable")[:kept]
        place[highest] = row[highest]
    assert np.array_equal(found, expected)


@settings(deadline=None)
@given(MATRICES, st.integers(1, 20))
def test_work_on_blocks_of_rows_is_that_on_all(scores: Any, cells: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_scores, "CELLS_PER_BLOCK", cells)
        found = by_row_blocks(lambda rows: rows >= 0.5, sp.csr_array(scores))
        assert row_slices(*scores.shape)[-1].stop == len(scores)
    assert np.array_equal(found.toarray(), scores >= 0.5)
    assert np.array_equal(by_row_blocks(lambda rows: rows >= 0.5, scores), scores >= 0.5)


@settings(deadline=None)
@given(MATRICES, st.data())
def test_parts_go_back_to_their_rows_and_what_none_has_is_0(scores: Any, data: Any) -> None:
    part_of = data.draw(hnp.arrays(np.int64, len(scores), elements=st.integers(-1, 2)))
    rows = [np.flatnonzero(part_of == part) for part in range(3)]
    expected = np.where(part_of[:, None] >= 0, scores, 0)
    assert np.array_equal(
        in_row_order([(some, scores[some]) for some in rows], scores.shape), expected
    )
    stored = [(some, sp.csr_array(scores[some])) for some in rows]
    assert np.array_equal(in_row_order(stored, scores.shape).toarray(), expected)


@settings(deadline=None)
@given(MATRICES)
def test_packed_rows_hold_what_is_stored(scores: Any) -> None:
    values, columns = packed(sp.csr_array(scores))
    assert values.shape == columns.shape == (len(scores), (scores > 0).sum(axis=1).max(initial=0))
    again = np.zeros_like(scores)
    rows, places = np.nonzero(values)
    again[rows, columns[rows, places]] = values[rows, places]
    assert np.array_equal(again, scores)


@settings(deadline=None)
@given(MATRICES, st.data())
def test_sparse_rows_are_treated_as_dense_ones(scores: Any, data: Any) -> None:
    gone = data.draw(hnp.arrays(np.bool_, len(scores)))
    sparse = sp.csr_array(scores)
    expected = zero_rows(scores, gone)
    assert not expected[gone].any()
    assert np.array_equal(dense(zero_rows(sparse, gone)), expected)
    assert np.array_equal(any_in_row(sparse > 0), any_in_row(scores > 0))


def test_a_million_products_with_a_thousand_labels_are_too_large() -> None:
    assert not is_too_large(60_000, 1_000)
    assert is_too_large(1_000_000, 1_000)
