"""How a fusion network reads the members' features: standardised, whole members dropped in training.

Dimensions: B products of a batch, N products, M members, D features of one member.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from shelfwise.core.types import Floats, MemberOutputs, Rows
from shelfwise.nn.seeding import generator

MIN_RELATIVE_SPREAD = 0.01
"""Of the member's mean spread: what hardly varied in training must not explode later."""


class FeatureBatches:
    """Presence (B, M) and features M x (B, D).

    Args:
        widths: D of every member. Where no product has a member's field, its features come without a width.
    """

    def __init__(self, outputs: MemberOutputs, widths: tuple[int, ...]) -> None:
        self._present = torch.from_numpy(outputs.present)
        self._features: list[Tensor] = []
        for features, width in zip(outputs.features, widths, strict=True):
            found: Floats = features
            # a member that no product of this batch has was given no width
            if not features.shape[1]:
                found = np.zeros((len(features), width), np.float32)
            self._features.append(torch.from_numpy(found))

    def __len__(self) -> int:
        return len(self._present)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The given rows."""
        chosen = torch.from_numpy(rows)
        return self._present[chosen], *(features[chosen] for features in self._features)


class FeatureReader(nn.Module):
    """Standardises every member's features, drops whole members in training, and sets absent ones to 0.

    Args:
        widths: D of every member.
        member_dropout: share of members dropped whole, in training.
    """

    def __init__(self, widths: tuple[int, ...], member_dropout: float) -> None:
        super().__init__()
        self.member_dropout = member_dropout
        for member, width in enumerate(widths):
            self.register_buffer(f"mean_{member}", torch.zeros(width))
            self.register_buffer(f"spread_{member}", torch.ones(width))

    def fit_statistics(self, outputs: MemberOutputs) -> None:
        """Learn the mean and the spread of every feature over the products where its member is present."""
        for member, features in enumerate(outputs.features):
            # in double precision: a sum of many squares loses the spread otherwise
            known = features[outputs.present[:, member]].astype(np.float64)
            if not known.size:
                continue
            spread = known.std(axis=0)
            # a feature that never varied has no spread, a member that never varied has none at all
            smallest = max(MIN_RELATIVE_SPREAD * spread.mean(), np.finfo(np.float32).eps)
            spread = np.maximum(spread, smallest)
            setattr(self, f"mean_{member}", torch.from_numpy(known.mean(axis=0).astype(np.float32)))
            setattr(self, f"spread_{member}", torch.from_numpy(spread.astype(np.float32)))

    def forward(self, present: Tensor, *features: Tensor) -> tuple[list[Tensor], Tensor]:
        """Features M x (B, D), 0 where absent or dropped, and which members are left (B, M), bool."""
        left = keep_members(present, self.member_dropout if self.training else 0)
        read = []
        for member, values in enumerate(features):
            mean = self.get_buffer(f"mean_{member}")
            spread = self.get_buffer(f"spread_{member}")
            scaled = (values - mean) / spread
            # 0 is the mean of the products that have the member: an absent one says nothing
            read.append(torch.where(left[:, member, None], scaled, 0))
        return read, left


def keep_members(present: Tensor, dropout: float) -> Tensor:
    """Presence (..., B, M) after dropping members at random.

    Products that would lose every member keep all they have.
    """
    if dropout == 0:
        return present
    # drawn for absent members too, so that a product's draws do not depend on which it has
    # a source of numbers of this thread's own is the processor's
    own = generator() if present.device.type == "cpu" else None
    chances = torch.rand(present.shape, device=present.device, generator=own)
    kept = present & (chances >= dropout)
    return torch.where(kept.any(dim=-1, keepdim=True), kept, present)
