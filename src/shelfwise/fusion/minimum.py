"""The rule "all must agree": the smallest score of the present members, label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings

if TYPE_CHECKING:
    from torch import Tensor, nn


class MinimumSettings(PluginSettings):
    """The minimum has nothing to set."""


class Minimum(FusionPolicy):
    """Elementwise minimum (the paper, section 2, as a possible rule); one strict member vetoes a label."""

    Settings = MinimumSettings

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """There is nothing to learn."""
        return self

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
