"""A policy network that was searched for: the best of many, judged on validation (the paper, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.fitted import require_fitted
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, State
from shelfwise.errors import ConfigError
from shelfwise.nn.fusion.fusion_module import SigmoidOutput
from shelfwise.nn.fusion.policy_network import (
    PolicyNetwork,
    PolicySettings,
    restored_policy,
    weights_of,
)
from shelfwise.nn.fusion.policy_search import PAPER_NETWORKS, SearchCandidate, search_policy
from shelfwise.nn.training_loop import LoopSettings


class SearchSettings(PluginSettings):
    """How long the search is. Members, layers, units, activations, dropout and learning rate are searched."""

    trials: int = Field(
        30,
        ge=len(PAPER_NETWORKS),
        description="networks that are tried; the paper's two are among them",
    )
    timeout: float | None = Field(
        None, gt=0, description="seconds after which no further network is tried; unset: no limit"
    )
    network: PolicySettings = Field(
        PolicySettings(training=LoopSettings(epochs=40, loss="bce", patience=5)),
        description="settings of every network that is tried; what is searched is replaced",
    )


class Search(FusionPolicy):
    """The best policy network that Optuna finds within its trials.

    Members that the network does not read count only for products that none of the others knows.
    """

    Settings = SearchSettings
    settings: SearchSettings

    def __init__(self, settings: SearchSettings) -> None:
        super().__init__(settings)
        self.network_: PolicyNetwork | None = None
        self.choice_: SearchCandidate
        self.facts_: dict[str, Any] = {}

    @property
    def network(self) -> PolicyNetwork:
        """The best network.

        Raises:
            NotFittedError: nothing was searched for yet.
        """
        return require_fitted(self.network_, "the searched policy network")

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Search, then train the best network once more.

        Raises:
            ConfigError: there is no validation part to judge by.
        """
        # judged on what it was trained on, the largest network would always win
        if validation is None or not validation[0].present.any():
            raise ConfigError(
                "the policy 'search' needs validation products to judge by; raise split.validation_fraction"
            )
        chosen = self.settings
        train = (outputs, targets)
        found = search_policy(
            train, validation, chosen.network, chosen.trials, chosen.timeout, context
        )
        self.choice_ = found.choice
        # trials keep no weights, so the best is trained again: the same seed gives the same network
        self.network_, epochs = found.choice.fit(train, validation, context)
        best = {"micro_f1": found.micro_f1, "members": list(found.choice.members)}
        self.facts_ = {
            "best": {**best, **found.choice.settings.model_dump(mode="json")},
            "epochs": epochs,
            "trials": found.trials,
        }
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        network = self.network
        return self.choice_.fuse(network, outputs)

    def state(self) -> State:
        """The best network's weights, what it is, and every trial."""
        network = self.network
        # the settings of the best network are among the facts, as `restore` has no other place to know them
        # from
        return State(weights_of(network), {**self.facts_, "labels": network.labels})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.facts_ = {name: state.facts[name] for name in ("best", "epochs", "trials")}
        best = self.facts_["best"]
        # beside the network's settings the facts hold its members and its micro-F1
        settings = {name: best[name] for name in PolicySettings.model_fields if name in best}
        members = tuple(best["members"])
        self.choice_ = SearchCandidate(members, PolicySettings.model_validate(settings))
        labels = state.facts["labels"]
        self.network_ = restored_policy(state.arrays, len(members), labels, self.choice_.settings)
        return self

    def facts(self) -> dict[str, Any]:
        """The best trial and all trials: settings, places of their members, and micro-F1 on validation."""
        return dict(self.facts_)

    def to_module(self) -> nn.Module:
        """The network over the members it reads."""
        network = SigmoidOutput(self.network)
        return ChosenMembers(network, self.choice_.members)


class ChosenMembers(nn.Module):
    """A fusion network over some of the members; where none of these is present, the mean of the others."""

    def __init__(self, network: nn.Module, members: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.members = nn.Buffer(torch.tensor(list(members)))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L)."""
        chosen = present.index_select(1, self.members)
        fused: Tensor = self.network(scores.index_select(1, self.members), chosen)
        # at least 1, so that products without any member give no 0 / 0
        count = present.sum(dim=1, keepdim=True).clamp_min(1)
        mean = scores.sum(dim=1) / count
        return torch.where(chosen.any(dim=1, keepdim=True), fused, mean)
