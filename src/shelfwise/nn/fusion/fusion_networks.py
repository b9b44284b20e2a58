"""Fusion policies that are one small network: everything about them but the network itself.

Dimensions: B products of a batch, N products, M members, L labels, D features of one member.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from scipy.special import expit
from torch import nn

from shelfwise.core.fitted import require_fitted
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, State
from shelfwise.nn.fusion.feature_reader import FeatureBatches, FeatureReader
from shelfwise.nn.losses import Loss
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import Batches, LoopOptions, LoopSettings, fit_network, run_network

MASKED_LOGIT = -1e4
"""In place of -inf before a softmax: its probability is 0 as well, but 0 times its logarithm is not NaN."""


@dataclass(frozen=True)
class Shape:
    """What a policy's network is built for.

    Args:
        labels: L.
        widths: D of each of the M members.
    """

    labels: int
    widths: tuple[int, ...]

    @property
    def members(self) -> int:
        """M."""
        return len(self.widths)


class NetworkPolicy(FusionPolicy):
    """A fusion policy that is one network; a plug-in defines the network, its inputs and its training."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.network_: nn.Module | None = None
        self.shape_ = Shape(0, ())
        self.epochs_ = 0

    @abstractmethod
    def network(self, shape: Shape) -> nn.Module:
        """A new network; its forward takes what :meth:`batches` gives."""

    @abstractmethod
    def batches(self, outputs: MemberOutputs) -> Batches:
        """The network's inputs."""

    @property
    def loop(self) -> LoopSettings:
        """How the network is trained."""
        training: LoopSettings = self.settings.training
        return training

    def fit_statistics(self, network: nn.Module, outputs: MemberOutputs) -> None:
        """Learn from the training products what no gradient learns (means, spreads); by default nothing."""

    def network_targets(self, outputs: MemberOutputs, targets: Floats) -> Floats:
        """What the network is trained to predict; by default the targets (N, L)."""
        return targets

    def loss(self) -> Loss | None:
        """The loss, where the settings do not name it."""
        return None

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Train the network on all products with a member; `validation` is watched if patience is set."""
        known, wanted = self._with_a_member(outputs, targets)
        # members without features, for policies that read scores
        no_widths = (0,) * known.present.shape[1]
        widths = tuple(features.shape[1] for features in known.features)
        self.shape_ = Shape(targets.shape[1], widths or no_widths)
        with torch_seed(context.seed):
            network = self.network(self.shape_)
        self.fit_statistics(network, known)
        watched = None
        if validation is not None:
            watched_outputs, watched_targets = self._with_a_member(*validation)
            watched = (self.batches(watched_outputs), watched_targets)
        # layers of a few hundred units: a second core would only wait
        with torch_threads(1):
            self.epochs_ = fit_network(
                network,
                self.batches(known),
                wanted,
                self.loop,
                context,
                watched,
                LoopOptions("policy", loss=self.loss()),
            )
        self.network_ = network
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        # without a member the network still gives something, namely its biases
        logits = self.logits(outputs, self.shape_.labels)
        return outputs.zero_where_absent(expit(logits))

    def logits(self, outputs: MemberOutputs, width: int) -> Floats:
        """The network's outputs (N, width).

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        network = self._fitted()
        if not len(outputs):
            return np.zeros((0, width), np.float32)
        return run_network(network, self.batches(outputs))

    def state(self) -> State:
        """All weights, and the shape they belong to."""
        tensors = self._fitted().state_dict()
        weights = {name: value.cpu().numpy() for name, value in tensors.items()}
        facts = {
            "labels": self.shape_.labels,
            "widths": list(self.shape_.widths),
            "epochs": self.epochs_,
        }
        return State(weights, facts)

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.shape_ = Shape(state.facts["labels"], tuple(state.facts["widths"]))
        # the initial weights are replaced; the caller's randomness stays as it is
        with torch_seed(0):
            network = self.network(self.shape_)
        # copies, as a saved model's arrays may be read-only
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()}
        network.load_state_dict(tensors)
        self.network_ = network.eval()
        self.epochs_ = state.facts["epochs"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many weights the network has, and the epoch they are from."""
        return {
            "weights": sum(p.numel() for p in self._fitted().parameters()),
            "epochs": self.epochs_,
        }

    def _with_a_member(
        self, outputs: MemberOutputs, targets: Floats
    ) -> tuple[MemberOutputs, Floats]:
        """The products that any member is present for, and what the network is to predict for them."""
        rows = np.flatnonzero(outputs.present.any(axis=1))
        known = outputs.take(rows)
        return known, self.network_targets(known, targets[rows])

    def _fitted(self) -> nn.Module:
        return require_fitted(self.network_, "this policy")


class FeatureSettings(PluginSettings):
    """What all fusions of features have in common."""

    dropout: float = Field(
        0.5, ge=0, lt=1, description="share of the fused vector dropped in training"
    )
    member_dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="chance that a whole member is dropped in training, so that any subset is fused well",
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=60, loss="bce", patience=5), description="how the network is trained"
    )


class FeaturePolicy(NetworkPolicy):
    """Early fusion (the paper, section 2): the network reads the members' penultimate features, not scores.

    The members stay as they are; training them further together with the network is not offered here.
    """

    reads = "features"

    def batches(self, outputs: MemberOutputs) -> Batches:
        """Presence and features."""
        return FeatureBatches(outputs, self.shape_.widths)

    def fit_statistics(self, network: nn.Module, outputs: MemberOutputs) -> None:
        """Learn what to standardise the features by."""
        reader = network.get_submodule("reader")
        assert isinstance(reader, FeatureReader), type(reader)
        reader.fit_statistics(outputs)
