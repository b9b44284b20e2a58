"""The mean of the present members' scores, equal or weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, PositiveFloat

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings
from shelfwise.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALLEST = np.finfo(np.float32).tiny
"""In place of a sum of 0, where no member is present."""


class MeanSettings(PluginSettings):
    """The default is the paper's: every member has the same weight."""

    weights: tuple[PositiveFloat, ...] | None = Field(
        None,
        min_length=1,
        description="one weight for each member of the system, in their order; unset: all the same",
    )


class Mean(FusionPolicy):
    """Elementwise (weighted) mean (the paper, section 3, "mean").

    The weights of absent members go to the present ones.
    """

    Settings = MeanSettings
    settings: MeanSettings

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """There is nothing to learn; only the number of weights is checked.

        Raises:
            ConfigError: not as many weights as members.
        """
        self._weights(outputs)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            ConfigError: not as many weights as members.
        """
        # an absent member's weight is 0, and the others' are scaled up to 1 together
        shares = outputs.present * self._weights(outputs)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), SMALLEST)
        mixed: Floats = np.einsum("nm,nml->nl", shares, outputs.fill_absent(0))
        return mixed

    def to_module(self) -> nn.Module:
        """The same mean as a network."""
        from shelfwise.nn.fusion.fusion_module import FusionModule  # torch is only needed here

        if self.settings.weights is None:
            return FusionModule(_weighted_mean)
        return FusionModule(_weighted_mean, weights=np.array(self.settings.weights, np.float32))

    def _weights(self, outputs: MemberOutputs) -> Floats:
        """One weight a member (M,)."""
        members = outputs.present.shape[1]
        weights = np.array(self.settings.weights or (1.0,) * members, np.float32)
        if len(weights) != members:
            raise ConfigError(
                f"the policy mean has {len(weights)} weights for {members} members; "
                f"give each member one weight, or none at all"
            )
        return weights


def _weighted_mean(scores: Tensor, present: Tensor, weights: Tensor | None = None) -> Tensor:
    shares = present.float() if weights is None else present * weights
    shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(float(SMALLEST))
    return (shares.unsqueeze(2) * scores).sum(dim=1)
