"""Dropout: shares, means, seeds, gradients, and nothing outside training."""

from __future__ import annotations

import pytest
import torch

from shelfwise.nn.dropout import Dropout


@pytest.mark.parametrize("share", [0.1, 0.3, 0.9])
def test_the_share_is_dropped_and_the_mean_stays(share: float) -> None:
    torch.manual_seed(0)
    units = torch.ones(1001, 301)
    left = Dropout(share)(units)
    assert (left == 0).float().mean().item() == pytest.approx(share, abs=0.003)
    assert left.mean().item() == pytest.approx(1, abs=0.03)
    # what is left has grown by one factor
    assert len(left.unique()) == 2


def test_units_are_dropped_independently() -> None:
    torch.manual_seed(0)
    left = (Dropout(0.5)(torch.ones(20_000, 8)) > 0).float()
    # also those that get their bits from one random number
    correlation = torch.corrcoef(left.T) - torch.eye(8)
    assert correlation.abs().max() < 0.04


def test_the_same_seed_drops_the_same_units() -> None:
    torch.manual_seed(3)
    one = Dropout(0.5)(torch.ones(10, 7))
    torch.manual_seed(3)
    assert torch.equal(Dropout(0.5)(torch.ones(10, 7)), one)
    assert not torch.equal(Dropout(0.5)(torch.ones(10, 7)), one)


def test_gradients_pass_where_units_are_left() -> None:
    units = torch.ones(40, 5, requires_grad=True)
    left = Dropout(0.4)(units)
    torch.autograd.backward(left.sum())
    assert units.grad is not None
    assert torch.equal(units.grad, left.detach())


def test_nothing_is_dropped_outside_training_or_by_a_share_of_0() -> None:
    units = torch.ones(5, 5)
    assert Dropout(0.5).eval()(units) is units
    assert Dropout(0.0)(units) is units
