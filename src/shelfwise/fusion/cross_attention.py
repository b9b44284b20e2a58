"""Cross-attention fusion: every member is a token, and the tokens read each other."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from shelfwise.nn.feature_reader import FeatureReader
from shelfwise.nn.fusion_networks import FeaturePolicy, FeatureSettings, Shape


class CrossAttentionSettings(FeatureSettings):
    """The transformer over the members."""

    units: PositiveInt = Field(128, description="width of a token")
    heads: PositiveInt = Field(4, description="attention heads; must divide units")
    layers: PositiveInt = Field(1, description="transformer encoder layers")
    dropout: float = Field(0.3, ge=0, lt=1, description="inside the transformer, in training")

    @model_validator(mode="after")
    def _heads_divide_units(self) -> Self:
        if self.units % self.heads:
            raise ValueError(f"heads = {self.heads} must divide units = {self.units}")
        return self


class CrossAttention(FeaturePolicy):
    """Transformer encoder over the members' features, one token each; the mean of the present tokens is classified."""

    Settings = CrossAttentionSettings
    settings: CrossAttentionSettings

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        return CrossAttentionNetwork(shape, self.settings)


class CrossAttentionNetwork(nn.Module):
    """Features and presence to logits (B, L)."""

    def __init__(self, shape: Shape, settings: CrossAttentionSettings) -> None:
        super().__init__()
        units, drop = settings.units, settings.dropout
        self.reader = FeatureReader(shape.widths, settings.member_dropout)
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)
        layer = nn.TransformerEncoderLayer(
            units, settings.heads, 2 * units, drop, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, settings.layers, nn.LayerNorm(units), enable_nested_tensor=False
        )
        self.last = nn.Linear(units, shape.labels)

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        read, left = self.reader(present, *features)
        tokens = torch.stack([project(f) for project, f in zip(self.project, read, strict=True)], dim=1)
        # attention over nothing is NaN: where nobody is left all tokens stay, and the caller silences the answer
        hidden = self.encoder(tokens, src_key_padding_mask=~left & left.any(dim=1, keepdim=True))
        mask = left.unsqueeze(2)
        logits: Tensor = self.last((hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1))
        return logits
