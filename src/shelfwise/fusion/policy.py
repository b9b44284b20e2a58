"""The policy network: a small network that reads all members' scores and decides what each of them is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.contracts import Context, Floats, FusionPolicy, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.training.loop import LoopSettings, fit_network, run_network, seeded

Activation = Literal["sigmoid", "tanh", "relu"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
CERTAIN = 1e-4  # scores nearer to 0 or 1 count as this near: a member's last digits of certainty say nothing
LEAST_SPREAD = 0.1  # of logits; what hardly varied in training must not explode later


class PolicySettings(PluginSettings):
    """The defaults are the paper's network for three members.

    A few thousand products are too few for it: there, logits with `residual`, `dropout` and `member_dropout`,
    trained until validation stops improving, do markedly better.
    """

    hidden: tuple[tuple[PositiveInt, Activation], ...] = Field(
        ((330, "sigmoid"), (270, "tanh")), description="hidden layers, (units, activation) each; none makes it a logistic regression"
    )
    input: Literal["probabilities", "logits"] = Field(
        "probabilities", description="what the network reads: scores as they are (the paper), or their logits, standardised"
    )
    residual: bool = Field(False, description="the network learns only what to add to the mean logit of the present members")
    dropout: float = Field(0.0, ge=0, lt=1, description="after every hidden layer")
    presence_bits: bool = Field(False, description="the network also reads which members are present")
    member_dropout: float = Field(0.0, ge=0, lt=1, description="whole members dropped in training, so that any subset is answered well")
    training: LoopSettings = LoopSettings(epochs=20)


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

    def fit(self, outputs: MemberOutputs, targets: Floats, validation: tuple[MemberOutputs, Floats] | None, context: Context) -> Self:
        """Train the network on all products that any member knows; `validation` is watched if patience is set."""
        rows = np.flatnonzero(outputs.present.any(axis=1))
        known, wanted = outputs.take(rows), targets[rows]
        with seeded(context.seed):
            network = PolicyNetwork(known.scores.shape[1], known.scores.shape[2], self.settings)
        network.watch(known)
        watched = None if validation is None or not len(validation[0]) else (_Batches(validation[0]), validation[1])
        self.epochs_ = fit_network(network, _Batches(known), wanted, self.settings.training, context, watched, "policy")
        self.network_ = network
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        network = self._fitted()
        if not len(outputs):
            return np.zeros((0, network.labels), np.float32)
        return outputs.silenced(run_network(lambda *inputs: torch.sigmoid(network(*inputs)), _Batches(outputs)))

    def state(self) -> State:
        """All weights, and the shape they belong to."""
        network = self._fitted()
        facts = {"members": network.members, "labels": network.labels, "epochs": self.epochs_}
        return State({name: value.numpy() for name, value in network.state_dict().items()}, facts)

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        with seeded(0):  # the initial weights are replaced; the caller's randomness stays as it is
            network = PolicyNetwork(state.facts["members"], state.facts["labels"], self.settings)
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()})
        self.network_, self.epochs_ = network.eval(), state.facts["epochs"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many weights the network has, and the epoch they are from."""
        return {"weights": sum(p.numel() for p in self._fitted().parameters()), "epochs": self.epochs_}

    def _fitted(self) -> PolicyNetwork:
        if self.network_ is None:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return self.network_


class PolicyNetwork(nn.Module):
    """Scores (B, M, L) and presence (B, M) to fused logits (B, L)."""

    def __init__(self, members: int, labels: int, settings: PolicySettings) -> None:
        super().__init__()
        self.members, self.labels, self.settings = members, labels, settings
        if settings.input == "logits":
            self.register_buffer("mean", torch.zeros(members, labels))
            self.register_buffer("spread", torch.ones(members, labels))
        inputs = members * (labels + settings.presence_bits)
        self.layers = _layers(inputs, labels, settings.hidden, settings.dropout)

    def watch(self, outputs: MemberOutputs) -> None:
        """Learn the mean and the spread of every input over the products where its member is present."""
        if self.settings.input == "logits":
            logits = np.where(outputs.present[:, :, None], _logits(torch.from_numpy(outputs.scores)).numpy(), 0)
            count = np.maximum(outputs.present.sum(axis=0), 1)[:, None]
            mean = logits.sum(axis=0, dtype=np.float64) / count
            variance = np.square(logits).sum(axis=0, dtype=np.float64) / count - mean**2
            self.mean = torch.from_numpy(mean.astype(np.float32))
            self.spread = torch.from_numpy(np.sqrt(np.maximum(variance, LEAST_SPREAD**2)).astype(np.float32))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused logits (B, L)."""
        bits = self._kept(present).float()
        mask = bits.unsqueeze(2)
        read = (_logits(scores) - self.mean) / self.spread if self.settings.input == "logits" else scores
        flat = (read * mask).flatten(1)
        fused: Tensor = self.layers(torch.cat([flat, bits], dim=1) if self.settings.presence_bits else flat)
        if self.settings.residual:
            fused = fused + (_logits(scores) * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)
        return fused

    def _kept(self, present: Tensor) -> Tensor:
        """Presence after member dropout; products that would lose every member keep all they have."""
        if not self.training or self.settings.member_dropout == 0:
            return present
        kept = present & (torch.rand(present.shape) >= self.settings.member_dropout)
        return torch.where(kept.any(dim=1, keepdim=True), kept, present)


class _Batches:
    """The members' answers, for the training loop."""

    def __init__(self, outputs: MemberOutputs) -> None:
        self.scores, self.present = torch.from_numpy(outputs.filled(0)), torch.from_numpy(outputs.present)

    def __len__(self) -> int:
        return len(self.scores)

    def batch(self, rows: Rows) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(rows)
        return self.scores[chosen], self.present[chosen]


def _logits(scores: Tensor) -> Tensor:
    return torch.logit(scores, eps=CERTAIN)


def _layers(inputs: int, labels: int, hidden: Sequence[tuple[int, Activation]], dropout: float) -> nn.Sequential:
    """Dense layers as Keras begins them: Glorot-uniform weights, biases of 0."""
    layers: list[nn.Module] = []
    for units, activation in hidden:
        layers += [nn.Linear(inputs, units), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        inputs = units
    layers.append(nn.Linear(inputs, labels))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
