"""Sets of labels: what they are worth against counting by hand, and where they say nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit

from shelfwise.core import label_sets
from shelfwise.core.label_sets import LabelSets
from shelfwise.core.types import State

PAIRS = np.array([[1, 0, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 0, 1]], np.float32)


def test_a_label_is_as_likely_as_the_sets_that_it_is_in() -> None:
    sets = LabelSets.known(PAIRS, 1.0)
    alone = np.array([[0.9, 0.2, 0.4, 0.3]], np.float32)
    odds = alone / (1 - alone)
    first, second = odds[0, 0] * odds[0, 2], odds[0, 1] * odds[0, 3]
    # the third set is the empty one, whose odds are 1
    shares = np.array([first, second, first, second]) / (first + second + 1)
    assert sets.weight == 1
    assert expit(sets.joined(logit(alone)))[0] == pytest.approx(shares, abs=1e-5)


def test_a_product_of_no_known_category_gets_none_of_them() -> None:
    # each label alone is unlikely; without the empty set one of the two sets would have to be right
    joined = LabelSets.known(PAIRS, 1.0).joined(np.full((1, 4), -4, np.float32))
    assert (joined < -4).all()


def test_half_of_the_logit_is_the_labels_own() -> None:
    alone = logit(np.array([[0.9, 0.2, 0.4, 0.3]], np.float32))
    whole, half = (LabelSets.known(PAIRS, share).joined(alone) for share in (1.0, 0.5))
    assert half == pytest.approx((alone + whole) / 2, abs=1e-5)


def test_where_every_set_is_known_labels_are_independent() -> None:
    # each of the 16 sets twice, so that none is of one product only
    every = np.array(list(itertools.product((0, 1), repeat=4)) * 2, np.float32)
    alone = np.random.default_rng(0).normal(0, 2, (20, 4)).astype(np.float32)
    assert LabelSets.known(every, 1.0).joined(alone) == pytest.approx(alone, abs=1e-3)


def test_counts_as_far_as_products_share_their_sets() -> None:
    shared = np.concatenate([PAIRS, [[1, 1, 0, 0]]]).astype(np.float32)
    assert LabelSets.known(shared, 0.5).weight == pytest.approx(0.5 * 4 / 5)


@pytest.mark.parametrize("targets", [np.eye(30), np.zeros((0, 30))])
def test_says_nothing_where_no_two_products_have_the_same_labels(targets: np.ndarray) -> None:
    alone = np.ones((3, 30), np.float32)
    sets = LabelSets.known(targets.astype(np.float32), 0.5)
    assert sets.members.shape == (0, 30)
    assert sets.joined(alone) is alone


def test_of_too_many_sets_none_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_sets, "MAX_SETS", 1)
    assert LabelSets.known(PAIRS, 0.5).weight == 0


def test_certain_labels_and_none_at_all_stay_finite() -> None:
    joined = LabelSets.known(PAIRS, 0.5).joined(np.array([[np.inf, -np.inf, 90, -90]], np.float32))
    assert np.isfinite(joined).all()


def test_many_products_are_joined_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = np.random.default_rng(0).normal(0, 2, (50, 4)).astype(np.float32)
    sets = LabelSets.known(PAIRS, 0.5)
    at_once = sets.joined(alone)
    monkeypatch.setattr(label_sets, "CELLS_PER_BLOCK", 6)
    assert sets.joined(alone) == pytest.approx(at_once, abs=1e-6)


def test_a_set_that_is_unknown_does_not_count() -> None:
    sets = LabelSets.known(PAIRS, 1.0)
    alone = logit(np.array([[0.9, 0.2, 0.4, 0.3]] * 2, np.float32))
    # in their order, the empty one is first and the one of the labels 0 and 2 last
    without = LabelSets(sets.members[:2], 1.0).joined(alone)
    joined = sets.joined(alone, np.array([2, -1]))
    assert joined[0] == pytest.approx(without[0], abs=1e-5)
    assert joined[1] == pytest.approx(sets.joined(alone)[1])


@pytest.mark.parametrize("combined_freely", [True, False])
def test_sets_that_mislead_are_left_out(combined_freely: bool) -> None:
    rng = np.random.default_rng(0)
    # a product is of one of ten kinds; six more labels are rare, and go with any kind or with certain ones
    kind = rng.integers(10, size=200)
    extra = rng.random((200, 6)) < 0.1 if combined_freely else kind[:, None] % 6 == np.arange(6)
    targets = np.concatenate([np.eye(10)[kind], extra], axis=1).astype(np.float32)
    logits = (6 * targets - 3 + rng.normal(0, 1.2, targets.shape)).astype(np.float32)
    sets = LabelSets.known(targets, 0.5)
    assert sets.weight > 0.3
    useful = sets.where_useful(targets, np.arange(200), lambda rows: logits[rows]).weight > 0
    assert useful is not combined_freely


def test_of_many_products_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = np.tile(PAIRS, (25, 1))
    seen: list[np.ndarray] = []

    def alone(rows: np.ndarray) -> np.ndarray:
        seen.append(rows)
        return 8 * targets[rows] - 4

    monkeypatch.setattr(label_sets, "MAX_CELLS", 80)
    assert LabelSets.known(targets, 0.5).where_useful(targets, np.arange(1, 100), alone).weight
    assert seen[0].tolist() == list(range(1, 100, 5))


def test_comes_back_from_its_state() -> None:
    sets = LabelSets.known(PAIRS, 0.5)
    back = LabelSets.from_state(sets.state(), 4)
    assert back.weight == sets.weight
    assert np.array_equal(back.members.toarray(), sets.members.toarray())
    assert LabelSets.from_state(State(), 4).weight == 0
