"""The coherent policy: no label above its parent, and better for being trained with the constraint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from shelfwise.catalog.labels import parents_of
from shelfwise.core.types import Context, Floats, MemberOutputs, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.fusion.coherent import Coherent, CoherentSettings

NAMES = ("A", "A > B", "A > B > C", "A > D", "E", "F > G > H")
PARENTS = parents_of(NAMES)


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """Targets that agree with the tree; members know the deeper labels well and the label A not at all."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, len(NAMES))) < 0.5).astype(np.float32)
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            targets[:, child] *= targets[:, parent]
    targets[:, 0] = targets[:, [1, 3]].max(axis=1)
    scores = 1 / (1 + np.exp(2 - 4 * targets[:, None] + rng.normal(0, 1, (count, 2, len(NAMES)))))
    scores[:, :, 0] = rng.random((count, 2))
    return MemberOutputs(scores.astype(np.float32), np.ones((count, 2), np.bool_), ()), targets


def fitted(**changes: Any) -> Coherent:
    training = {"epochs": 40, "batch_size": 64, "learning_rate": 1e-2, "loss": "bce"}
    settings = CoherentSettings.model_validate(
        {"hidden": [], "residual": False, "training": training, **changes}
    )
    return Coherent(settings).fit(*make(400, 0), None, Context(labels=NAMES))


def test_no_label_scores_above_its_parent_and_the_tree_helps() -> None:
    outputs, targets = make(300, 1)
    fused, child = fitted().fuse(outputs), np.flatnonzero(PARENTS >= 0)
    assert (fused[:, child] <= fused[:, PARENTS[child]]).all()
    assert ((fused[:, 0] > 0.5) == (targets[:, 0] > 0)).mean() > 0.85, (
        "A is known by the labels below it"
    )


def test_state_keeps_the_tree() -> None:
    policy, (outputs, _) = fitted(), make(20, 1)
    assert policy.facts()["labels_with_a_parent"] == 3
    restored = Coherent(policy.settings).restore(
        State(dict(policy.state().arrays), policy.state().facts)
    )
    assert np.array_equal(restored.fuse(outputs), policy.fuse(outputs))


def test_other_losses_flat_labels_and_unfitted_are_refused() -> None:
    with pytest.raises(ValidationError, match="a loss of its own"):
        CoherentSettings.model_validate({"training": {"loss": "focal"}})
    with pytest.raises(ConfigError, match=r"labels\.mode = 'path'"):
        Coherent(CoherentSettings()).fit(*make(20, 0), None, Context(labels=tuple("ABCDEF")))
    with pytest.raises(NotFittedError):
        Coherent(CoherentSettings()).fuse(make(20, 0)[0])
