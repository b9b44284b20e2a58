"""Ranking metrics against scikit-learn and slow definitions, however many scores are compared at once."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from shelfwise.metrics import ranking
from shelfwise.metrics.ranking import average_precision, ranking_metrics
from tests.metrics.random_cases import random_case

shapes = st.tuples(st.integers(1, 12), st.integers(2, 7))


@pytest.mark.parametrize("levels", [None, 4])
def test_average_precisions_agree_with_scikit_learn(levels):
    targets, scores = random_case(levels=levels)
    ours = ranking_metrics(targets, scores)
    assert ours["map_macro"] == pytest.approx(
        oracle.average_precision_score(targets, scores, average="macro")
    )
    assert ours["map_micro"] == pytest.approx(
        oracle.average_precision_score(targets, scores, average="micro")
    )
    assert ours["lrap"] == pytest.approx(
        oracle.label_ranking_average_precision_score(targets, scores)
    )


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_average_precision_by_the_definition(data):
    shape = data.draw(shapes)
    targets = data.draw(hnp.arrays(bool, shape))
    scores = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 3))) / 4
    slow = []
    for true, row in zip(targets, scores, strict=True):
        precisions = [true[row >= s].mean() for s in row[true]]
        slow.append(np.mean(precisions) if precisions else 0.0)
        for kind in (bool, int):
            assert average_precision(true.astype(kind), row) == pytest.approx(slow[-1])
    # products without a label do not count
    labelled = np.array(slow)[targets.any(axis=1)]
    expected = labelled.mean() if len(labelled) else 0
    assert ranking_metrics(targets, scores)["lrap"] == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_metrics_at_k_agree_with_slow_ones(k):
    targets, scores = random_case()
    ours = ranking_metrics(targets, scores)
    top = [set(np.argsort(-row)[:k].tolist()) for row in scores]
    true = [set(np.flatnonzero(row).tolist()) for row in targets]
    assert ours[f"precision_at_{k}"] == pytest.approx(
        np.mean([len(a & b) / k for a, b in zip(top, true, strict=True)])
    )
    assert ours[f"recall_at_{k}"] == pytest.approx(
        np.mean([len(a & b) / len(b) for a, b in zip(top, true, strict=True)])
    )
    assert ours[f"ndcg_at_{k}"] == pytest.approx(oracle.ndcg_score(targets, scores, k=k))
    assert ours["hit_at_1"] == pytest.approx(
        np.mean([row.argmax() in labels for row, labels in zip(scores, true, strict=True)])
    )


def test_products_without_labels_and_labels_without_products_do_not_count_in_rankings():
    targets, scores = random_case(50, 8)
    wider = np.pad(targets, ((0, 5), (0, 0)))
    more_scores = np.vstack([scores, np.random.default_rng(1).random((5, 8))])
    plain, padded = ranking_metrics(targets, scores), ranking_metrics(wider, more_scores)
    by_product = [name for name in plain if not name.startswith("map")]
    assert [padded[name] for name in by_product] == [plain[name] for name in by_product]
    unused = ranking_metrics(np.pad(targets, ((0, 0), (0, 1))), np.pad(scores, ((0, 0), (0, 1))))
    assert unused["map_macro"] == plain["map_macro"]


def test_fewer_labels_than_k_and_nothing_to_rank():
    narrow = ranking_metrics(np.array([[1, 0]]), np.array([[0.9, 0.1]]))
    assert (narrow["precision_at_5"], narrow["recall_at_5"], narrow["ndcg_at_5"]) == (0.2, 1.0, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shape in ((0, 3), (2, 3)):
            assert set(ranking_metrics(np.zeros(shape), np.zeros(shape)).values()) == {0.0}


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_equal_scores_stand_in_label_order_however_many_are_compared_at_once(data):
    shape = data.draw(shapes)
    targets = data.draw(hnp.arrays(bool, shape))
    scores = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 3))) / 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "CELLS_PER_BLOCK", 2 * shape[1])
        patch.setattr(ranking, "LABELS_PER_BLOCK", 2)
        patch.setattr(ranking, "CELLS_PER_SORT", 2 * shape[1])
        ours = ranking_metrics(targets, scores)
    assert ours == ranking_metrics(targets, scores)
    labelled = targets.any(axis=1)
    first = np.argsort(-scores[labelled], axis=1, kind="stable")
    for k in (1, 3, 5):
        found = np.take_along_axis(targets[labelled], first[:, :k], axis=1).sum(axis=1)
        assert ours[f"precision_at_{k}"] == pytest.approx(
            np.mean(found / k) if labelled.any() else 0
        )


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_sparse_scores_rank_as_dense_ones(data):
    """With many equal scores, and true labels that are scored 0."""
    shape = data.draw(shapes)
    targets = data.draw(hnp.arrays(bool, shape))
    scores = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 3))) / 4
    found = ranking_metrics(sp.csr_array(targets), sp.csr_array(scores))
    assert found == pytest.approx(ranking_metrics(targets, scores))
