"""Dropout whose random numbers cost little on a processor."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shelfwise.nn.seeding import generator

CHANCES = 1 << 16
"""Chances that are told apart: a unit takes 16 random bits, and a random number has those of four units."""


class Dropout(nn.Module):
    """In training each unit becomes 0 with a chance of `share`, and the others grow so that means stay.

    Torch draws one random number a unit, which takes a fifth of a small network's step. Here the share is
    rounded to a 65,536th. On a GPU it is torch's own.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, units: Tensor) -> Tensor:
        """`units` of any shape, some of them 0 in training."""
        if not self.training or self.share == 0:
            return units
        if units.device.type != "cpu":
            return F.dropout(units, self.share)
        count = units.numel()
        words = torch.empty(-(-count // 4), dtype=torch.int64)
        # every bit of a word is random, the sign included
        words.random_(-(1 << 63), None, generator=generator())
        chances = words.view(torch.int16)[:count].view(units.shape)
        dropped = round(self.share * CHANCES)
        kept = (chances >= dropped - CHANCES // 2).to(units.dtype)
        return units * kept.mul_(CHANCES / (CHANCES - dropped))
