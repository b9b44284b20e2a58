"""Metrics of decisions against scikit-learn, and the conventions where there is nothing to count."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from shelfwise.metrics.multilabel import decision_metrics, evaluate, micro_f1, per_label
from shelfwise.metrics.ranking import ranking_metrics
from tests.metrics.random_cases import random_case

shapes = st.tuples(st.integers(1, 12), st.integers(2, 7))


@st.composite
def decided(draw):
    shape = draw(shapes)
    return draw(hnp.arrays(bool, shape)), draw(hnp.arrays(bool, shape))


@settings(max_examples=30, deadline=None)
@given(decided())
def test_averages_agree_with_scikit_learn(case):
    targets, decisions = case
    ours = decision_metrics(targets, decisions)
    for average in ("micro", "macro", "weighted"):
        theirs = oracle.precision_recall_fscore_support(
            targets, decisions, average=average, zero_division=0
        )[:3]
        assert [
            ours[f"{average}_{name}"] for name in ("precision", "recall", "f1")
        ] == pytest.approx(theirs)
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
    assert decision_metrics(
        targets.astype(np.float32), decisions.astype(np.int64)
    ) == decision_metrics(targets, decisions)


def test_conventions_for_nothing():
    nothing = decision_metrics(np.zeros((3, 2)), np.zeros((3, 2)))
    assert (
        nothing["micro_f1"],
        nothing["macro_f1"],
        nothing["weighted_f1"],
        nothing["example_f1"],
    ) == (
        0,
        0,
        0,
        1,
    )
    assert (nothing["subset_accuracy"], nothing["hamming_loss"]) == (1, 0)
    unused = decision_metrics(np.array([[1, 0]]), np.array([[1, 0]]))
    assert (unused["micro_f1"], unused["macro_f1"], unused["weighted_f1"]) == (1, 0.5, 1)
    assert set(decision_metrics(np.zeros((0, 2)), np.zeros((0, 2))).values()) == {0.0}


def test_permuting_the_labels_changes_nothing():
    targets, scores = random_case()
    order = np.random.default_rng(1).permutation(targets.shape[1])
    before, after = (
        evaluate(y, s, {"t": s >= 0.5})
        for y, s in ((targets, scores), (targets[:, order], scores[:, order]))
    )
    for part in before:
        assert after[part] == pytest.approx(before[part])


def test_evaluate_has_a_part_for_each_threshold_and_is_json_ready():
    targets, scores = random_case()
    scores = scores.astype(np.float32)
    results = evaluate(targets, scores, {"at_0.5": scores >= 0.5, "tuned": scores >= 0.7})
    assert results["ranking"] == ranking_metrics(targets, scores)
    assert json.loads(json.dumps(results)) == results
    assert list(results) == ["at_0.5", "tuned", "ranking"]
    assert results["tuned"]["micro_f1"] == oracle.f1_score(targets, scores >= 0.7, average="micro")
