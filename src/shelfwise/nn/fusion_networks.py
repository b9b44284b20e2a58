"""Fusion policies that are one small network: everything about them but the network itself.

Dimensions: B products of a batch, M members, L labels, D features of one member.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from scipy.special import expit
from torch import Tensor, nn

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.nn.losses import Loss
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import Batches, LoopSettings, fit_network, run_network, torch_seed

FORBIDDEN = (
    -1e4
)  # in place of -inf before a softmax: its probability is 0 as well, but 0 times its logarithm is not NaN
LEAST_SPREAD = 0.01  # of the member's mean spread; what hardly varied in training must not explode later


@dataclass(frozen=True)
class Shape:
    """What a policy's network is built for: labels, and features of each member."""

    labels: int
    widths: tuple[int, ...]

    @property
    def members(self) -> int:
        """M."""
        return len(self.widths)


class NetworkPolicy(FusionPolicy):
    """A fusion policy that is one network; a plug-in says which network, what it reads and how it is trained."""

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

    def watch(self, network: nn.Module, outputs: MemberOutputs) -> None:
        """Learn from the training products what is not learnt by gradient (means, spreads); by default nothing."""

    def wanted(self, outputs: MemberOutputs, targets: Floats) -> Floats:
        """What the network should answer; by default the targets (N, L)."""
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
        """Train the network on all products that any member knows; `validation` is watched if patience is set."""
        known, wanted = self._known(outputs, targets)
        self.shape_ = Shape(
            targets.shape[1], tuple(f.shape[1] for f in known.features) or (0,) * known.present.shape[1]
        )
        with torch_seed(context.seed):
            network = self.network(self.shape_)
        self.watch(network, known)
        watched = None
        if validation is not None:
            others, answers = self._known(*validation)
            watched = (self.batches(others), answers)
        with torch_threads(1):
            self.epochs_ = fit_network(
                network, self.batches(known), wanted, self.loop, context, watched, "policy", loss=self.loss()
            )
        self.network_ = network
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        return outputs.zero_where_absent(expit(self.logits(outputs, self.shape_.labels)))

    def logits(self, outputs: MemberOutputs, width: int) -> Floats:
        """The network's answers (N, width).

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        network = self._fitted()
        return (
            run_network(network, self.batches(outputs)) if len(outputs) else np.zeros((0, width), np.float32)
        )

    def state(self) -> State:
        """All weights, and the shape they belong to."""
        weights = {name: value.cpu().numpy() for name, value in self._fitted().state_dict().items()}
        return State(
            weights,
            {"labels": self.shape_.labels, "widths": list(self.shape_.widths), "epochs": self.epochs_},
        )

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.shape_ = Shape(state.facts["labels"], tuple(state.facts["widths"]))
        with torch_seed(0):  # the initial weights are replaced; the caller's randomness stays as it is
            network = self.network(self.shape_)
        network.load_state_dict(
            {name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()}
        )
        self.network_, self.epochs_ = network.eval(), state.facts["epochs"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many weights the network has, and the epoch they are from."""
        return {"weights": sum(p.numel() for p in self._fitted().parameters()), "epochs": self.epochs_}

    def _known(self, outputs: MemberOutputs, targets: Floats) -> tuple[MemberOutputs, Floats]:
        rows = np.flatnonzero(outputs.present.any(axis=1))
        known = outputs.take(rows)
        return known, self.wanted(known, targets[rows])

    def _fitted(self) -> nn.Module:
        if self.network_ is None:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return self.network_


class FeatureSettings(PluginSettings):
    """What every fusion of features can be told."""

    dropout: float = Field(0.5, ge=0, lt=1, description="of the joined vector, in training")
    member_dropout: float = Field(
        0.2, ge=0, lt=1, description="whole members dropped in training, so that any subset is answered well"
    )
    training: LoopSettings = LoopSettings(epochs=60, loss="bce", patience=5)


class FeaturePolicy(NetworkPolicy):
    """Early fusion (the paper, section 2): the network reads the members' penultimate features, not their scores.

    The members stay as they are; training them further together with the network is not offered here.
    """

    reads = "features"

    def batches(self, outputs: MemberOutputs) -> Batches:
        """Presence and features."""
        return FeatureBatches(outputs, self.shape_.widths)

    def watch(self, network: nn.Module, outputs: MemberOutputs) -> None:
        """Learn what to standardise the features by."""
        reader = network.get_submodule("reader")
        assert isinstance(reader, FeatureReader), type(reader)
        reader.watch(outputs)


class FeatureBatches:
    """Presence (B, M) and features M x (B, D).

    Args:
        widths: D of every member; where no product has a member's field, its features come without a width of their own.
    """

    def __init__(self, outputs: MemberOutputs, widths: tuple[int, ...]) -> None:
        self._present = torch.from_numpy(outputs.present)
        found = [
            f if f.shape[1] else np.zeros((len(f), w), np.float32)
            for f, w in zip(outputs.features, widths, strict=True)
        ]
        self._features = [torch.from_numpy(f) for f in found]

    def __len__(self) -> int:
        return len(self._present)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The given rows."""
        chosen = torch.from_numpy(rows)
        return self._present[chosen], *(f[chosen] for f in self._features)


class FeatureReader(nn.Module):
    """Standardises every member's features, drops whole members in training, and silences absent ones."""

    def __init__(self, shape: Shape, member_dropout: float) -> None:
        super().__init__()
        self.member_dropout = member_dropout
        for member, width in enumerate(shape.widths):
            self.register_buffer(f"mean_{member}", torch.zeros(width))
            self.register_buffer(f"spread_{member}", torch.ones(width))

    def watch(self, outputs: MemberOutputs) -> None:
        """Learn the mean and the spread of every feature over the products where its member is present."""
        for member, features in enumerate(outputs.features):
            able = features[outputs.present[:, member]].astype(np.float64)
            if able.size:
                spread = able.std(axis=0)
                spread = np.maximum(spread, max(LEAST_SPREAD * spread.mean(), np.finfo(np.float32).eps))
                setattr(self, f"mean_{member}", torch.from_numpy(able.mean(axis=0).astype(np.float32)))
                setattr(self, f"spread_{member}", torch.from_numpy(spread.astype(np.float32)))

    def forward(self, present: Tensor, *features: Tensor) -> tuple[list[Tensor], Tensor]:
        """Features M x (B, D), 0 where absent or dropped, and who is heard (B, M), bool."""
        heard = keep_members(present, self.member_dropout if self.training else 0)
        read = [
            (f - self.get_buffer(f"mean_{m}")) / self.get_buffer(f"spread_{m}")
            for m, f in enumerate(features)
        ]
        return [torch.where(heard[:, m, None], f, 0) for m, f in enumerate(read)], heard


def keep_members(present: Tensor, dropout: float) -> Tensor:
    """Presence (B, M) after dropping members at random; products that would lose every member keep all they have."""
    if dropout == 0:
        return present
    kept = present & (torch.rand(present.shape, device=present.device) >= dropout)
    return torch.where(kept.any(dim=1, keepdim=True), kept, present)


def init_network_like_keras(network: nn.Module) -> nn.Module:
    """`network`, its dense layers with Glorot-uniform weights and biases of 0."""
    init_like_keras(*network.modules())
    return network


def init_like_keras(*layers: nn.Module | None) -> None:
    """Give dense `layers` the weights that Keras begins with: Glorot uniform, biases of 0; all else is passed over."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
