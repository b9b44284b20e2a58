import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from shelfwise.metrics import multilabel as metrics
from shelfwise.metrics.multilabel import (
    average_precision,
    decision_metrics,
    evaluate,
    lrap,
    micro_f1,
    per_label,
    ranking_metrics,
)

shapes = st.tuples(st.integers(1, 12), st.integers(2, 7))


@st.composite
def decided(draw):
    shape = draw(shapes)
    return draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


def random_case(products=200, labels=20, levels=None, seed=0):
    """Every product and label has something true; with `levels`, scores are coarse and tie."""
    random = np.random.default_rng(seed)
    targets = random.random((products, labels)) < 0.15
    targets[np.arange(products), np.arange(products) % labels] = True
    scores = 0.4 * targets + random.random(targets.shape)
    return targets, np.round(scores * levels) / levels if levels else scores


@settings(max_examples=30, deadline=None)
@given(decided())
def test_averages_agree_with_scikit_learn(case):
    targets, decisions = case
    ours = decision_metrics(targets, decisions)
    for average in ("micro", "macro", "weighted"):
        theirs = oracle.precision_recall_fscore_support(targets, decisions, average=average, zero_division=0)[
            :3
        ]
        assert [ours[f"{average}_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(theirs)
    assert ours["subset_accuracy"] == pytest.approx(oracle.accuracy_score(targets, decisions))
    assert ours["hamming_loss"] == pytest.approx(oracle.hamming_loss(targets, decisions))
    assert ours["micro_f1"] == micro_f1(targets, decisions)


@settings(max_examples=30, deadline=None)
@given(decided())
def test_example_averages_agree_where_something_is_true_or_decided(case):
    targets, decisions = case
    spoken = (targets | decisions).any(axis=1)
    ours = decision_metrics(targets, decisions)
    theirs = np.zeros(3)
    if spoken.any():
        theirs = np.array(
            oracle.precision_recall_fscore_support(
                targets[spoken], decisions[spoken], average="samples", zero_division=0
            )[:3]
        )
    silent = np.mean(~spoken)  # conventionally 1 each
    assert [ours[f"example_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(
        theirs * (1 - silent) + silent
    )


@settings(max_examples=30, deadline=None)
@given(decided())
def test_per_label_agrees_with_scikit_learn(case):
    targets, decisions = case
    ours = per_label(targets, decisions)
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        targets, decisions, average=None, zero_division=0
    )
    assert ours["precision"] == pytest.approx(precision)
    assert ours["recall"] == pytest.approx(recall)
    assert ours["f1"] == pytest.approx(f1)
    assert ours["support"].tolist() == support.tolist()
    assert ours["missed"].tolist() == (targets & ~decisions).sum(axis=0).tolist()


@settings(max_examples=30, deadline=None)
@given(decided())
def test_any_kind_of_zero_and_one_will_do(case):
    targets, decisions = case
    assert decision_metrics(targets.astype(np.float32), decisions.astype(np.int64)) == decision_metrics(
        targets, decisions
    )


def test_conventions_for_nothing():
    nothing = decision_metrics(np.zeros((3, 2)), np.zeros((3, 2)))
    assert (nothing["micro_f1"], nothing["macro_f1"], nothing["weighted_f1"], nothing["example_f1"]) == (
        0,
        0,
        0,
        1,
    )
    assert (nothing["subset_accuracy"], nothing["hamming_loss"]) == (1, 0)
    unused = decision_metrics(np.array([[1, 0]]), np.array([[1, 0]]))
    assert (unused["micro_f1"], unused["macro_f1"], unused["weighted_f1"]) == (1, 0.5, 1)
    assert set(decision_metrics(np.zeros((0, 2)), np.zeros((0, 2))).values()) == {0.0}


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
    assert ours["lrap"] == pytest.approx(oracle.label_ranking_average_precision_score(targets, scores))


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
        assert average_precision(true, row) == pytest.approx(slow[-1])
    assert lrap(targets, scores) == pytest.approx(np.mean(slow))


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


def test_permuting_the_labels_changes_nothing():
    targets, scores = random_case()
    order = np.random.default_rng(1).permutation(targets.shape[1])
    before, after = (
        evaluate(y, s, {"t": s >= 0.5}) for y, s in ((targets, scores), (targets[:, order], scores[:, order]))
    )
    for part in before:
        assert after[part] == pytest.approx(before[part])


def test_evaluate_has_a_part_for_each_threshold_and_is_json_ready():
    targets, scores = random_case()
    scores = scores.astype(np.float32)
    results = evaluate(targets, scores, {"at_0.5": scores >= 0.5, "tuned": scores >= 0.7})
    assert json.loads(json.dumps(results)) == results
    assert list(results) == ["at_0.5", "tuned", "ranking"]
    assert results["tuned"]["micro_f1"] == oracle.f1_score(targets, scores >= 0.7, average="micro")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_equal_scores_stand_in_label_order_however_many_are_compared_at_once(data):
    shape = data.draw(shapes)
    targets = data.draw(hnp.arrays(bool, shape))
    scores = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 3))) / 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "CELLS", 2 * shape[1])
        patch.setattr(metrics, "COLUMNS", 2)
        ours, parts = ranking_metrics(targets, scores), lrap(targets, scores)
    assert (ours, parts) == (ranking_metrics(targets, scores), lrap(targets, scores))
    labelled = targets.any(axis=1)
    first = np.argsort(-scores[labelled], axis=1, kind="stable")
    for k in (1, 3, 5):
        found = np.take_along_axis(targets[labelled], first[:, :k], axis=1).sum(axis=1)
        assert ours[f"precision_at_{k}"] == pytest.approx(np.mean(found / k) if labelled.any() else 0)
