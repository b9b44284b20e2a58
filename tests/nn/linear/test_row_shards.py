"""Sparse rows dealt into shards."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.nn.linear import row_shards
from shelfwise.nn.linear.row_shards import RowShards


def test_each_row_is_in_one_shard_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_shards, "ROWS_PER_SHARD", 5)
    draw = np.random.default_rng(0)
    numbers_of_all = draw.random((23, 7), np.float32) * (draw.random((23, 7)) < 0.3)
    # an empty row
    numbers_of_all[4] = 0
    matrix = sp.csr_array(numbers_of_all)
    shards = RowShards(23, 7, seed=0)
    for start in (0, 9, 18):
        shards.append(matrix[start : start + 9])
    assert shards.count == 5
    seen = []
    for shard in range(shards.count):
        numbers, rows = shards.read(shard)
        assert np.array_equal(rows.toarray(), matrix[numbers].toarray())
        seen += numbers.tolist()
    assert sorted(seen) == list(range(23))
    # neighbours in the catalogue are apart
    assert seen != sorted(seen)
