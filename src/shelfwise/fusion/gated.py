"""Gated fusion: every product decides, unit by unit, which member's features describe it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt
from torch import nn

from shelfwise.nn.fusion.feature_fusion import UNITS, GatedUnit
from shelfwise.nn.fusion.fusion_networks import FeaturePolicy, FeatureSettings, Shape
from shelfwise.nn.initialization import init_network_like_keras


class GatedSettings(FeatureSettings):
    """The gated unit."""

    units: PositiveInt = Field(UNITS["gated"], description="width of the fused vector")
    gate: Literal["softmax", "sigmoid"] = Field(
        "softmax",
        description="softmax: the members share each unit; sigmoid: each member's gate is independent, as "
        "Arevalo et al. have it for more than two members",
    )


class Gated(FeaturePolicy):
    """Gated multimodal unit (Arevalo et al. 2017) over the features of frozen members."""

    Settings = GatedSettings
    settings: GatedSettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        chosen = self.settings
        unit = GatedUnit(shape, chosen.units, chosen.dropout, chosen.member_dropout, chosen.gate)
        return init_network_like_keras(unit)
