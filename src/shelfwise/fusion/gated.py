"""Gated fusion: every product decides, unit by unit, which member's features it is described by."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.training.dense import FORBIDDEN, FeaturePolicy, FeatureReader, FeatureSettings, Shape, as_keras_begins


class GatedSettings(FeatureSettings):
    """The gated unit."""

    units: PositiveInt = Field(256, description="width of the joined vector")
    gate: Literal["softmax", "sigmoid"] = Field(
        "softmax",
        description="softmax: the members share each unit; sigmoid: each gate is its own (the authors', for more than two)",
    )


class Gated(FeaturePolicy):
    """Gated multimodal unit (Arevalo et al. 2017): ``h = sum_m z_m * tanh(W_m f_m)``, the gates z from all features."""

    Settings = GatedSettings
    settings: GatedSettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        return as_keras_begins(GatedNetwork(shape, self.settings))


class GatedNetwork(nn.Module):
    """Features and presence to logits (B, L)."""

    def __init__(self, shape: Shape, settings: GatedSettings) -> None:
        super().__init__()
        self.units, self.softmax = settings.units, settings.gate == "softmax"
        self.reader = FeatureReader(shape, settings.member_dropout)
        self.project = nn.ModuleList(nn.Linear(width, settings.units) for width in shape.widths)
        self.gate = nn.Linear(sum(shape.widths) + shape.members, shape.members * settings.units)
        self.last = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(settings.units, shape.labels))

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        read, heard = self.reader(present, *features)
        said = torch.stack([torch.tanh(project(f)) for project, f in zip(self.project, read, strict=True)], dim=1)
        logits: Tensor = self.last((self.gates(read, heard) * said).sum(dim=1))
        return logits

    def gates(self, read: list[Tensor], heard: Tensor) -> Tensor:
        """How much of every member is let through (B, M, units); nothing of those that are not heard."""
        raw = self.gate(torch.cat([*read, heard.float()], dim=1)).view(len(heard), -1, self.units)
        mask = heard.unsqueeze(2)
        open_ = torch.softmax(raw.masked_fill(~mask, FORBIDDEN), dim=1) if self.softmax else torch.sigmoid(raw)
        return open_ * mask
