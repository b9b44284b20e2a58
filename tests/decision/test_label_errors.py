"""Suspicious labels: against a slow reading of the formulas, cleanlab, and labels spoilt on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from shelfwise.core.types import Bools, Floats
from shelfwise.decision.label_errors import ALONE_WEIGHT, LabelErrorDetector, suspicion
from shelfwise.decision.label_model import (
    FORGOTTEN_RATE,
    MIN_SCORE,
    PENALTY,
    SHARED_SCALE,
    WRONG_RATE,
    LabelModel,
    ScoredCells,
)


def shop(seed: int, products: int = 600) -> tuple[Floats, Bools]:
    """Out-of-fold scores and right labels: 4 departments of 3 kinds each, and 3 labels at random.

    The department follows from the kind; the scores know the kind well and the others hardly.
    """
    rng = np.random.default_rng(seed)
    kind = rng.integers(12, size=products)
    truth = np.zeros((products, 19), np.bool_)
    truth[np.arange(products), kind] = True
    truth[np.arange(products), 12 + kind // 3] = True
    truth[:, 16:] = rng.random((products, 3)) < 0.4
    logits = np.where(truth, 2.0, -4.0) + 1.5 * rng.standard_normal(truth.shape)
    logits[:, 16:] = rng.standard_normal((products, 3)) - 0.4
    return expit(logits).astype(np.float32), truth


def spoilt(truth: Bools, seed: int, share: float = 0.06) -> tuple[Bools, Bools]:
    """One label of some products dropped or added; which products (N,)."""
    rng = np.random.default_rng(seed)
    labels, chosen = truth.copy(), rng.permutation(len(truth)) < share * len(truth)
    for place, row in enumerate(np.flatnonzero(chosen)):
        labels[row, rng.choice(np.flatnonzero(truth[row] == (place % 2 == 0)))] ^= True
    return labels, chosen


def found(evidence: np.ndarray, chosen: Bools, share: float = 0.1) -> float:
    return float(
        chosen[np.argsort(-evidence, kind="stable")[: round(share * len(chosen))]].sum()
        / chosen.sum()
    )


def slow_doubts(expected: LabelModel, scores: Floats, labels: Bools) -> np.ndarray:
    """Every cell by the formulas, one at a time."""
    weight = dict(zip(expected.pairs.tolist(), expected.weights.tolist(), strict=True))
    doubts, count = np.zeros(labels.shape), labels.shape[1]
    for i, j in np.ndindex(*labels.shape):
        if not labels[i, j] and scores[i, j] < MIN_SCORE:
            continue
        beside = sum(
            weight.get(k * count + j, 0.0) for k in np.flatnonzero(labels[i]).tolist() if k != j
        )
        has = expit(
            expected.intercepts[j]
            + expected.slopes[j]
            * logit(np.clip(float(scores[i, j]), MIN_SCORE, 1 - MIN_SCORE / 100))
            + beside
        )
        odds = (
            WRONG_RATE * max(expected.shares[j], 1e-6) * (1 - has) / has
            if labels[i, j]
            else FORGOTTEN_RATE * has / (1 - has)
        )
        doubts[i, j] = odds / (1 + odds)
    return doubts


@pytest.fixture(scope="module")
def read() -> tuple[Floats, Bools, Bools, Bools, LabelErrorDetector]:
    scores, truth = shop(0)
    labels, chosen = spoilt(truth, 1)
    return scores, truth, labels, chosen, LabelErrorDetector.fit(scores, labels)


def test_doubts_as_the_formulas_have_them(
    read: tuple[Floats, Bools, Bools, Bools, LabelErrorDetector],
) -> None:
    scores, _, labels, _, proofreader = read
    # a score may be certain
    scores = scores.copy()
    scores[0, :2] = [0, 1]
    # and as low as one that is just judged
    scores[1, ~labels[1]] = MIN_SCORE
    together, alone = proofreader.parts[0]
    np.testing.assert_allclose(
        together.error_probabilities(scores[:40], labels[:40]).toarray(),
        slow_doubts(together, scores[:40], labels[:40]),
        rtol=1e-5,
    )
    new = proofreader.error_probabilities(scores[:40], labels[:40], np.full(40, -1)).toarray()
    both = [slow_doubts(part, scores[:40], labels[:40]) for part in proofreader.parts[-1]]
    np.testing.assert_allclose(new, 1 - (1 - both[0]) * (1 - both[1]) ** ALONE_WEIGHT, rtol=1e-5)
    assert len(together.pairs)
    assert not len(alone.pairs)


def test_everybody_is_judged_by_what_the_others_taught(
    read: tuple[Floats, Bools, Bools, Bools, LabelErrorDetector],
) -> None:
    scores, _, labels, _, proofreader = read
    rows = np.append(0, np.random.default_rng(2).permutation(len(labels))[:50])
    known = proofreader.error_probabilities(scores[rows], labels[rows], rows).toarray()
    for at, row in enumerate(rows):
        parts = [
            part.error_probabilities(scores[[row]], labels[[row]]).toarray()[0]
            for part in proofreader.parts[proofreader.folds[row]]
        ]
        np.testing.assert_allclose(
            known[at], 1 - (1 - parts[0]) * (1 - parts[1]) ** ALONE_WEIGHT, rtol=1e-6
        )


def test_spoilt_labels_come_first_and_before_where_cleanlab_has_them(
    read: tuple[Floats, Bools, Bools, Bools, LabelErrorDetector],
) -> None:
    quality = pytest.importorskip("cleanlab.multilabel_classification").get_label_quality_scores
    scores, _, labels, chosen, proofreader = read
    ours = found(
        suspicion(proofreader.error_probabilities(scores, labels, np.arange(len(labels)))), chosen
    )
    named = [np.flatnonzero(row).tolist() for row in labels]
    softmin = {"method": "softmin", "temperature": 0.1}
    theirs = [
        found(-quality(named, scores, aggregator_kwargs=k), chosen)
        for k in (softmin, {"method": "exponential_moving_average"})
    ]
    # a third of the spoilt labels are among those that products have as they please: nobody could tell
    assert ours > 0.55
    assert ours > max(theirs) + 0.1


def test_labels_that_nobody_can_tell_do_not_flood_the_list(
    read: tuple[Floats, Bools, Bools, Bools, LabelErrorDetector],
) -> None:
    scores, _, labels, _, proofreader = read
    doubts = proofreader.error_probabilities(scores, labels, np.arange(len(labels))).toarray()
    first = np.argsort(-doubts, axis=None)[:30] % labels.shape[1]
    assert (first < 16).all()


def test_a_product_on_a_wholly_wrong_shelf_is_found() -> None:
    scores, truth = shop(3)
    labels = truth.copy()
    labels[:20] = truth[np.random.default_rng(0).permutation(20)]
    moved = (labels != truth)[:, :16].any(axis=1)
    evidence = suspicion(
        LabelErrorDetector.fit(scores, labels).error_probabilities(
            scores, labels, np.arange(len(labels))
        )
    )
    assert found(evidence, moved) > 0.8


def test_suggestions_put_right_what_was_spoilt(
    read: tuple[Floats, Bools, Bools, Bools, LabelErrorDetector],
) -> None:
    scores, truth, labels, chosen, proofreader = read
    telling = np.flatnonzero(chosen & (labels != truth)[:, :16].any(axis=1))
    before = labels.copy()
    suggested = proofreader.suggested_labels(scores[telling], labels[telling], telling)
    np.testing.assert_array_equal(labels, before)
    assert ((suggested == truth[telling])[:, :16].all(axis=1)).mean() > 0.8
    assert (suggested != labels[telling]).any(axis=1).all()


class ScoresAreDoubts:
    """Doubts every label as much as it is scored, whether it is given or not."""

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def error_probabilities(self, scores: Floats, given: Bools) -> csr_array:
        doubts = csr_array(scores)
        doubts.data = doubts.data * self.weight
        return doubts


def test_labels_are_changed_one_after_the_other_and_none_twice() -> None:
    of_all = (ScoresAreDoubts(1), ScoresAreDoubts(0))
    detector = LabelErrorDetector([of_all], np.zeros(4, np.int64))  # type: ignore[list-item]
    doubts = np.zeros((4, 10))
    doubts[0, :4] = [0.6, 0.9, 0.04, 0.2]
    # the first change is made however small the doubt, a second one is not
    doubts[1, :2] = [0.01, 0.02]
    # the third product has nothing to doubt, the fourth more than is ever changed
    doubts[3] = np.linspace(0.95, 0.5, 10)
    given = np.zeros((4, 10), np.bool_)
    given[0, 1] = True
    suggested = detector.suggested_labels(doubts, given, np.full(4, -1))
    assert [np.flatnonzero(row).tolist() for row in suggested] == [[0, 3], [1], [], [*range(8)]]


def test_scores_are_weighed_as_scikit_learn_does() -> None:
    scores, truth = shop(7, products=200)
    fitted = LabelModel.fit(scores, truth, with_other_labels=False)
    rows, columns = np.nonzero(scores >= MIN_SCORE)
    logits = logit(np.clip(scores[rows, columns].astype(float), MIN_SCORE, 1 - MIN_SCORE / 100))
    own = np.eye(19)[columns]
    inputs = np.column_stack([own, own * logits[:, None], SHARED_SCALE * logits])
    oracle = LogisticRegression(C=1 / PENALTY, tol=1e-9, max_iter=5000)
    weights = oracle.fit(inputs, truth[rows, columns]).coef_[0]
    np.testing.assert_allclose(fitted.intercepts, weights[:19] + oracle.intercept_, atol=0.03)
    slopes = weights[19:38] + SHARED_SCALE * weights[38]
    np.testing.assert_allclose(fitted.slopes, slopes, atol=0.03)


def test_labels_and_pairs_that_were_never_seen_are_no_evidence() -> None:
    scores, truth = shop(5, products=80)
    scores[:, -1] = 0
    truth[:, -1] = False
    expected = LabelModel.fit(scores, truth)
    assert expected.intercepts.shape == expected.slopes.shape == (19,)
    scores, labels = shop(6, products=12)
    # a pair beyond all known ones; then a product with one label, and one of which nothing is known
    labels[0, -2:] = True
    labels[-2:] = False
    labels[-2, 3] = True
    scores[-1] = 0
    scores[:, -1] = 0
    labels[1:, -1] = False
    doubts = expected.error_probabilities(scores, labels)
    assert doubts.shape == labels.shape
    np.testing.assert_allclose(doubts.toarray(), slow_doubts(expected, scores, labels), rtol=1e-5)
    # what is judged may end before the last label
    some = expected.error_probabilities(scores[1:], labels[1:])
    np.testing.assert_array_equal(some.toarray(), doubts.toarray()[1:])


def test_shares_are_those_of_the_labels_that_are_given() -> None:
    for given in ([[0, 1]], [[1, 1], [0, 1]]):
        labels = np.array(given, np.bool_)
        shares = LabelModel.fit(np.zeros(labels.shape, np.float32), labels).shares
        assert shares.tolist() == (labels.sum(axis=0) / labels.sum()).tolist()


def test_nothing_to_learn_from_is_no_reason_to_fail() -> None:
    nothing = LabelErrorDetector.fit(np.zeros((3, 4), np.float32), np.eye(3, 4, dtype=np.bool_))
    doubts = nothing.error_probabilities(
        np.zeros((2, 4), np.float32), np.eye(2, 4, dtype=np.bool_), np.array([-1, 0])
    )
    assert np.isfinite(doubts.toarray()).all()
    none = nothing.error_probabilities(
        np.zeros((0, 4), np.float32), np.zeros((0, 4), np.bool_), np.zeros(0, np.int64)
    )
    assert none.shape == (0, 4)
    assert nothing.suggested_labels(
        np.zeros((0, 4), np.float32), np.zeros((0, 4), np.bool_), np.zeros(0, np.int64)
    ).shape == (0, 4)


def test_folds_are_the_same_every_time_and_there_are_none_of_a_few_products() -> None:
    scores, truth = shop(0, products=30)
    fitted = LabelErrorDetector.fit(scores, truth)
    np.testing.assert_array_equal(fitted.folds, LabelErrorDetector.fit(scores, truth).folds)
    for count, parts in ((4, 1), (5, 6)):
        assert len(LabelErrorDetector.fit(scores[:count], truth[:count]).parts) == parts


def test_cells_name_every_other_label_once() -> None:
    labels = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]], np.bool_)
    cells = ScoredCells.of(np.full((3, 3), 0.5, np.float32), labels, np.ones((3, 3), np.bool_))
    pairs = [
        (int(cells.rows[c]), *divmod(int(pair), 3)) for c, pair in zip(*cells.other, strict=True)
    ]
    assert pairs == [(0, 1, 0), (0, 0, 1), (0, 0, 2), (0, 1, 2), (2, 1, 0), (2, 1, 2)]


def test_certain_mistakes_can_be_ranked() -> None:
    assert np.isfinite(suspicion(csr_array([[1.0, 0.0], [0.0, 0.0]]))).all()
