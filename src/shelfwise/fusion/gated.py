"""Gated fusion: every product decides, unit by unit, which member's features it is described by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt
from torch import nn

from shelfwise.nn.feature_fusion import UNITS, GatedUnit
from shelfwise.nn.fusion_networks import FeaturePolicy, FeatureSettings, Shape
from shelfwise.nn.initialization import init_network_like_keras


class GatedSettings(FeatureSettings):
    """The gated unit."""

    units: PositiveInt = Field(UNITS["gated"], description="width of the joined vector")
    gate: Literal["softmax", "sigmoid"] = Field(
        "softmax",
        description="softmax: the members share each unit; sigmoid: each gate is its own (the authors', for more than two)",
    )


class Gated(FeaturePolicy):
    """Gated multimodal unit (Arevalo et al. 2017) over the features of frozen members; `joint` trains them too."""

    Settings = GatedSettings
    settings: GatedSettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        chosen = self.settings
        return init_network_like_keras(
            GatedUnit(shape, chosen.units, chosen.dropout, chosen.member_dropout, chosen.gate)
        )
