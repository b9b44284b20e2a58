"""The out-of-fold scores a model keeps: to disk and back, and looked up by id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shelfwise.core.types import State
from shelfwise.disk.files import read_arrays, write_arrays
from shelfwise.model.out_of_fold import MIN_SCORE, OutOfFold

N, L = 5, 3
IDS = ["b", "a", "é 3", "", "10"]
SCORES = arrays(np.float32, (N, L), elements=st.floats(0, 1, width=32))
TARGETS = arrays(np.bool_, (N, L))


@settings(max_examples=50, deadline=None)
@given(SCORES, TARGETS)
def test_what_is_kept_is_what_was_given_but_for_next_to_nothing(scores: Any, targets: Any) -> None:
    kept, labels = OutOfFold.of(IDS, scores, targets.astype(np.float32)).dense()
    assert kept.dtype == labels.dtype == np.float32
    assert np.array_equal(kept, np.where(scores >= MIN_SCORE, scores, 0))
    assert np.array_equal(labels, targets)
    sparse = OutOfFold.of(IDS, sp.csr_array(scores), sp.csr_array(targets))
    assert np.array_equal(sparse.dense()[0], kept)
    assert np.array_equal(sparse.dense()[1], labels)


def test_the_least_score_that_is_kept_is_a_thousandth() -> None:
    scores = np.float32([[MIN_SCORE, np.nextafter(np.float32(MIN_SCORE), np.float32(0))]])
    for kind in (np.asarray, sp.csr_array):
        kept = OutOfFold.of(["a"], kind(scores), np.zeros((1, 2), np.bool_))
        assert kept.scores.nnz == 1


@settings(max_examples=50, deadline=None)
@given(SCORES, TARGETS)
def test_a_round_trip_costs_the_last_bits_only(scores: Any, targets: Any) -> None:
    before = OutOfFold.of(IDS, scores, targets.astype(np.float32))
    state = before.state()
    after = OutOfFold.from_state(State(state.arrays, json.loads(json.dumps(dict(state.facts)))))
    assert after.ids == before.ids == tuple(IDS)
    np.testing.assert_allclose(after.dense()[0], before.dense()[0], rtol=2**-11)
    assert np.array_equal(after.dense()[1], before.dense()[1])
    again = after.state()
    assert all(np.array_equal(state.arrays[name], again.arrays[name]) for name in state.arrays), (
        "a second trip costs nothing"
    )


def test_through_a_file(tmp_path: Path) -> None:
    scores = np.array([[0.5, 0, 0.25], [0, 0, 0]], np.float32)
    before = OutOfFold.of(["a", "b"], scores, np.zeros((2, 3), np.float32))
    write_arrays(tmp_path / "x.safetensors", before.state().arrays)
    after = OutOfFold.from_state(
        State(read_arrays(tmp_path / "x.safetensors")[0], before.state().facts)
    )
    assert np.array_equal(after.dense()[0], scores)
    assert not after.dense()[1].any()
    assert after.scores.dtype == np.float32
    assert after.targets.dtype == np.bool_
    # small on the disk, and wide enough for any number of pairs
    types = {name: str(array.dtype) for name, array in before.state().arrays.items()}
    assert types == {
        "scores": "float16",
        "score_columns": "int32",
        "score_rows": "int64",
        "target_columns": "int32",
        "target_rows": "int64",
    }


def test_rows_by_id() -> None:
    kept = OutOfFold.of(IDS, np.zeros((N, L), np.float32), np.zeros((N, L), np.float32))
    assert len(kept) == N
    assert kept.rows(["10", "new", "b", "b"]).tolist() == [4, -1, 0, 0]
    assert kept.rows([]).tolist() == []
    assert kept.rows([]).dtype == np.int64
