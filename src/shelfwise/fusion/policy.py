"""The policy network: a small network that reads all members' scores and learns how to combine them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

from torch import nn

from shelfwise.core.fitted import require_fitted
from shelfwise.core.fusion_policy import FusionPolicy, PolicyTask
from shelfwise.core.types import Context, Floats, MemberOutputs, State
from shelfwise.nn.batched_training import fit_as_one, trains_as_one
from shelfwise.nn.fusion.fusion_module import SigmoidOutput
from shelfwise.nn.fusion.policy_network import (
    PolicyBatches,
    PolicyNetwork,
    PolicySettings,
    fit_policy,
    new_network,
    restored_policy,
    run_policy,
    weights_of,
    with_a_member,
)


class Policy(FusionPolicy):
    """Policy network (the paper, section 3): scores side by side, hidden layers, a sigmoid a label.

    An absent member's scores are read as 0 (logits: as their mean over the training products).
    """

    Settings = PolicySettings
    settings: PolicySettings
    fits_in_threads = True

    def __init__(self, settings: PolicySettings) -> None:
        super().__init__(settings)
        self.network_: PolicyNetwork | None = None
        self.epochs_ = 0

    @property
    def network(self) -> PolicyNetwork:
        """The trained network.

        Raises:
            NotFittedError: there is none yet.
        """
        return require_fitted(self.network_, "the policy network")

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Train the network on all products that any member knows; patience watches `validation`."""
        self.network_, self.epochs_ = fit_policy(
            outputs, targets, validation, self.settings, context
        )
        return self

    @classmethod
    def fit_each(cls, tasks: Sequence[PolicyTask]) -> None:
        """On a GPU as one network; on a processor, where that is not quicker, one after the other."""
        policies = [cast(Policy, task.policy) for task in tasks]
        settings = policies[0].settings
        known = [with_a_member(task.outputs, task.targets) for task in tasks]
        examples = [(PolicyBatches(outputs), targets) for outputs, targets in known]
        # asked before any network is made: elsewhere each is made and trained in turn
        if not trains_as_one(examples, settings.training):
            super().fit_each(tasks)
            return
        networks = [
            new_network(outputs, settings, task.context.seed)
            for (outputs, _), task in zip(known, tasks, strict=True)
        ]
        epochs = fit_as_one(
            networks, examples, settings.training, [task.context for task in tasks], "policy"
        )
        for policy, network, count in zip(policies, networks, epochs, strict=True):
            policy.network_ = network
            policy.epochs_ = count

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        return run_policy(self.network, outputs)

    def state(self) -> State:
        """All weights, and the shape they belong to."""
        network = self.network
        shape = {"members": network.members, "labels": network.labels}
        # the shape is needed to make an empty network before its weights are loaded
        return State(weights_of(network), {**shape, "epochs": self.epochs_})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        facts = state.facts
        self.network_ = restored_policy(
            state.arrays, facts["members"], facts["labels"], self.settings
        )
        self.epochs_ = facts["epochs"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many weights the network has, and the epoch they are from."""
        return {"weights": self.network.weight_count, "epochs": self.epochs_}

    def to_module(self) -> nn.Module:
        """The network itself."""
        return SigmoidOutput(self.network)
