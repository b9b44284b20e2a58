"""A policy network that cannot contradict the tree of the labels, trained for just that."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator
from torch import nn

from shelfwise.core.types import Context, Floats, MemberOutputs, Rows, State
from shelfwise.nn.fusion.fusion_networks import NetworkPolicy, Shape
from shelfwise.nn.fusion.policy_network import PolicyBatches, PolicyNetwork, PolicySettings
from shelfwise.nn.losses import Loss, max_constraint
from shelfwise.nn.training_loop import Batches, LoopSettings
from shelfwise.taxonomy.tree_scores import ROOT, decoded, levels, tree_of

# other defaults than the policy network's, with the same meaning
POLICY_FIELDS = PolicySettings.model_fields


class CoherentSettings(PolicySettings):
    """Those of the policy network, with defaults for a few thousand products."""

    input: Literal["probabilities", "logits"] = Field(
        "logits", description=POLICY_FIELDS["input"].description
    )
    residual: bool = Field(True, description=POLICY_FIELDS["residual"].description)
    dropout: float = Field(0.3, ge=0, lt=1, description=POLICY_FIELDS["dropout"].description)
    presence_bits: bool = Field(True, description=POLICY_FIELDS["presence_bits"].description)
    member_dropout: float = Field(
        0.2, ge=0, lt=1, description=POLICY_FIELDS["member_dropout"].description
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=200, patience=10, learning_rate=3e-3, loss="bce"),
        description="how the network is trained; its loss must be bce, which is used in its coherent form",
    )

    @model_validator(mode="after")
    def _check_loss(self) -> Self:
        if self.training.loss != "bce":
            raise ValueError(
                f"training.loss is {self.training.loss!r}, but coherent has a loss of its own, a form of "
                f"bce; set it to 'bce'"
            )
        return self


class Coherent(NetworkPolicy):
    """C-HMCNN (Giunchiglia and Lukasiewicz 2020) over the members' scores, for path labels ("A > B > C").

    The network's outputs h become p_A = max of h_B over A and all labels below it, so no label scores more
    than its parent; and the loss looks at p, not at h: see :func:`~shelfwise.nn.losses.max_constraint`.
    """

    Settings = CoherentSettings
    settings: CoherentSettings

    def __init__(self, settings: CoherentSettings) -> None:
        super().__init__(settings)
        self.parents_: Rows = np.zeros(0, np.int64)

    def network(self, shape: Shape) -> nn.Module:
        """A new policy network for `shape`."""
        return PolicyNetwork(shape.members, shape.labels, self.settings)

    def batches(self, outputs: MemberOutputs) -> Batches:
        """Scores and presence."""
        return PolicyBatches(outputs)

    def fit_statistics(self, network: nn.Module, outputs: MemberOutputs) -> None:
        """Learn what to standardise the scores by."""
        assert isinstance(network, PolicyNetwork)
        network.fit_statistics(outputs)

    def loss(self) -> Loss:
        """The loss of the constrained outputs."""
        return max_constraint(levels(self.parents_))

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Read the tree off the labels' names, and train the network.

        Raises:
            ConfigError: no label lies below another.
        """
        # before training, as the loss needs the tree
        self.parents_ = tree_of(context.labels, "coherent")
        return super().fit(outputs, targets, validation, context)

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L), none above its parent's; 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        # the same constraint as in the loss, so that training and prediction agree
        return decoded(super().fuse(outputs), self.parents_, "max")

    def state(self) -> State:
        """All weights, the shape they belong to, and each label's parent."""
        state = super().state()
        return State({"parents": self.parents_, **state.arrays}, state.facts)

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        # all other arrays are the network's weights
        weights = dict(state.arrays)
        self.parents_ = weights.pop("parents")
        return super().restore(State(weights, state.facts))

    def facts(self) -> dict[str, object]:
        """How many labels lie below another, the network's number of weights, and the epoch they are from."""
        below = int((self.parents_ != ROOT).sum())
        return {"labels_with_a_parent": below, **super().facts()}
