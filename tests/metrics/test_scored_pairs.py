"""The flat list of scored pairs: the same from dense and sparse, in whole and in part."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.metrics import scored_pairs
from shelfwise.metrics.scored_pairs import (
    ScoredPairs,
    descending_order,
    label_major,
    map_scores,
    random_parts,
    scores_of_a_row,
)
from tests.metrics.random_cases import tied_cases

CASES = tied_cases(st.integers(0, 6), st.integers(1, 4))


def listed(pairs: ScoredPairs) -> list[tuple[int, int, float, bool]]:
    return list(
        zip(
            pairs.rows.tolist(),
            pairs.labels.tolist(),
            pairs.scores.tolist(),
            pairs.hits.tolist(),
            strict=True,
        )
    )


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_pairs_are_what_is_scored_label_by_label_and_best_first(case):
    scores, targets = case
    pairs = ScoredPairs.of(scores, targets)
    wanted = [
        (r, c, float(scores[r, c]), bool(targets[r, c]))
        for r, c in zip(*np.nonzero(scores), strict=True)
    ]
    assert sorted(listed(pairs)) == sorted(wanted)
    keys = list(zip(pairs.labels.tolist(), (-pairs.scores).tolist(), strict=True))
    assert keys == sorted(keys)


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_sparse_is_dense(case):
    scores, targets = case
    assert listed(ScoredPairs.of(sp.csr_matrix(scores), sp.csr_array(targets))) == listed(
        ScoredPairs.of(scores, targets)
    )


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_blocks_of_any_size_give_the_same(case):
    scores, targets = case

    def everything():
        raised = [map_scores(kind(scores), np.add) for kind in (np.asarray, sp.csr_array)]
        return (
            listed(ScoredPairs.of(scores, targets)),
            raised[0].tolist(),
            raised[1].toarray().tolist(),
        )

    whole = everything()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scored_pairs, "CELLS_PER_BLOCK", 2)
        assert everything() == whole


def test_labels_whose_numbers_outgrow_16_bits_stay_in_order():
    labels = np.array([5, 1 << 16, 7])
    scores = sp.csr_array(([0.5, 0.6, 0.7], ([0, 0, 0], labels)), shape=(1, (1 << 16) + 1))
    assert ScoredPairs.of(scores, scores > 0).labels.tolist() == sorted(labels.tolist())


@pytest.mark.parametrize(
    ("floors", "wanted"),
    [
        ([0.5, 0.25, 0.0, 0.0], [(0, 0), (1, 1), (1, 2), (0, 3)]),
        ([0.5, 0.25, 0.9, 0.1], [(0, 0), (1, 1), (0, 3)]),
    ],
)
def test_a_floor_is_reached_by_its_equal_and_nothing_scored_0_is_a_pair(floors, wanted):
    scores = np.array([[0.5, 0.2, 0.0, 0.1], [0.4, 0.25, 0.8, 0.0]])
    pairs = ScoredPairs.of(scores, scores > 0, np.array(floors))
    assert list(zip(pairs.rows.tolist(), pairs.labels.tolist(), strict=True)) == wanted
    assert pairs.scores.tolist() == [scores[place] for place in wanted]


def test_zeros_that_are_stored_are_no_pairs_and_stay_zero():
    scores = sp.csr_array((np.array([0.0, 0.5]), ([0, 0], [0, 1])), shape=(1, 2))
    assert listed(ScoredPairs.of(scores, np.ones((1, 2), bool))) == [(0, 1, 0.5, True)]
    raised = map_scores(scores, lambda labels, values: values + 1)
    assert raised.toarray().tolist() == [[0.0, 1.5]]


def test_labels_that_are_scored_0_are_known_all_the_same():
    pairs = ScoredPairs.of(np.array([[0.0, 0.5, 0.0]]), np.array([[False, False, True]]))
    assert pairs.true_rows.tolist() == [0]
    assert pairs.true_labels.tolist() == [2]
    assert pairs.shape == (1, 3)


def test_a_row_has_all_labels_or_what_is_stored_on_average():
    assert scores_of_a_row(np.zeros((2, 5))) == 5
    assert scores_of_a_row(sp.csr_array(np.array([[1.0, 1, 0, 0, 0], [1, 0, 0, 0, 0]]))) == 2
    assert scores_of_a_row(sp.csr_array(np.array([[1.0, 1, 1, 0, 0]]))) == 3
    assert scores_of_a_row(sp.csr_array((0, 5))) == 0


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csr_array, sp.csc_matrix])
def test_mapped_scores_keep_zeros_and_the_original(kind):
    scores = kind(np.array([[0.0, 0.5], [0.25, 0.0]], np.float32))
    new = map_scores(scores, lambda labels, values: values + labels)
    dense = new if isinstance(new, np.ndarray) else new.toarray()
    assert dense.tolist() == [[0.0, 1.5], [0.25, 0.0]]
    assert dense.dtype == np.float32
    assert sp.issparse(new) == sp.issparse(scores)
    assert scores.sum() == pytest.approx(0.75)


@pytest.mark.parametrize(("count", "folds"), [(10, 3), (2, 5), (1, 3), (0, 3)])
def test_parts_share_no_product_and_leave_none_out(count, folds):
    split = list(random_parts(count, folds, seed=1))
    assert len(split) == min(folds, count)
    assert all(part.any() for part in split)
    assert np.sum(split, axis=0).tolist() == [1] * count if split else count == 0


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.integers(0, 40),
        elements=st.sampled_from([0.25, 0.3, 1e-30, 0.5, 0.5 + 1e-12, 7.0]),
    ),
    st.booleans(),
)
def test_descending_order_is_a_stable_sort_in_single_and_double_precision(scores, single):
    scores = scores.astype(np.float32).astype(np.float64) if single else scores
    assert descending_order(scores).tolist() == sorted(range(len(scores)), key=lambda i: -scores[i])


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1200, 7), (5, 0)])
def test_turned_is_transposed(shape):
    scores = np.random.default_rng(0).random(shape, np.float32)
    turned = label_major(scores)
    assert turned.flags.c_contiguous
    assert (turned == scores.T).all()
    assert turned.shape == shape[::-1]
