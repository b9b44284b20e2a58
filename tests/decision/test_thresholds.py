import json
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.decision.expected_f1 import best_sets
from shelfwise.decision.thresholds import (
    DEFAULT_THRESHOLD,
    SHRINKS,
    Thresholds,
    best_shrink,
    best_threshold,
    decide,
    per_label_thresholds,
)
from shelfwise.metrics.scored_pairs import random_parts

shapes = st.tuples(st.integers(1, 8), st.integers(1, 4))


@st.composite
def scored(draw, dtype=np.float32):
    """Targets and coarse scores, so that ties and zeros are common."""
    shape = draw(shapes)
    targets = draw(hnp.arrays(bool, shape))
    steps = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 6)))
    return targets, (steps / 7).astype(dtype)


def f1(targets, decided):
    hits = np.count_nonzero(targets & decided)
    return 2 * hits / max(np.count_nonzero(targets) + np.count_nonzero(decided), 1)


def best_by_trying(targets, scores):
    return max(
        (f1(targets, scores >= t) for t in np.unique(scores[scores > 0]).astype(np.float64)),
        default=0.0,
    )


@settings(max_examples=60, deadline=None)
@given(scored())
def test_no_threshold_is_better(case):
    targets, scores = case
    threshold = best_threshold(targets, scores)
    assert f1(targets, decide(scores, threshold)) == pytest.approx(best_by_trying(targets, scores))
    assert threshold > 0


@settings(max_examples=60, deadline=None)
@given(scored())
def test_it_lies_midway_between_neighbouring_scores(case):
    targets, scores = case
    if not best_by_trying(targets, scores):
        return
    threshold = best_threshold(targets, scores)
    accepted = float(scores[scores >= threshold].min())
    refused = float(max(scores[scores < threshold], default=0.0))
    assert threshold == pytest.approx((accepted + refused) / 2)


def test_equally_good_thresholds_give_the_highest():
    # accepting one gives 2 * 1 / (1 + 2), accepting four gives 2 * 2 / (4 + 2): the same
    assert best_threshold(np.array([1, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.6])) == pytest.approx(
        0.85
    )


@pytest.mark.parametrize("targets", [[0, 0], [1, 0]])
def test_nothing_to_tune_gives_the_default(targets):
    assert best_threshold(np.array(targets), np.array([0.0, 0.4])) == DEFAULT_THRESHOLD
    assert best_threshold(np.zeros((0, 3)), np.zeros((0, 3))) == DEFAULT_THRESHOLD


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbouring_floats_are_told_apart(dtype):
    low = dtype(0.3)
    # half way between two neighbours is rounded up and down in turn
    for _ in range(2):
        high = np.nextafter(low, dtype(1))
        scores = np.array([high, low], dtype=dtype)
        assert decide(scores, best_threshold(np.array([1, 0]), scores)).tolist() == [True, False]
        low = high


def test_a_product_nobody_knows_gets_no_label():
    targets, scores = np.ones((3, 2)), np.array([[0.2, 0.1], [0.3, 0.2], [0.0, 0.0]])
    for thresholds in (best_threshold(targets, scores), per_label_thresholds(targets, scores, 0)):
        assert decide(scores, thresholds).tolist() == [[True, True], [True, True], [False, False]]


@settings(max_examples=60, deadline=None)
@given(scored())
def test_without_shrinking_every_label_is_at_its_best(case):
    targets, scores = case
    decided = decide(scores, per_label_thresholds(targets, scores, shrink=0))
    for label in np.flatnonzero(targets.any(axis=0)):
        assert f1(targets[:, label], decided[:, label]) == pytest.approx(
            best_by_trying(targets[:, label], scores[:, label])
        )


@settings(max_examples=60, deadline=None)
@given(scored(), st.floats(0.1, 50))
def test_shrinking_moves_towards_the_global_threshold_by_support(case, shrink):
    targets, scores = case
    whole = best_threshold(targets, scores)
    own, shrunk = (
        per_label_thresholds(targets, scores, 0),
        per_label_thresholds(targets, scores, shrink),
    )
    weight = targets.sum(axis=0) / (targets.sum(axis=0) + shrink)
    assert shrunk == pytest.approx(weight * own + (1 - weight) * whole)
    assert per_label_thresholds(targets, scores, float("inf")) == pytest.approx(whole)


def test_a_label_without_positives_gets_the_global_threshold():
    targets, scores = np.array([[1, 0], [0, 0]]), np.array([[0.8, 0.9], [0.2, 0.1]])
    assert per_label_thresholds(targets, scores, 0)[1] == best_threshold(targets, scores)


def test_decide_accepts_the_threshold_itself_and_one_a_label():
    scores = np.array([[0.5, 0.5], [0.4, 0.6]], dtype=np.float32)
    assert decide(scores, 0.5).tolist() == [[True, True], [False, True]]
    assert not decide(np.float32([[0.7]]), 0.7).any()  # the nearest float32 lies below
    assert decide(scores, np.array([0.25, 0.75])).tolist() == [[True, False], [True, False]]


def test_of_sparse_scores_none_that_is_0_is_given():
    # one 0 is stored, and neither the last product nor the last label has a score
    scores = sp.csr_array(([0.0, 0.5], ([0, 0], [0, 1])), shape=(2, 3))
    assert decide(scores, 0.0).toarray().tolist() == [[False, True, False], [False] * 3]


@settings(max_examples=60, deadline=None)
@given(scored())
def test_all_labels_at_once_are_each_label_alone(case):
    targets, scores = case
    alone = [
        best_threshold(targets[:, label], scores[:, label]) for label in range(targets.shape[1])
    ]
    used = targets.any(axis=0)
    assert per_label_thresholds(targets, scores, 0)[used] == pytest.approx(np.array(alone)[used])


@settings(max_examples=30, deadline=None)
@given(scored())
def test_sparse_scores_give_the_same_thresholds(case):
    targets, scores = case
    sparse = sp.csr_matrix(targets), sp.csr_matrix(scores)
    assert best_threshold(*sparse) == best_threshold(targets, scores)
    assert per_label_thresholds(*sparse, 2.0) == pytest.approx(
        per_label_thresholds(targets, scores, 2.0)
    )
    assert best_shrink(*sparse) == best_shrink(targets, scores)


def uneven(count, labels=4, spread=0.0, seed=0):
    """Scores whose best thresholds differ by label by `spread`."""
    rng = np.random.default_rng(seed)
    targets = rng.random((count, labels)) < 0.3
    middle = 0.5 + spread * np.linspace(-1, 1, labels)
    return targets, np.clip(
        middle + np.where(targets, 0.08, -0.08) + rng.normal(0, 0.05, targets.shape), 0.001, 1
    )


def test_shrink_is_little_where_labels_differ_and_much_where_they_do_not():
    assert best_shrink(*uneven(2000, spread=0.3)) <= 10
    assert best_shrink(*uneven(200, spread=0.0)) >= 100
    assert best_shrink(np.zeros((1, 2)), np.zeros((1, 2))) == float("inf")


def slow_best_shrink(targets, scores):
    """Of each part, thresholds of all other products; of equally good shrinks the largest."""
    hits, accepted = np.zeros(len(SHRINKS)), np.zeros(len(SHRINKS))
    for part in random_parts(len(scores), 5, seed=0):
        for i, shrink in enumerate(SHRINKS):
            tuned = per_label_thresholds(targets[~part], scores[~part], shrink)
            decided = decide(scores[part], tuned)
            hits[i] += (decided & targets[part]).sum()
            accepted[i] += decided.sum()
    best = 2 * hits / (accepted + targets.sum())
    return max(shrink for shrink, f1 in zip(SHRINKS, best, strict=True) if f1 == best.max())


@pytest.mark.parametrize("seed", range(16))
def test_a_shrink_is_judged_on_products_that_it_was_not_tuned_on(seed):
    case = uneven(60, spread=0.1, seed=seed)
    assert best_shrink(*case) == slow_best_shrink(*case)


def test_labels_of_their_own_help_where_they_differ():
    (targets, scores), (unseen, unseen_scores) = (
        uneven(500, spread=0.3, seed=1),
        uneven(500, spread=0.3, seed=2),
    )
    one, each = (
        Thresholds.fit(scores, targets, rule).decide(unseen_scores)
        for rule in ("global", "per_label")
    )
    assert f1(unseen, each) > f1(unseen, one) + 0.1


@pytest.mark.parametrize("rule", ["fixed", "global", "per_label", "per_product"])
def test_every_rule_decides_and_comes_back_from_its_state(rule):
    targets, scores = uneven(100)
    scores[3] = 0
    fitted = Thresholds.fit(scores, targets, rule, fixed=0.4)
    decided = fitted.decide(scores)
    assert decided.shape == scores.shape
    assert not decided[3].any()
    state = fitted.state()
    json.dumps(state.facts, allow_nan=False)
    again = Thresholds.from_state(state)
    assert (again.decide(scores) == decided).all()
    assert again.shrink == fitted.shrink
    assert (decide(scores, fitted) == decided).all()


def test_every_rule_keeps_what_it_was_fitted_to():
    targets, scores = uneven(200, spread=0.1)
    fitted = {
        rule: Thresholds.fit(scores, targets, rule)
        for rule in ("fixed", "global", "per_label", "per_product")
    }
    assert {name: one.rule for name, one in fitted.items()} == {name: name for name in fitted}
    assert fitted["fixed"].values == DEFAULT_THRESHOLD
    assert fitted["global"].values == best_threshold(targets, scores)
    assert fitted["per_product"].values == 0
    shrink = best_shrink(targets, scores)
    assert fitted["per_label"].shrink == shrink
    own = per_label_thresholds(targets, scores, shrink)
    np.testing.assert_array_equal(fitted["per_label"].values, own)
    assert {one.values.dtype for one in fitted.values()} == {np.dtype(np.float64)}


def test_fixed_is_what_was_given_and_products_are_judged_alone():
    targets, scores = uneven(100)
    assert (Thresholds.fit(scores, targets, "fixed", 0.6).decide(scores) == (scores >= 0.6)).all()
    assert (
        Thresholds.fit(scores, targets, "per_product").decide(scores) == best_sets(scores)
    ).all()


def test_ten_thousand_labels_are_one_sort_away():
    rng = np.random.default_rng(0)
    rows, columns = np.repeat(np.arange(5000), 20), rng.integers(0, 10_000, 100_000)
    scores = sp.csr_matrix((rng.random(100_000), (rows, columns)), (5000, 10_000))
    scores.data = np.minimum(scores.data, 1)
    targets = sp.csr_matrix(scores > 0.7)
    started = time.process_time()
    thresholds = Thresholds.fit(scores, targets, "per_label")
    assert time.process_time() - started < 5  # a Python loop over labels takes minutes
    assert thresholds.values.shape == (10_000,)


@pytest.mark.parametrize("rule", ["fixed", "global", "per_label", "per_product"])
def test_sparse_scores_are_decided_as_dense_ones(rule):
    rng = np.random.default_rng(0)
    scores = np.round(rng.random((60, 8)), 1).astype(np.float32) * (rng.random((60, 8)) < 0.5)
    fitted = Thresholds.fit(scores, rng.random(scores.shape) < scores, rule)
    decided = fitted.decide(sp.csr_array(scores))
    assert decided.dtype == np.bool_
    assert np.array_equal(decided.toarray(), fitted.decide(scores))
