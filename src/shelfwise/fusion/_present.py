"""What the fusion policies share: only present members have a say, and nobody's silence is nobody's label."""

from __future__ import annotations

import numpy as np

from shelfwise.contracts import Floats, MemberOutputs


def filled(outputs: MemberOutputs, value: float) -> Floats:
    """Scores (N, M, L) with `value` in place of every absent member's."""
    return np.where(outputs.present[:, :, None], outputs.scores, np.float32(value))


def silenced(scores: Floats, outputs: MemberOutputs) -> Floats:
    """Scores (N, L), 0 for products that no member knows anything of."""
    return np.where(outputs.present.any(axis=1, keepdims=True), scores, np.float32(0)).astype(np.float32)
