"""The rule "all must agree": the smallest score of the present members, label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shelfwise.core.fusion_policy import FixedRule
from shelfwise.core.types import Floats, MemberOutputs

if TYPE_CHECKING:
    from torch import Tensor, nn


class Minimum(FixedRule):
    """Elementwise minimum (the paper, section 2, as a possible rule); one strict member vetoes a label."""

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present."""
        # no score is above 1, so an absent member never decides
        return outputs.zero_where_absent(outputs.fill_absent(1).min(axis=1))

    def to_module(self) -> nn.Module:
        """The same rule as a network."""
        from shelfwise.nn.fusion.fusion_module import FusionModule  # torch is only needed here

        return FusionModule(_minimum)


def _minimum(scores: Tensor, present: Tensor) -> Tensor:
    absent = ~present.unsqueeze(2)
    return scores.masked_fill(absent, 1.0).amin(dim=1)
