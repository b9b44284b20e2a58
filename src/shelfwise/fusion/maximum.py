"""The rule "most confident wins": the largest score of the present members, label by label."""

from __future__ import annotations

from typing import Self

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings


class MaximumSettings(PluginSettings):
    """The maximum has nothing to set."""


class Maximum(FusionPolicy):
    """Elementwise maximum (the paper, section 3, "max"); one lenient member is enough for a label."""

    Settings = MaximumSettings

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
        largest: Floats = outputs.fill_absent(0).max(axis=1)
        return largest
