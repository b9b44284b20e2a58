"""Accept, review, reject: the promises are kept on new products, and how products are sorted."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from shelfwise.core.types import State
from shelfwise.decision.risk_control import (
    LIMITS,
    NO_LIMIT,
    highest_limit_of_misses,
    lowest_limit,
)
from shelfwise.decision.selective_prediction import AcceptanceLimits
from shelfwise.errors import ConfigError
from shelfwise.metrics.selective import ACCEPT, REJECT, REVIEW


def products(
    count: int, seed: int, labels: int = 6, overconfident: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and targets of products whose labels go wrong together: half share their product's luck."""
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(0, 2.5, (count, labels)) + rng.normal(0, 1, (count, 1)))
    luck = np.where(
        rng.random((count, labels)) < 0.5, rng.random((count, 1)), rng.random((count, labels))
    )
    return scores.astype(np.float32), luck < scores - overconfident * (scores > 0.5)


def fitted(
    seed: int, count: int = 1500, precision: float = 0.8, recall: float = 0.9
) -> AcceptanceLimits:
    scores, targets = products(count, seed)
    return AcceptanceLimits.fit(scores, targets, scores >= 0.5, precision, recall)


def test_promises_are_kept_as_often_as_promised():
    scores, targets = products(30_000, seed=10**6)
    decided = scores >= 0.5
    broken, useful = np.zeros(3), np.zeros(3)
    for seed in range(40):
        limits = fitted(seed, count=600, precision=0.9)
        queues, whole = limits.sort(scores), limits.sort_products(scores, decided) == ACCEPT
        accepted, given = queues == ACCEPT, decided & whole[:, None]
        broken += [
            accepted.any() and targets[accepted].mean() < 0.9,
            (targets & (queues == REJECT)).sum() > 0.1 * targets.sum(),
            given.any() and targets[given].mean() < 0.9,
        ]
        useful += [accepted.any(), (queues == REJECT).any(), whole.any()]
    assert (broken <= 40 * 0.1 + 2 * np.sqrt(40 * 0.09)).all(), (
        broken
    )  # delta is 0.1; two standard errors of chance
    assert (useful[:2] == 40).all(), useful  # a promise that accepts nothing is easily kept


def test_whole_products_are_accepted_where_there_is_proof():
    scores, targets = products(30_000, seed=10**6)
    decided, limits = scores >= 0.5, fitted(0, count=5000, precision=0.88)
    whole = limits.sort_products(scores, decided) == ACCEPT
    assert 0.1 < whole.mean() < 0.9
    assert targets[decided & whole[:, None]].mean() >= 0.88 > targets[decided].mean()


def test_more_products_and_smaller_promises_are_bolder():
    little, much, modest = fitted(0, count=300), fitted(0, count=20_000), fitted(0, precision=0.7)
    assert much.accept < little.accept
    assert much.reject > little.reject
    assert modest.accept < fitted(0).accept
    assert fitted(0, recall=0.8).reject > fitted(0).reject


def test_what_cannot_be_proven_is_not_accepted():
    scores, targets = products(20, seed=0)
    few = AcceptanceLimits.fit(scores, targets, scores >= 0.5, precision=0.99)
    assert few.accept == few.whole == NO_LIMIT
    assert (few.sort(scores) != ACCEPT).all()
    assert (few.sort_products(scores, scores >= 0.5) != ACCEPT).all()
    hidden = AcceptanceLimits.fit(
        np.zeros((500, 2)), np.ones((500, 2)), np.zeros((500, 2))
    )  # all true labels are scored 0
    assert hidden.reject == 0
    assert (
        AcceptanceLimits.fit(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2))).accept
        == NO_LIMIT
    )


def test_what_is_scored_0_counts_as_not_given():
    scores, targets = products(1500, seed=0)
    scores[scores < 0.3] = 0
    every = AcceptanceLimits.fit(scores, targets, np.ones(scores.shape, bool), precision=0.8)
    assert every == AcceptanceLimits.fit(scores, targets, scores > 0, precision=0.8)
    assert every.whole < NO_LIMIT


@pytest.mark.parametrize("most", [1, 2])
def test_limits_are_those_of_the_harms_that_promises_name(most):
    """Each harm is counted here product by product, and one label or two of a product are accepted."""
    count, precision, recall, delta = 1500, 0.9, 0.9, 0.1
    scores, targets = products(count, seed=3)
    scores[scores < 0.05] = 0
    decided = scores >= 0.6
    turn = np.random.default_rng(0).permutation(count)
    # the worst product never takes all that was won, so that no bet ends below nothing
    with np.errstate(invalid="raise", divide="raise"):
        found = AcceptanceLimits.fit(scores, targets, decided, precision, recall, delta, most)

    top = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    rows, likely = np.repeat(turn, most), np.take_along_axis(scores, top, 1).ravel().astype(float)
    harms = 1.0 - np.take_along_axis(targets, top, 1).ravel() - (1 - precision)
    case = (likely[likely > 0], rows[likely > 0], harms[likely > 0])
    largest, promise = precision * most, (precision, delta)
    assert found.accept == lowest_limit(*case, count, largest, promise)

    given = decided.sum(axis=1)
    whole = np.zeros(count)
    used = (given > 0) & (given <= most)
    whole[turn[used]] = scores[used].sum(axis=1, where=decided[used], dtype=float) / given[used]
    harms = np.zeros(count)
    harms[turn] = (decided & ~targets).sum(axis=1) - (1 - precision) * given
    everyone = np.arange(count)
    assert found.whole == lowest_limit(whole, everyone, harms, count, largest, promise)

    true = targets.sum(axis=1)
    weight = np.minimum(1, most / np.maximum(true, 1))
    start = np.zeros(count)
    start[turn] = weight * ((targets & (scores == 0)).sum(axis=1) - (1 - recall) * true)
    rows, labels = np.nonzero(targets & (scores > 0))
    missed = (scores[rows, labels].astype(float), turn[rows], weight[rows])
    assert found.reject == highest_limit_of_misses(*missed, start, recall * most, delta)
    # not the first and not the last that was tried
    assert LIMITS[-1] < found.reject < LIMITS[0]
    assert most == 1 or LIMITS[-1] < found.accept < LIMITS[0]


def test_a_product_that_lacks_all_its_labels_does_not_take_more_than_was_won():
    # one of 20 products has three labels that are scored 0: three times the harm of one label
    targets = np.ones((20, 3), bool)
    scores = np.full((20, 3), 0.9)
    scores[7] = 0
    with np.errstate(invalid="raise", divide="raise"):
        found = AcceptanceLimits.fit(scores, targets, targets, recall=0.9, most=3)
    assert found.reject == 0


def test_overconfident_scores_move_the_limits_not_the_promise():
    scores, targets = products(3000, seed=0, overconfident=0.08)
    unseen, truth = products(50_000, seed=1, overconfident=0.08)
    limits = AcceptanceLimits.fit(scores, targets, scores >= 0.5, precision=0.8)
    accepted = limits.sort(unseen) == ACCEPT
    assert fitted(0, count=3000).accept < limits.accept < 1
    assert truth[accepted].mean() >= 0.8


def test_labels_are_sorted_by_both_limits():
    limits = AcceptanceLimits(
        accept=0.8, reject=0.2, whole=0.9, precision=0.95, recall=0.9, delta=0.1
    )
    assert limits.sort(np.array([[0.8, 0.79, 0.2, 0.19, 0.0]])).tolist() == [
        [ACCEPT, REVIEW, REVIEW, REJECT, REJECT]
    ]
    crossed = AcceptanceLimits(
        accept=0.4, reject=0.6, whole=0.9, precision=0.95, recall=0.9, delta=0.1
    )
    assert crossed.sort(np.array([[0.5, 0.3]])).tolist() == [[ACCEPT, REJECT]]
    open_ = AcceptanceLimits(
        accept=NO_LIMIT, reject=0.0, whole=0.9, precision=0.95, recall=0.9, delta=0.1
    )
    assert open_.sort(np.array([[1.0, 0.0]], np.float32)).tolist() == [[REVIEW, REJECT]]


def test_of_one_product_only_the_highest_are_accepted():
    limits = AcceptanceLimits(
        accept=0.5, reject=0.2, whole=0.5, precision=0.95, recall=0.9, delta=0.1, most=2
    )
    assert limits.sort(np.array([[0.6, 0.9, 0.1, 0.7], [0.6, 0.6, 0.6, 0.1]])).tolist() == [
        [REVIEW, ACCEPT, REJECT, ACCEPT],
        [ACCEPT, ACCEPT, REVIEW, REJECT],
    ]
    assert limits.sort_products(np.full((1, 3), 0.9), np.ones((1, 3), bool)).tolist() == [REVIEW]


def test_of_many_equal_scores_the_first_are_accepted():
    limits = AcceptanceLimits(0.5, 0.2, 0.5, precision=0.95, recall=0.9, delta=0.1, most=3)
    queues = limits.sort(np.tile([0.6, 0.9], (1, 50)))
    assert np.flatnonzero(queues == ACCEPT).tolist() == [1, 3, 5]
    scores, targets = products(50, seed=0)
    for most in (1, 3):
        assert AcceptanceLimits.fit(scores, targets, scores >= 0.5, most=most).most == most


def test_bets_come_in_the_same_order_every_time():
    once, again = ([fitted(seed, count=120) for seed in range(12)] for _ in range(2))
    assert once == again


def test_queues_take_a_byte_each():
    """There is one for every product and label."""
    scores, limits = products(20, seed=0)[0], fitted(0)
    assert limits.sort(scores).dtype == np.int8
    assert limits.sort_products(scores, scores >= 0.5).dtype == np.int8


def test_products_are_sorted_by_confidence():
    limits = AcceptanceLimits(
        accept=0.8, reject=0.2, whole=0.7, precision=0.95, recall=0.9, delta=0.1
    )
    scores = np.array(
        [[0.92, 0.5, 0.1], [0.9, 0.4, 0.1], [0.1, 0.1, 0.0], [0.3, 0.1, 0.0], [0.0, 0.0, 0.0]],
        np.float32,
    )
    decided = scores >= 0.4
    assert limits.sort_products(scores, decided).tolist() == [
        ACCEPT,
        REVIEW,
        REJECT,
        REVIEW,
        REJECT,
    ]


def test_the_limit_of_products_is_itself_enough_and_scores_are_summed_in_double():
    scores = np.random.default_rng(0).random((50, 5), np.float32)
    given = np.ones((1, 5), bool)
    for row, mean in zip(scores, scores.astype(np.float64).sum(axis=1) / 5, strict=True):
        limits = AcceptanceLimits(2.0, 0.0, mean, precision=0.95, recall=0.9, delta=0.1)
        assert limits.sort_products(row[None], given).tolist() == [ACCEPT]


def test_sparse_is_dense_and_limits_come_back_from_their_state():
    scores, targets = products(1500, seed=0)
    limits = fitted(0)
    sparse = AcceptanceLimits.fit(
        sp.csr_matrix(scores),
        sp.csr_matrix(targets),
        sp.csr_matrix(scores >= 0.5),
        precision=0.8,
        recall=0.9,
    )
    assert sparse == limits
    assert limits.accept in LIMITS
    assert (
        AcceptanceLimits.from_state(
            State(facts=json.loads(json.dumps(limits.state().facts, allow_nan=False)))
        )
        == limits
    )


@pytest.mark.parametrize(
    "wrong", [{"precision": 1}, {"precision": 0}, {"recall": 0}, {"delta": 1.5}, {"most": 0}]
)
def test_promises_that_make_no_sense_are_refused(wrong):
    [(name, value)] = wrong.items()
    with pytest.raises(ConfigError) as refused:
        AcceptanceLimits.fit(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2)), **wrong)
    told = "must lie between 0 and 1, both excluded; usual are 0.95, for delta 0.1"
    if name == "most":
        assert str(refused.value) == (
            "most is 0, but at least 1 label of a product must be acceptable; 8 is usual"
        )
    else:
        assert str(refused.value) == f"{name} is {value} but {told}"


@pytest.mark.parametrize(("name", "value"), [("whole", None), ("accept", {}), ("most", "many")])
def test_limits_that_are_no_numbers_are_refused_when_they_are_restored(
    name: str, value: object
) -> None:
    limits = AcceptanceLimits(0.9, 0.1, 0.8, precision=0.95, recall=0.9, delta=0.1)
    assert AcceptanceLimits.from_state(limits.state()) == limits
    forged = State(facts={**limits.state().facts, name: value})
    with pytest.raises(ValueError, match=name):
        AcceptanceLimits.from_state(forged)
