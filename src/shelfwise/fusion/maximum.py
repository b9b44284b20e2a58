"""The rule "most confident wins": the largest score of the present members, label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelfwise.core.fusion_policy import FixedRule
from shelfwise.core.types import Floats, MemberOutputs

if TYPE_CHECKING:
    from torch import Tensor, nn


class Maximum(FixedRule):
    """Elementwise maximum (the paper, section 3, "max"); one lenient member is enough for a label."""

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present."""
        # no score is below 0, so an absent member never wins
        largest: Floats = outputs.fill_absent(0).max(axis=1)
        return largest

    def to_module(self) -> nn.Module:
        """The same rule as a network."""
        from shelfwise.nn.fusion.fusion_module import FusionModule  # torch is only needed here

        return FusionModule(_maximum)


def _maximum(scores: Tensor, present: Tensor) -> Tensor:
    return scores.amax(dim=1)
