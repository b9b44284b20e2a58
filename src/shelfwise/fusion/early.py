"""Early fusion: the members' features side by side, or added up, under one classifier."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.training.dense import FeaturePolicy, FeatureReader, FeatureSettings, Shape, as_keras_begins


class EarlySettings(FeatureSettings):
    """How the features are joined."""

    join: Literal["concat", "add"] = Field("concat", description="side by side, or projected to one width and added up")
    units: PositiveInt | None = Field(None, description="width of the hidden layer; unset: 512 for concat, 256 for add")


class Early(FeaturePolicy):
    """Early fusion of frozen members (the paper, section 2, which defines it and does not run it)."""

    Settings = EarlySettings
    settings: EarlySettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        return as_keras_begins((ConcatNetwork if self.settings.join == "concat" else AddNetwork)(shape, self.settings))


class ConcatNetwork(nn.Module):
    """All features and the presence bits -> one hidden layer -> logits (B, L)."""

    def __init__(self, shape: Shape, settings: EarlySettings) -> None:
        super().__init__()
        units = settings.units or 512
        self.reader = FeatureReader(shape, settings.member_dropout)
        self.hidden = nn.Linear(sum(shape.widths) + shape.members, units)
        self.last = nn.Sequential(nn.ReLU(), nn.Dropout(settings.dropout), nn.Linear(units, shape.labels))

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        read, heard = self.reader(present, *features)
        logits: Tensor = self.last(self.hidden(torch.cat([*read, heard.float()], dim=1)))
        return logits


class AddNetwork(nn.Module):
    """Every member's features to one width, added up (a member that is not heard adds nothing) -> logits (B, L)."""

    def __init__(self, shape: Shape, settings: EarlySettings) -> None:
        super().__init__()
        units = settings.units or 256
        self.reader = FeatureReader(shape, settings.member_dropout)
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)
        self.last = nn.Sequential(nn.ReLU(), nn.Dropout(settings.dropout), nn.Linear(units, shape.labels))

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        read, heard = self.reader(present, *features)
        parts = [project(f) * heard[:, m, None] for m, (project, f) in enumerate(zip(self.project, read, strict=True))]
        logits: Tensor = self.last(torch.stack(parts).sum(dim=0))
        return logits
