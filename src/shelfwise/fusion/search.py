"""A policy network that was searched for: the best of many, judged on validation (the paper, section 4)."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.nn.policy_network import PolicyNetwork, PolicySettings, restored_policy, weights_of
from shelfwise.nn.policy_search import PAPER_NETWORKS, SearchCandidate, search_policy
from shelfwise.nn.training_loop import LoopSettings


class SearchSettings(PluginSettings):
    """How long is searched. Searched are members, layers, units, activations, dropout and learning rate."""

    trials: int = Field(30, ge=len(PAPER_NETWORKS), description="networks that are tried, the paper's two among them")
    timeout: float | None = Field(
        None, gt=0, description="seconds after which no further network is tried; unset: all are"
    )
    network: PolicySettings = Field(
        PolicySettings(training=LoopSettings(epochs=40, loss="bce", patience=5)),
        description="what is not searched: the network's input, loss, most epochs, and so on",
    )


class Search(FusionPolicy):
    """The best policy network that Optuna finds within its trials.

    The members the network was not given are heard only on products that none of the others knows.
    """

    Settings = SearchSettings
    settings: SearchSettings

    def __init__(self, settings: SearchSettings) -> None:
        super().__init__(settings)
        self.network_: PolicyNetwork | None = None
        self.choice_: SearchCandidate
        self.facts_: dict[str, Any] = {}

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
        if validation is None or not validation[0].present.any():
            raise ConfigError(
                "the policy 'search' needs validation products to judge by; raise split.validation_fraction"
            )
        train, chosen = (outputs, targets), self.settings
        found = search_policy(train, validation, chosen.network, chosen.trials, chosen.timeout, context)
        self.choice_ = found.choice
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
        network = self._fitted()
        return self.choice_.fuse(network, outputs)

    def state(self) -> State:
        """The best network's weights, what it is, and every trial."""
        return State(weights_of(self._fitted()), {**self.facts_, "labels": self._fitted().labels})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.facts_ = {name: state.facts[name] for name in ("best", "epochs", "trials")}
        settings = {
            name: value for name, value in self.facts_["best"].items() if name in PolicySettings.model_fields
        }
        self.choice_ = SearchCandidate(
            tuple(self.facts_["best"]["members"]), PolicySettings.model_validate(settings)
        )
        self.network_ = restored_policy(
            state.arrays, len(self.choice_.members), state.facts["labels"], self.choice_.settings
        )
        return self

    def facts(self) -> dict[str, Any]:
        """The best trial and all trials: their settings, the places of the members they read, and micro-F1 on validation."""
        return dict(self.facts_)

    def _fitted(self) -> PolicyNetwork:
        if self.network_ is None:
            raise NotFittedError(
                "this policy was never searched for; call fit, or restore a saved state, first"
            )
        return self.network_
