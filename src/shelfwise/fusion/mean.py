"""The mean of the present members' scores, equal or weighted."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, PositiveFloat

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings
from shelfwise.errors import ConfigError


class MeanSettings(PluginSettings):
    """The default is the paper's: every member weighs the same."""

    weights: tuple[PositiveFloat, ...] | None = Field(
        None, min_length=1, description="one weight a member, in member order; unset: equal"
    )


class Mean(FusionPolicy):
    """Elementwise (weighted) mean (the paper, section 3, "mean"); the weights of absent members go to the present ones."""

    Settings = MeanSettings
    settings: MeanSettings

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """There is nothing to learn; only that every member has its weight is checked.

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
        shares = outputs.present * self._weights(outputs)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        mixed: Floats = np.einsum("nm,nml->nl", shares, outputs.fill_absent(0))
        return mixed

    def _weights(self, outputs: MemberOutputs) -> Floats:
        members = outputs.present.shape[1]
        weights = np.array(self.settings.weights or (1.0,) * members, np.float32)
        if len(weights) != members:
            raise ConfigError(
                f"the policy mean has {len(weights)} weights for {members} members; give each member one weight, or none at all"
            )
        return weights
