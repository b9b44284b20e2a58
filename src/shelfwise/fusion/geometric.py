"""The geometric mean of the present members' scores: their product, on the scale of a single score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shelfwise.core.fusion_policy import FixedRule
from shelfwise.core.types import Floats, MemberOutputs

if TYPE_CHECKING:
    from torch import Tensor, nn


class Geometric(FixedRule):
    """The M-th root of the product over the M present members.

    It lies between minimum and mean, and is 0 where one member gives 0.
    """

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present."""
        present = np.maximum(outputs.present.sum(axis=1, keepdims=True), 1)
        # a sum of logarithms, as a product of many small scores would underflow; absent members add log 1 = 0
        with np.errstate(divide="ignore"):  # log 0 is -inf, which comes back as 0
            total = np.log(outputs.fill_absent(1)).sum(axis=1)
        return outputs.zero_where_absent(np.exp(total / present))

    def to_module(self) -> nn.Module:
        """The same rule as a network."""
        from shelfwise.nn.fusion.fusion_module import FusionModule  # torch is only needed here

        return FusionModule(_geometric_mean)


def _geometric_mean(scores: Tensor, present: Tensor) -> Tensor:
    absent = ~present.unsqueeze(2)
    total = scores.masked_fill(absent, 1.0).log().sum(dim=1)
    count = present.sum(dim=1, keepdim=True).clamp_min(1)
    return (total / count).exp()
