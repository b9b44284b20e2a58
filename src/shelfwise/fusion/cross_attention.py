"""Cross-attention fusion: every member is a token, and the tokens read each other.

Dimensions: B products of a batch, M members, L labels.
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from shelfwise.nn.fusion.feature_reader import FeatureReader
from shelfwise.nn.fusion.fusion_networks import FeaturePolicy, FeatureSettings, Shape


class CrossAttentionSettings(FeatureSettings):
    """The transformer over the members."""

    units: PositiveInt = Field(128, description="width of a token, the vector of one member")
    heads: PositiveInt = Field(4, description="attention heads; must divide units")
    layers: PositiveInt = Field(1, description="layers of the transformer encoder")
    dropout: float = Field(
        0.3, ge=0, lt=1, description="dropout inside the transformer, in training"
    )

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.units % self.heads:
            raise ValueError(f"heads = {self.heads} must divide units = {self.units}")
        return self


class CrossAttention(FeaturePolicy):
    """Transformer encoder over the members' features, a token each; the mean present token is classified."""

    Settings = CrossAttentionSettings
    settings: CrossAttentionSettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        return CrossAttentionNetwork(shape, self.settings)


class CrossAttentionNetwork(nn.Module):
    """Features and presence to logits (B, L)."""

    def __init__(self, shape: Shape, settings: CrossAttentionSettings) -> None:
        super().__init__()
        units = settings.units
        self.reader = FeatureReader(shape.widths, settings.member_dropout)
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)
        layer = nn.TransformerEncoderLayer(
            d_model=units,
            nhead=settings.heads,
            dim_feedforward=2 * units,
            dropout=settings.dropout,
            activation="gelu",
            batch_first=True,
            # normalised first, layers train steadily without a warm-up of the learning rate
            norm_first=True,
        )
        # with norm_first the last layer's output is not normalised yet
        norm = nn.LayerNorm(units)
        self.encoder = nn.TransformerEncoder(
            layer, settings.layers, norm, enable_nested_tensor=False
        )
        self.last = nn.Linear(units, shape.labels)

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        read, kept = self.reader(present, *features)
        # members' features have different widths, tokens have one
        projected = [project(feature) for project, feature in zip(self.project, read, strict=True)]
        tokens = torch.stack(projected, dim=1)
        # attention over nothing is NaN: where no member is present all tokens stay, and the caller gives
        # score 0
        ignored = ~kept & kept.any(dim=1, keepdim=True)
        hidden = self.encoder(tokens, src_key_padding_mask=ignored)
        mask = kept.unsqueeze(2)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)
        logits: Tensor = self.last(mean)
        return logits
