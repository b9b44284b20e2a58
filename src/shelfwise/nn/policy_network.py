"""The policy network and how it is trained; shared by every fusion policy that is such a network.

Source: the paper, section 3: scores side by side, hidden layers, a sigmoid a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, Rows
from shelfwise.nn.fusion_networks import keep_members
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network, torch_seed

Activation = Literal["sigmoid", "tanh", "relu"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
CERTAIN = 1e-4  # scores nearer to 0 or 1 count as this near: a member's last digits of certainty say nothing
CHUNK = 8192  # products looked at at a time
LEAST_SPREAD = 0.1  # of logits; what hardly varied in training must not explode later


class PolicySettings(PluginSettings):
    """The defaults are the paper's network for three members.

    A few thousand products are too few for it: there, logits with `residual`, `dropout` and `member_dropout`,
    trained until validation stops improving, do markedly better.
    """

    hidden: tuple[tuple[PositiveInt, Activation], ...] = Field(
        ((330, "sigmoid"), (270, "tanh")),
        description="hidden layers, (units, activation) each; none makes it a logistic regression",
    )
    input: Literal["probabilities", "logits"] = Field(
        "probabilities",
        description="what the network reads: scores as they are (the paper), or their logits, standardised",
    )
    residual: bool = Field(
        False, description="the network learns only what to add to the mean logit of the present members"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="after every hidden layer")
    presence_bits: bool = Field(False, description="the network also reads which members are present")
    member_dropout: float = Field(
        0.0, ge=0, lt=1, description="whole members dropped in training, so that any subset is answered well"
    )
    training: LoopSettings = LoopSettings(epochs=20)


def fit_policy(
    outputs: MemberOutputs,
    targets: Floats,
    validation: tuple[MemberOutputs, Floats] | None,
    settings: PolicySettings,
    context: Context,
) -> tuple[PolicyNetwork, int]:
    """A network trained on all products that any member knows; `validation` is watched if patience is set.

    Returns:
        The network, and the epoch its weights are from.
    """
    rows = np.flatnonzero(outputs.present.any(axis=1))
    known, wanted = (outputs, targets) if len(rows) == len(outputs) else (outputs.take(rows), targets[rows])
    with torch_seed(context.seed):
        network = PolicyNetwork(known.scores.shape[1], known.scores.shape[2], settings)
    network.watch(known)
    watched = (
        None
        if validation is None or not len(validation[0])
        else (PolicyBatches(validation[0]), validation[1])
    )
    with torch_threads(1):
        epochs = fit_network(
            network, PolicyBatches(known), wanted, settings.training, context, watched, "policy"
        )
    return network, epochs


def run_policy(network: PolicyNetwork, outputs: MemberOutputs) -> Floats:
    """Fused scores (N, L); 0 where no member is present."""
    if not len(outputs):
        return np.zeros((0, network.labels), np.float32)
    return outputs.zero_where_absent(
        run_network(network, PolicyBatches(outputs), ask=lambda *inputs: torch.sigmoid(network(*inputs)))
    )


def restored_policy(
    arrays: Mapping[str, NDArray[Any]], members: int, labels: int, settings: PolicySettings
) -> PolicyNetwork:
    """The network of M members and L labels whose weights `arrays` are."""
    with torch_seed(0):  # the initial weights are replaced; the caller's randomness stays as it is
        network = PolicyNetwork(members, labels, settings)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
    return network.eval()


def weights_of(network: PolicyNetwork) -> dict[str, NDArray[Any]]:
    """All weights, as :func:`restored_policy` takes them."""
    return {name: value.cpu().numpy() for name, value in network.state_dict().items()}


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

    @property
    def weight_count(self) -> int:
        """How many numbers were learnt."""
        return sum(p.numel() for p in self.parameters())

    def watch(self, outputs: MemberOutputs) -> None:
        """Learn the mean and the spread of every input over the products where its member is present."""
        if self.settings.input == "logits":
            sums = np.zeros((2, self.members, self.labels))
            for start in range(0, len(outputs), CHUNK):
                some = slice(start, start + CHUNK)
                logits = np.where(
                    outputs.present[some, :, None], _logits(torch.from_numpy(outputs.scores[some])).numpy(), 0
                )
                sums += logits.sum(axis=0, dtype=np.float64), np.square(logits).sum(axis=0, dtype=np.float64)
            count = np.maximum(outputs.present.sum(axis=0), 1)[:, None]
            mean = sums[0] / count
            variance = sums[1] / count - mean**2
            self.mean = torch.from_numpy(mean.astype(np.float32))
            self.spread = torch.from_numpy(np.sqrt(np.maximum(variance, LEAST_SPREAD**2)).astype(np.float32))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused logits (B, L)."""
        bits = keep_members(present, self.settings.member_dropout if self.training else 0).float()
        mask = bits.unsqueeze(2)
        logits = _logits(scores) if self.settings.input == "logits" or self.settings.residual else scores
        read = (logits - self.mean) / self.spread if self.settings.input == "logits" else scores
        flat = (read * mask).flatten(1)
        fused: Tensor = self.layers(torch.cat([flat, bits], dim=1) if self.settings.presence_bits else flat)
        if self.settings.residual:
            fused = fused + (logits * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1)
        return fused


class PolicyBatches:
    """The members' answers, for the training loop."""

    def __init__(self, outputs: MemberOutputs) -> None:
        self.scores, self.present = torch.from_numpy(outputs.scores), torch.from_numpy(outputs.present)

    def __len__(self) -> int:
        return len(self.scores)

    def batch(self, rows: Rows) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(rows)
        present = self.present[chosen]
        return self.scores[chosen].masked_fill_(~present.unsqueeze(2), 0), present


def _logits(scores: Tensor) -> Tensor:
    return torch.logit(scores, eps=CERTAIN)


def _layers(
    inputs: int, labels: int, hidden: Sequence[tuple[int, Activation]], dropout: float
) -> nn.Sequential:
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
