"""The rule "all must agree": the smallest score of the present members, label by label."""

from __future__ import annotations

from typing import Self

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings


class MinimumSettings(PluginSettings):
    """The minimum has nothing to set."""


class Minimum(FusionPolicy):
    """Elementwise minimum (the paper, section 2, names it as a possible rule); one strict member vetoes a label."""

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
        return outputs.zero_where_absent(outputs.fill_absent(1).min(axis=1))
