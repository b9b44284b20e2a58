"""The policy network: a small network that reads all members' scores and decides what each of them is worth."""

from __future__ import annotations

from typing import Any, Self

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, State
from shelfwise.errors import NotFittedError
from shelfwise.nn.policy_network import (
    PolicyNetwork,
    PolicySettings,
    fit_policy,
    restored_policy,
    run_policy,
    weights_of,
)


class Policy(FusionPolicy):
    """Policy network (the paper, section 3): scores side by side, hidden layers, a sigmoid a label.

    An absent member's scores are read as 0 (logits: as their mean over the training products).
    """

    Settings = PolicySettings
    settings: PolicySettings

    def __init__(self, settings: PolicySettings) -> None:
        super().__init__(settings)
        self.network_: PolicyNetwork | None = None
        self.epochs_ = 0

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Train the network on all products that any member knows; `validation` is watched if patience is set."""
        self.network_, self.epochs_ = fit_policy(outputs, targets, validation, self.settings, context)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        return run_policy(self._fitted(), outputs)

    def state(self) -> State:
        """All weights, and the shape they belong to."""
        network = self._fitted()
        return State(
            weights_of(network),
            {"members": network.members, "labels": network.labels, "epochs": self.epochs_},
        )

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.network_ = restored_policy(
            state.arrays, state.facts["members"], state.facts["labels"], self.settings
        )
        self.epochs_ = state.facts["epochs"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many weights the network has, and the epoch they are from."""
        return {"weights": self._fitted().weight_count, "epochs": self.epochs_}

    def _fitted(self) -> PolicyNetwork:
        if self.network_ is None:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return self.network_
