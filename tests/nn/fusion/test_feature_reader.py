"""How features are read: standardised over the products that have them, 0 where absent or dropped."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shelfwise.core.types import MemberOutputs
from shelfwise.nn.fusion.feature_reader import FeatureBatches, FeatureReader
from shelfwise.nn.seeding import torch_seed

PRODUCTS, WIDTHS = 40, (3, 2)


@pytest.fixture
def outputs() -> MemberOutputs:
    rng = np.random.default_rng(0)
    present = rng.random((PRODUCTS, 2)) < 0.7
    features = tuple(rng.normal(5, 3, (PRODUCTS, width)).astype(np.float32) for width in WIDTHS)
    features[1][:, 1] = 4  # never varies
    return MemberOutputs(np.zeros((PRODUCTS, 2, 1), np.float32), present, features)


def test_present_features_have_mean_zero_and_spread_one(outputs: MemberOutputs) -> None:
    reader = FeatureReader(WIDTHS, 0.0).eval()
    reader.fit_statistics(outputs)
    read, left = reader(*FeatureBatches(outputs, WIDTHS).batch(np.arange(PRODUCTS)))
    assert np.array_equal(left.numpy(), outputs.present)
    for member, values in enumerate(read):
        present = outputs.present[:, member]
        assert not values[~present].any()
        varying = values[present].numpy()[:, : 3 if member == 0 else 1]
        np.testing.assert_allclose(varying.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(varying.std(axis=0), 1, atol=1e-5)
    assert torch.isfinite(read[1]).all()


def test_members_are_dropped_in_training_alone(outputs: MemberOutputs) -> None:
    reader = FeatureReader(WIDTHS, 0.5)
    reader.fit_statistics(outputs)
    inputs = FeatureBatches(outputs, WIDTHS).batch(np.arange(PRODUCTS))
    with torch_seed(0):
        read, left = reader.train()(*inputs)
    dropped = inputs[0] & ~left
    assert dropped.any()
    assert not read[0][dropped[:, 0]].any()
    assert torch.equal(left.any(dim=1), inputs[0].any(dim=1)), "none loses every member"
    assert torch.equal(reader.eval()(*inputs)[1], inputs[0])


def test_a_member_without_products_has_the_width_it_had_in_training() -> None:
    nothing = np.zeros((4, 0), np.float32)
    outputs = MemberOutputs(
        np.zeros((4, 2, 1), np.float32), np.zeros((4, 2), bool), (nothing, nothing)
    )
    batch = FeatureBatches(outputs, WIDTHS).batch(np.arange(4))
    assert [tuple(part.shape) for part in batch[1:]] == [(4, 3), (4, 2)]
