"""Networks that fuse the features of several members or fields: side by side, added up, or gated.

Dimensions: B products of a batch, M members, D features of one member, L labels.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from shelfwise.nn.fusion.feature_reader import FeatureReader
from shelfwise.nn.fusion.fusion_networks import MASKED_LOGIT, Shape
from shelfwise.nn.initialization import init_network_like_keras

FusionKind = Literal["concat", "add", "gated"]
UNITS: dict[FusionKind, int] = {"concat": 512, "add": 256, "gated": 256}
"""Usual width of the fused vector."""


class FeatureFusion(nn.Module):
    """Presence (B, M) and features M x (B, D) to one vector (B, units), and on to logits (B, L).

    Args:
        shape: labels, and features of each member.
        units: width of the fused vector.
        dropout: of the fused vector, in training.
        member_dropout: share of members dropped whole, in training.
    """

    def __init__(self, shape: Shape, units: int, dropout: float, member_dropout: float) -> None:
        super().__init__()
        self.reader = FeatureReader(shape.widths, member_dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(units, shape.labels)

    @abstractmethod
    def fused(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units) what the last layer reads."""

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        logits: Tensor = self.output(self.dropout(self.fused(present, *features)))
        return logits


class Concat(FeatureFusion):
    """All features and the presence bits -> one hidden layer."""

    def __init__(self, shape: Shape, units: int, dropout: float, member_dropout: float) -> None:
        super().__init__(shape, units, dropout, member_dropout)
        self.hidden = nn.Linear(sum(shape.widths) + shape.members, units)

    def fused(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units)."""
        read, left = self.reader(present, *features)
        # without the bits, an absent member would look like one whose features are average
        side_by_side = torch.cat([*read, left.float()], dim=1)
        return torch.relu(self.hidden(side_by_side))


class Add(FeatureFusion):
    """Every member's features to one width, added up; an absent member adds nothing."""

    def __init__(self, shape: Shape, units: int, dropout: float, member_dropout: float) -> None:
        super().__init__(shape, units, dropout, member_dropout)
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)

    def fused(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units)."""
        read, left = self.reader(present, *features)
        parts = []
        for member, project in enumerate(self.project):
            # the layer's bias would make something of an absent member
            parts.append(project(read[member]) * left[:, member, None])
        return torch.stack(parts).sum(dim=0).relu()


class GatedUnit(FeatureFusion):
    """Gated multimodal unit (Arevalo et al. 2017): ``h = sum_m z_m * tanh(W_m f_m)``.

    The gates z are computed from all members' features.

    Args:
        gate: softmax: the members share each unit; sigmoid: each gate is its own.
    """

    def __init__(
        self,
        shape: Shape,
        units: int,
        dropout: float,
        member_dropout: float,
        gate: Literal["softmax", "sigmoid"] = "softmax",
    ) -> None:
        super().__init__(shape, units, dropout, member_dropout)
        self.units = units
        self.softmax = gate == "softmax"
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)
        self.gate = nn.Linear(sum(shape.widths) + shape.members, shape.members * units)

    def fused(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units)."""
        read, left = self.reader(present, *features)
        projected = [project(part) for project, part in zip(self.project, read, strict=True)]
        members = torch.stack([torch.tanh(part) for part in projected], dim=1)
        return (self.gates(read, left) * members).sum(dim=1)

    def gates(self, read: list[Tensor], left: Tensor) -> Tensor:
        """How much of every member is let through (B, M, units); nothing of absent ones.

        Args:
            read: features, M x (B, D).
            left: members that are present and not dropped (B, M), bool.
        """
        side_by_side = torch.cat([*read, left.float()], dim=1)
        raw = self.gate(side_by_side).view(len(left), -1, self.units)
        mask = left.unsqueeze(2)
        if not self.softmax:
            return torch.sigmoid(raw) * mask
        # absent members have no part in the sum that gates are divided by
        return torch.softmax(raw.masked_fill(~mask, MASKED_LOGIT), dim=1) * mask


def make_feature_fusion(
    kind: FusionKind, shape: Shape, units: int | None, dropout: float, member_dropout: float
) -> FeatureFusion:
    """A new network of the given kind, with first weights as Keras draws them.

    Args:
        units: width of the fused vector; None takes the usual one.
    """
    kinds: dict[FusionKind, type[FeatureFusion]] = {
        "concat": Concat,
        "add": Add,
        "gated": GatedUnit,
    }
    network = kinds[kind](shape, units or UNITS[kind], dropout, member_dropout)
    init_network_like_keras(network)
    return network
