"""Blocks of columns joined into rows, against scipy's own joining."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.core import sparse_rows
from shelfwise.core.sparse_rows import stack_columns, taken


@pytest.mark.parametrize("at_a_time", [1, 5, 1 << 22])
@pytest.mark.parametrize("widths", [[3], [4, 1, 6], [2, 0, 5]])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_rows_are_those_of_hstack(rows, widths, at_a_time, monkeypatch):
    monkeypatch.setattr(sparse_rows, "_COPIED_AT_A_TIME", at_a_time)
    draw = np.random.default_rng(rows)
    blocks = [
        sp.csr_array(sp.random(rows, width, 0.4, "csr", np.float32, rng=draw)) for width in widths
    ]
    parts = [(block.data, block.indices, block.indptr) for block in blocks]

    joined = stack_columns(parts, widths)

    np.testing.assert_array_equal(joined.toarray(), sp.hstack(blocks).toarray())
    assert joined.indices.dtype == np.int32
    assert parts == [], "the memory of copied blocks is free"


def test_taken_rows_are_those_of_scipy():
    draw = np.random.default_rng(0)
    matrix = sp.csr_array(sp.random(9, 5, 0.4, "csr", np.float32, rng=draw))
    parts = (matrix.data, matrix.indices, matrix.indptr)
    for rows in ([], [4], [8, 0, 0, 3], np.arange(9)):
        wanted = np.asarray(rows, np.int64)
        found = sp.csr_array(taken(parts, wanted), shape=(len(wanted), 5))
        np.testing.assert_array_equal(found.toarray(), matrix[wanted].toarray())
