import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shelfwise.decision.thresholds import DEFAULT, best_threshold, decide, per_label_thresholds

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
    return max((f1(targets, scores >= t) for t in np.unique(scores[scores > 0]).astype(np.float64)), default=0.0)


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
    assert best_threshold(np.array([1, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.6])) == pytest.approx(0.85)


@pytest.mark.parametrize("targets", [[0, 0], [1, 0]])
def test_nothing_to_tune_gives_the_default(targets):
    assert best_threshold(np.array(targets), np.array([0.0, 0.4])) == DEFAULT
    assert best_threshold(np.zeros((0, 3)), np.zeros((0, 3))) == DEFAULT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbouring_floats_are_told_apart(dtype):
    low = dtype(0.3)
    high = np.nextafter(low, dtype(1))
    scores = np.array([high, low], dtype=dtype)
    assert decide(scores, best_threshold(np.array([1, 0]), scores)).tolist() == [True, False]


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
        assert f1(targets[:, label], decided[:, label]) == pytest.approx(best_by_trying(targets[:, label], scores[:, label]))


@settings(max_examples=60, deadline=None)
@given(scored(), st.floats(0.1, 50))
def test_shrinking_moves_towards_the_global_threshold_by_support(case, shrink):
    targets, scores = case
    whole = best_threshold(targets, scores)
    own, shrunk = per_label_thresholds(targets, scores, 0), per_label_thresholds(targets, scores, shrink)
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
