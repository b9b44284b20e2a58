"""The ridge of every set of members against scikit-learn's, fitted on that set alone."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.linear_model import Ridge as Oracle

from shelfwise.core import ridge_statistics
from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.errors import ConfigError
from shelfwise.fusion import ridge
from shelfwise.fusion.ridge import THRESHOLDS, Ridge, RidgeSettings
from shelfwise.metrics.threshold_search import best_micro_f1

N, M, L = 600, 3, 4
SETS = [set(s) for size in range(1, M + 1) for s in itertools.combinations(range(M), size)]


def make(seed: int = 0, missing: float = 0.0) -> tuple[MemberOutputs, Floats]:
    rng = np.random.default_rng(seed)
    targets = (rng.random((N, L)) < 0.3).astype(np.float32)
    skill = np.random.default_rng(99).uniform(0.5, 3, (M, L))
    scores = 1 / (1 + np.exp(2 - skill * targets[:, None] - rng.normal(0, 1, (N, M, L))))
    present = rng.random((N, M)) >= missing
    return MemberOutputs((scores * present[:, :, None]).astype(np.float32), present, ()), targets


def only(outputs: MemberOutputs, members: set[int]) -> MemberOutputs:
    """The same products, had they only these members."""
    mask = np.array([m in members for m in range(M)])
    return MemberOutputs(outputs.scores * mask[:, None], outputs.present & mask, ())


def fit(
    alpha: Any,
    outputs: MemberOutputs,
    targets: Floats,
    validation: tuple[MemberOutputs, Floats] | None = None,
) -> Ridge:
    return Ridge(RidgeSettings(alpha=alpha)).fit(outputs, targets, validation, Context())


@pytest.mark.parametrize("members", SETS, ids=str)
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("alpha", [0, 1.0, 50.0])
def test_every_set_is_the_ridge_made_for_it(
    alpha: float, missing: float, members: set[int]
) -> None:
    (outputs, targets), (new, _) = make(missing=missing), make(seed=1)
    columns = sorted(members)
    able = outputs.present[:, columns].all(axis=1)
    oracle = Oracle(alpha=alpha) if alpha else LinearRegression()
    oracle.fit(
        outputs.scores[able][:, columns].reshape(able.sum(), -1).astype(np.float64), targets[able]
    )
    expected = oracle.predict(new.scores[:, columns].reshape(N, -1)).clip(0, 1)
    np.testing.assert_allclose(
        fit(alpha, outputs, targets).fuse(only(new, members)), expected, atol=2e-5
    )


def test_alpha_to_zero_is_least_squares() -> None:
    outputs, targets = make()
    np.testing.assert_allclose(
        fit(1e-9, outputs, targets).fuse(outputs), fit(0, outputs, targets).fuse(outputs), atol=1e-5
    )


def test_least_squares_bears_members_that_repeat_each_other_and_labels_that_never_occur() -> None:
    outputs, targets = make()
    two, twice = (
        MemberOutputs(outputs.scores[:, c], outputs.present[:, c], ()) for c in ([0, 1], [0, 0, 1])
    )
    targets[:, 0] = 0
    once = fit(0, two, targets).fuse(two)
    np.testing.assert_allclose(fit(0, twice, targets).fuse(twice), once, atol=1e-4)
    assert not once[:, 0].any()


def test_permuting_labels_permutes_the_answer() -> None:
    outputs, targets = make(missing=0.2)
    order = np.array([2, 0, 3, 1])
    permuted = MemberOutputs(outputs.scores[:, :, order], outputs.present, ())
    np.testing.assert_allclose(
        fit(1, permuted, targets[:, order]).fuse(permuted),
        fit(1, outputs, targets).fuse(outputs)[:, order],
        atol=1e-5,
    )


def test_sums_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs, targets = make()
    whole = fit(1, outputs, targets).fuse(outputs)
    monkeypatch.setattr(ridge_statistics, "CHUNK_ROWS", 7)
    np.testing.assert_allclose(fit(1, outputs, targets).fuse(outputs), whole, atol=1e-6)


def test_a_set_too_rare_to_learn_from_borrows_from_the_others() -> None:
    outputs, targets = make()
    present = np.zeros((N, M), np.bool_)
    present[np.arange(N), np.arange(N) % 2] = (
        True  # nobody has both of members 0 and 1, nobody has 2
    )
    lonely = MemberOutputs(outputs.scores * present[:, :, None], present, ())
    policy = fit(1.0, lonely, targets)
    expected = (
        Oracle(alpha=1.0)
        .fit(lonely.scores[:, :2].reshape(N, -1), targets)
        .predict(outputs.scores[:, :2].reshape(N, -1))
        .clip(0, 1)
    )
    np.testing.assert_allclose(policy.fuse(only(outputs, {0, 1})), expected, atol=1e-5)
    np.testing.assert_allclose(
        policy.fuse(only(outputs, {2})), np.tile(targets.mean(axis=0), (N, 1)), atol=1e-5
    )


def test_auto_takes_the_alpha_that_is_best_on_validation() -> None:
    outputs, targets = make()
    few, validation = outputs.take(np.arange(20)), make(seed=1)
    quality = {
        a: best_micro_f1(validation[1], fit(a, few, targets[:20]).fuse(validation[0]), THRESHOLDS)
        for a in ridge.ALPHAS
    }
    chosen = fit("auto", few, targets[:20], validation)
    assert chosen.alpha_ == max(a for a, q in quality.items() if q == max(quality.values()))
    assert min(quality.values()) < max(quality.values())
    assert chosen.facts() == {"alpha": chosen.alpha_}


def test_auto_without_validation_takes_a_fifth_of_the_products_and_then_learns_from_all() -> None:
    outputs, targets = (
        part.take(np.arange(40)) if isinstance(part, MemberOutputs) else part[:40]
        for part in make()
    )
    order = np.random.default_rng(0).permutation(40)
    chosen, rest = order[:8], order[8:]
    held_out = (outputs.take(chosen), targets[chosen])
    quality = {
        a: best_micro_f1(
            held_out[1], fit(a, outputs.take(rest), targets[rest]).fuse(held_out[0]), THRESHOLDS
        )
        for a in ridge.ALPHAS
    }
    best = max(a for a, q in quality.items() if q == max(quality.values()))
    assert min(quality.values()) < max(quality.values())
    for validation in (None, (only(outputs, set()), targets)):  # nobody there counts as none
        chosen = fit("auto", outputs, targets, validation)
        assert chosen.alpha_ == best
        assert np.array_equal(chosen.fuse(outputs), fit(best, outputs, targets).fuse(outputs))


def test_too_many_members_are_refused() -> None:
    outputs = MemberOutputs(np.zeros((5, 9, 2), np.float32), np.ones((5, 9), np.bool_), ())
    with pytest.raises(ConfigError, match="at most 8 members, it was given 9"):
        fit(1.0, outputs, np.ones((5, 2), np.float32))
