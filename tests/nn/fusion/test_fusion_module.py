"""Exported fusion: a copy of the network on the processor, whatever becomes of the policy's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from shelfwise.errors import PluginError
from shelfwise.nn.fusion.fusion_module import MAX_SETS, SigmoidOutput, sets_of_members


class Sum(nn.Module):
    """Scores (B, M, L) to one logit a label."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        return self.scale * scores.sum(dim=1)


def test_the_copy_does_not_change_with_the_policy_s_network() -> None:
    network = Sum()
    module = SigmoidOutput(network)
    network.scale.data.zero_()
    scores = torch.rand(3, 2, 4)
    assert torch.equal(module(scores, torch.ones(3, 2)), scores.sum(dim=1).sigmoid())
    assert {p.device.type for p in module.parameters()} == {"cpu"}


def test_too_many_sets_of_members_are_refused() -> None:
    with pytest.raises(PluginError, match="at most"):
        sets_of_members(range(1, MAX_SETS + 2), 7)
