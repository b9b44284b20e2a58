"""Networks that join the features of several members or fields: side by side, added up, or gated.

Dimensions: B products of a batch, M members, D features of one member, L labels.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from shelfwise.nn.fusion_networks import FORBIDDEN, FeatureReader, Shape, init_network_like_keras

JoinName = Literal["concat", "add", "gated"]
UNITS: dict[JoinName, int] = {"concat": 512, "add": 256, "gated": 256}
"""Usual width of the joined vector."""


class FeatureFusion(nn.Module):
    """Presence (B, M) and features M x (B, D) to one vector (B, units), and on to logits (B, L).

    Args:
        shape: labels, and features of each member.
        units: width of the joined vector.
        dropout: of the joined vector, in training.
        member_dropout: share of members dropped whole, in training.
    """

    def __init__(self, shape: Shape, units: int, dropout: float, member_dropout: float) -> None:
        super().__init__()
        self.reader = FeatureReader(shape, member_dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(units, shape.labels)

    @abstractmethod
    def joined(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units) what the last layer sees."""

    def forward(self, present: Tensor, *features: Tensor) -> Tensor:
        """Logits (B, L)."""
        logits: Tensor = self.output(self.dropout(self.joined(present, *features)))
        return logits


class Concat(FeatureFusion):
    """All features and the presence bits -> one hidden layer."""

    def __init__(self, shape: Shape, units: int, dropout: float, member_dropout: float) -> None:
        super().__init__(shape, units, dropout, member_dropout)
        self.hidden = nn.Linear(sum(shape.widths) + shape.members, units)

    def joined(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units)."""
        read, heard = self.reader(present, *features)
        return torch.relu(self.hidden(torch.cat([*read, heard.float()], dim=1)))


class Add(FeatureFusion):
    """Every member's features to one width, added up; a member that is not heard adds nothing."""

    def __init__(self, shape: Shape, units: int, dropout: float, member_dropout: float) -> None:
        super().__init__(shape, units, dropout, member_dropout)
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)

    def joined(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units)."""
        read, heard = self.reader(present, *features)
        parts = [
            project(f) * heard[:, m, None]
            for m, (project, f) in enumerate(zip(self.project, read, strict=True))
        ]
        return torch.stack(parts).sum(dim=0).relu()


class GatedUnit(FeatureFusion):
    """Gated multimodal unit (Arevalo et al. 2017): ``h = sum_m z_m * tanh(W_m f_m)``, the gates z from all features.

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
        self.units, self.softmax = units, gate == "softmax"
        self.project = nn.ModuleList(nn.Linear(width, units) for width in shape.widths)
        self.gate = nn.Linear(sum(shape.widths) + shape.members, shape.members * units)

    def joined(self, present: Tensor, *features: Tensor) -> Tensor:
        """(B, units)."""
        read, heard = self.reader(present, *features)
        said = torch.stack(
            [torch.tanh(project(f)) for project, f in zip(self.project, read, strict=True)], dim=1
        )
        return (self.gates(read, heard) * said).sum(dim=1)

    def gates(self, read: list[Tensor], heard: Tensor) -> Tensor:
        """How much of every member is let through (B, M, units); nothing of those that are not heard."""
        raw = self.gate(torch.cat([*read, heard.float()], dim=1)).view(len(heard), -1, self.units)
        mask = heard.unsqueeze(2)
        open_ = (
            torch.softmax(raw.masked_fill(~mask, FORBIDDEN), dim=1) if self.softmax else torch.sigmoid(raw)
        )
        return open_ * mask


def make_join(
    name: JoinName, shape: Shape, units: int | None, dropout: float, member_dropout: float
) -> FeatureFusion:
    """A new network of the kind `name`, its layers as Keras begins them; `units` unset: the usual width."""
    kinds: dict[JoinName, type[FeatureFusion]] = {"concat": Concat, "add": Add, "gated": GatedUnit}
    network = kinds[name](shape, units or UNITS[name], dropout, member_dropout)
    init_network_like_keras(network)
    return network
