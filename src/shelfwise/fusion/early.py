"""Early fusion: the members' features side by side, or added up, under one classifier."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt
from torch import nn

from shelfwise.nn.fusion.feature_fusion import make_feature_fusion
from shelfwise.nn.fusion.fusion_networks import FeaturePolicy, FeatureSettings, Shape


class EarlySettings(FeatureSettings):
    """How the features are fused."""

    join: Literal["concat", "add"] = Field(
        "concat",
        description="how features are fused: concat (side by side) or add (projected to one width and added "
        "up)",
    )
    units: PositiveInt | None = Field(
        None, description="width of the fused vector; unset: 512 for concat, 256 for add"
    )


class Early(FeaturePolicy):
    """Early fusion of frozen members (the paper, section 2, defines it); `joint` trains the members too."""

    Settings = EarlySettings
    settings: EarlySettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        chosen = self.settings
        return make_feature_fusion(
            chosen.join, shape, chosen.units, chosen.dropout, chosen.member_dropout
        )
