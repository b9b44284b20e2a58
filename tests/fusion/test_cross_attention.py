"""Attention over the members: absent members are not attended to, and what needs two members is learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.fusion.cross_attention import (
    CrossAttention,
    CrossAttentionNetwork,
    CrossAttentionSettings,
)
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn.fusion.fusion_networks import Shape

L, WIDTHS = 2, (3, 2, 4)
QUICK = {"epochs": 12, "batch_size": 32, "learning_rate": 1e-2, "loss": "bce"}


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """Label 0 is set where members 0 and 1 disagree, which neither knows alone.

    Label 1 is what member 2 says.
    """
    rng = np.random.default_rng(seed)
    bits = rng.integers(2, size=(count, 3))
    targets = np.stack([bits[:, 0] ^ bits[:, 1], bits[:, 2]], axis=1).astype(np.float32)
    features = tuple(
        (rng.normal(0, 0.2, (count, w)) + 2 * bits[:, [m]]).astype(np.float32)
        for m, w in enumerate(WIDTHS)
    )
    return MemberOutputs(
        np.full((count, 3, L), 0.5, np.float32), np.ones((count, 3), np.bool_), features
    ), targets


def test_reads_members_together() -> None:
    settings = CrossAttentionSettings.model_validate(
        {"units": 16, "dropout": 0, "member_dropout": 0, "training": QUICK}
    )
    outputs, targets = make(200, 1)
    fused = CrossAttention(settings).fit(*make(400, 0), None, Context()).fuse(outputs)
    assert best_micro_f1(targets, fused) > 0.95


def test_an_absent_member_is_as_if_it_did_not_exist() -> None:
    torch.manual_seed(0)
    three = CrossAttentionNetwork(
        Shape(L, WIDTHS), CrossAttentionSettings(units=8, heads=2, layers=2)
    ).eval()
    two = CrossAttentionNetwork(
        Shape(L, WIDTHS[:2]), CrossAttentionSettings(units=8, heads=2, layers=2)
    ).eval()
    two.load_state_dict(
        {name: value for name, value in three.state_dict().items() if name in two.state_dict()}
    )
    features = [torch.randn(5, width) for width in WIDTHS]
    everybody = torch.ones(5, 3, dtype=torch.bool)
    without = everybody & torch.tensor([True, True, False])
    torch.testing.assert_close(three(without, *features), two(everybody[:, :2], *features[:2]))
    assert not torch.allclose(three(without, *features), three(everybody, *features))


def test_products_nobody_knows_do_not_disturb_the_training() -> None:
    outputs, targets = make(64, 0)
    present = outputs.present.copy()
    present[::2] = False
    features = tuple(
        np.where(present[:, m, None], f, np.float32(0)) for m, f in enumerate(outputs.features)
    )
    settings = CrossAttentionSettings.model_validate(
        {"units": 8, "heads": 2, "training": {**QUICK, "epochs": 2}}
    )
    policy = CrossAttention(settings).fit(
        MemberOutputs(outputs.scores, present, features), targets, None, Context()
    )
    fused = policy.fuse(MemberOutputs(outputs.scores, present, features))
    assert np.isfinite(fused).all()
    assert not fused[::2].any()


def test_heads_must_divide_units() -> None:
    with pytest.raises(ValueError, match="heads = 3 must divide units = 8"):
        CrossAttentionSettings(units=8, heads=3)
