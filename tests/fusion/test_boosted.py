"""Boosted stacking: our walk through the trees against scikit-learn's, and what the ensemble learns."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.fusion.boosted import PAIRS, PRODUCTS, Boosted, BoostedSettings, grown_forest
from shelfwise.fusion.ridge import best_micro_f1

M, L = 3, 6


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """A label is right where exactly two of the members vouch for it: no mean, maximum or line can say so."""
    rng = np.random.default_rng(seed)
    vouch = rng.random((count, M, L)) < 0.5
    scores = np.where(vouch, rng.uniform(0.6, 0.8, vouch.shape), rng.uniform(0.1, 0.3, vouch.shape))
    return MemberOutputs(scores.astype(np.float32), np.ones((count, M), np.bool_), ()), (
        vouch.sum(axis=1) == 2
    ).astype(np.float32)


def fitted(**changes: int) -> Boosted:
    return Boosted(BoostedSettings.model_validate({"trees": 30, **changes})).fit(
        *make(400, 0), None, Context()
    )


@pytest.mark.parametrize(
    "settings",
    [{"max_iter": 1}, {"max_iter": 25, "max_leaf_nodes": 31}, {"max_iter": 5, "max_leaf_nodes": 2}],
    ids=str,
)
def test_the_walk_gives_scikit_learns_probabilities(settings: dict[str, int]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(PAIRS + 500, 5)).astype(np.float32)
    x[rng.random(x.shape) < 0.2] = -1
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0, **settings)
    model.fit(x, y, sample_weight=rng.uniform(0.5, 2, len(x)))
    new = rng.normal(size=(PAIRS + 500, 5)).astype(np.float32)
    np.testing.assert_allclose(
        grown_forest(model).probabilities(new), model.predict_proba(new)[:, 1], atol=1e-12
    )


def test_a_forest_without_a_split_is_its_baseline() -> None:
    x, y = np.zeros((50, 2), np.float32), np.r_[np.zeros(40), np.ones(10)]
    model = HistGradientBoostingClassifier(early_stopping=False, max_iter=3).fit(x, y)
    np.testing.assert_allclose(grown_forest(model).probabilities(x), model.predict_proba(x)[:, 1], atol=1e-12)


def test_learns_what_no_line_can() -> None:
    outputs, targets = make(300, 1)
    rules = max(best_micro_f1(s, targets) for s in (outputs.scores.mean(axis=1), outputs.scores.max(axis=1)))
    assert best_micro_f1(fitted().fuse(outputs), targets) > max(0.95, rules + 0.1)


def test_few_negatives_keep_probabilities_honest() -> None:
    outputs, targets = make(2000, 1)
    noisy = np.random.default_rng(0).random(targets.shape) < 0.1
    policy = Boosted(BoostedSettings(trees=30, negatives=5)).fit(
        outputs, np.where(noisy, targets, 0).astype(np.float32), None, Context()
    )
    assert policy.fuse(outputs).mean() == pytest.approx((noisy * targets).mean(), rel=0.15)


def test_the_trees_use_how_frequent_a_label_is() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((400, L)) < np.linspace(0.05, 0.9, L)).astype(np.float32)
    outputs = MemberOutputs(np.full((400, M, L), 0.5, np.float32), np.ones((400, M), np.bool_), ())
    fused = (
        Boosted(BoostedSettings(trees=60))
        .fit(outputs, targets, None, Context())
        .fuse(outputs.take(np.arange(1)))
    )
    np.testing.assert_allclose(fused[0], targets.mean(axis=0), atol=0.05)


def test_absent_is_not_the_same_as_a_score_of_0() -> None:
    outputs, targets = make(400, 0)
    present = np.random.default_rng(1).random((400, M)) < 0.7
    scores = (outputs.scores * (outputs.scores > 0.5) * present[:, :, None]).astype(np.float32)
    policy = Boosted(BoostedSettings(trees=30)).fit(
        MemberOutputs(scores, present, ()), targets, None, Context()
    )
    silent, absent = np.array([[True, True, True]]), np.array([[True, True, False]])
    said = np.zeros((1, M, L), np.float32)
    said[0, :2] = [[0.7] * L, [0.0] * L]
    assert not np.array_equal(
        policy.fuse(MemberOutputs(said, silent, ())), policy.fuse(MemberOutputs(said, absent, ()))
    )


def test_more_products_than_a_portion() -> None:
    policy, (outputs, _) = fitted(trees=3), make(PRODUCTS + 7, 2)
    rows = np.arange(PRODUCTS - 3, PRODUCTS + 7)
    assert np.array_equal(policy.fuse(outputs)[rows], policy.fuse(outputs.take(rows)))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_targets_that_are_all_alike(value: float) -> None:
    outputs, targets = make(20, 0)
    fused = (
        Boosted(BoostedSettings()).fit(outputs, np.full_like(targets, value), None, Context()).fuse(outputs)
    )
    np.testing.assert_allclose(fused, value, atol=1e-5)
