"""Early fusion of features: both ways to join them, and what they promise about absent members."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.fusion.early import Early, EarlySettings
from shelfwise.metrics.threshold_search import best_micro_f1

M, L, WIDTHS = 3, 6, (5, 3, 4)


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """Each member's features tell two labels each, on scales of their own; scores know nothing."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, L)) < 0.3).astype(np.float32)
    features = []
    for m, width in enumerate(WIDTHS):
        mixing = np.random.default_rng(m).normal(size=(2, width))
        features.append(
            (
                (targets[:, 2 * m : 2 * m + 2] @ mixing + rng.normal(0, 0.1, (count, width)))
                * 10**m
                + m
            ).astype(np.float32)
        )
    return MemberOutputs(
        np.full((count, M, L), 0.5, np.float32), np.ones((count, M), np.bool_), tuple(features)
    ), targets


def only(outputs: MemberOutputs, *members: int) -> MemberOutputs:
    """The same products, with all other members' fields taken away."""
    present = outputs.present & np.isin(np.arange(M), members)
    zeroed = (
        np.where(present[:, m, None], f, np.float32(0)) for m, f in enumerate(outputs.features)
    )
    return MemberOutputs(outputs.scores * present[:, :, None], present, tuple(zeroed))


def fitted(**changes: Any) -> Early:
    quick = {"epochs": 40, "batch_size": 64, "learning_rate": 1e-2, "loss": "bce"}
    settings = EarlySettings.model_validate(
        {"units": 32, "dropout": 0.1, "training": quick, **changes}
    )
    return Early(settings).fit(*make(400, 0), None, Context())


@pytest.fixture(scope="module", params=["concat", "add"])
def policy(request: pytest.FixtureRequest) -> Early:
    return fitted(join=request.param)


def test_joins_what_each_member_knows(policy: Early) -> None:
    outputs, targets = make(300, 1)
    assert best_micro_f1(targets, policy.fuse(outputs)) > 0.95


def test_single_members_still_tell_their_labels(policy: Early) -> None:
    outputs, targets = make(300, 1)
    for m in range(M):
        own = slice(2 * m, 2 * m + 2)
        assert best_micro_f1(targets[:, own], policy.fuse(only(outputs, m))[:, own]) > 0.9


def test_features_of_absent_members_are_never_read(policy: Early) -> None:
    outputs, _ = make(20, 1)
    masked = only(outputs, 0, 2)
    noisy = MemberOutputs(
        masked.scores,
        masked.present,
        (masked.features[0], masked.features[1] + 99, masked.features[2]),
    )
    assert np.array_equal(policy.fuse(noisy), policy.fuse(masked))


def test_features_without_a_width_mean_nobody_has_the_field(policy: Early) -> None:
    outputs, _ = make(20, 1)
    masked = only(outputs, 0, 2)
    bare = MemberOutputs(
        masked.scores,
        masked.present,
        (masked.features[0], np.zeros((20, 0), np.float32), masked.features[2]),
    )
    assert np.array_equal(policy.fuse(bare), policy.fuse(masked))


def test_scale_of_the_features_does_not_matter() -> None:
    outputs, targets = make(200, 0)
    scaled = MemberOutputs(
        outputs.scores, outputs.present, tuple(1000 * f + 7 for f in outputs.features)
    )
    settings = EarlySettings.model_validate({"units": 8, "training": {"epochs": 2, "loss": "bce"}})
    plain, other = (
        Early(settings).fit(o, targets, None, Context()).fuse(o) for o in (outputs, scaled)
    )
    np.testing.assert_allclose(plain, other, atol=1e-3)


def test_features_are_standardised_where_present() -> None:
    outputs, targets = make(200, 0)
    present = outputs.present.copy()
    present[::3, 1] = False
    features = tuple(
        np.where(present[:, m, None], f, np.float32(0)) for m, f in enumerate(outputs.features)
    )
    settings = EarlySettings.model_validate({"units": 8, "training": {"epochs": 1, "loss": "bce"}})
    state = (
        Early(settings)
        .fit(MemberOutputs(outputs.scores, present, features), targets, None, Context())
        .state()
    )
    able = outputs.features[1][present[:, 1]]
    np.testing.assert_allclose(state.arrays["reader.mean_1"], able.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(state.arrays["reader.spread_1"], able.std(axis=0), rtol=1e-4)


def test_it_asks_for_features() -> None:
    assert Early(EarlySettings()).reads == "features"


@pytest.mark.parametrize(("join", "units"), [("concat", 512), ("add", 256)])
def test_default_widths(join: str, units: int) -> None:
    settings = EarlySettings.model_validate(
        {"join": join, "training": {"epochs": 1, "loss": "bce"}}
    )
    state = Early(settings).fit(*make(20, 0), None, Context()).state()
    assert state.arrays["output.weight"].shape == (L, units)


def test_fitting_leaves_the_callers_randomness_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    policy = fitted(training={"epochs": 1, "loss": "bce"})
    Early(policy.settings).restore(policy.state())
    assert torch.equal(torch.rand(3), expected)
