"""The geometric mean of the present members' scores: their product, on the scale of a single score."""

from __future__ import annotations

from typing import Self

import numpy as np

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings


class GeometricSettings(PluginSettings):
    """The geometric mean has nothing to set."""


class Geometric(FusionPolicy):
    """The M-th root of the product over the M present members; between minimum and mean, and 0 if one member says 0."""

    Settings = GeometricSettings

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """There is nothing to learn."""
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present."""
        present = np.maximum(outputs.present.sum(axis=1, keepdims=True), 1)
        with np.errstate(divide="ignore"):  # log 0 is -inf, which comes back as 0
            total = np.log(outputs.fill_absent(1)).sum(axis=1)
        return outputs.zero_where_absent(np.exp(total / present))
