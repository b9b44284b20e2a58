"""The policy network and how it is trained; shared by every fusion policy that is such a network.

Source: the paper, section 3: scores side by side, hidden layers, a sigmoid a label.

Dimensions: B products of a batch, N products, M members, L labels.
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
from shelfwise.nn.dropout import Dropout
from shelfwise.nn.fusion.feature_reader import keep_members
from shelfwise.nn.initialization import init_network_like_keras
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import LoopOptions, LoopSettings, fit_network, run_network

Activation = Literal["sigmoid", "tanh", "relu"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}

MIN_PROBABILITY = 1e-4
"""Scores nearer to 0 or 1 count as this near: a member's last digits of certainty mean nothing."""

CHUNK_ROWS = 8192
"""Products whose logits are summed at a time."""

MIN_SPREAD = 0.1
"""Of logits: what hardly varied in training must not explode later."""


class PolicySettings(PluginSettings):
    """The defaults are the paper's network for three members.

    A few thousand products are too few for it: there, logits with `residual`, `dropout` and `member_dropout`,
    trained until validation stops improving, do markedly better.
    """

    hidden: tuple[tuple[PositiveInt, Activation], ...] = Field(
        ((330, "sigmoid"), (270, "tanh")),
        description="the hidden layers, [units, activation] each; an empty list makes it a logistic "
        "regression",
    )
    input: Literal["probabilities", "logits"] = Field(
        "probabilities",
        description="what the network reads: the members' scores (the paper), or their logits, standardised",
    )
    residual: bool = Field(
        False, description="whether the network only learns a correction of the members' mean logit"
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="share of units dropped after every hidden layer in training"
    )
    presence_bits: bool = Field(
        False, description="whether the network also reads which members are present"
    )
    member_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="chance that a whole member is dropped in training, so that any subset is fused well",
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=20), description="how the network is trained"
    )


def fit_policy(
    outputs: MemberOutputs,
    targets: Floats,
    validation: tuple[MemberOutputs, Floats] | None,
    settings: PolicySettings,
    context: Context,
) -> tuple[PolicyNetwork, int]:
    """A network trained on all products with a member; `validation` is watched if patience is set.

    Returns:
        The network, and the epoch its weights are from.
    """
    outputs, targets = with_a_member(outputs, targets)
    network = new_network(outputs, settings, context.seed)
    watched = None
    if validation is not None and len(validation[0]):
        watched = (PolicyBatches(validation[0]), validation[1])
    # layers of a few hundred units: a second core would only wait
    with torch_threads(1):
        epochs = fit_network(
            network,
            PolicyBatches(outputs),
            targets,
            settings.training,
            context,
            watched,
            LoopOptions("policy"),
        )
    return network, epochs


def with_a_member(outputs: MemberOutputs, targets: Floats) -> tuple[MemberOutputs, Floats]:
    """The products that any member is present for, and their targets."""
    rows = np.flatnonzero(outputs.present.any(axis=1))
    # taking all rows would copy them
    if len(rows) == len(outputs):
        return outputs, targets
    return outputs.take(rows), targets[rows]


def new_network(outputs: MemberOutputs, settings: PolicySettings, seed: int) -> PolicyNetwork:
    """A network for such outputs with first weights from `seed`, to be trained."""
    members, labels = outputs.scores.shape[1:]
    with torch_seed(seed):
        network = PolicyNetwork(members, labels, settings)
    network.fit_statistics(outputs)
    return network


def run_policy(network: PolicyNetwork, outputs: MemberOutputs) -> Floats:
    """Fused scores (N, L); 0 where no member is present."""
    if not len(outputs):
        return np.zeros((0, network.labels), np.float32)
    scores = run_network(network, PolicyBatches(outputs), forward=network.fused_scores)
    return outputs.zero_where_absent(scores)


def restored_policy(
    arrays: Mapping[str, NDArray[Any]], members: int, labels: int, settings: PolicySettings
) -> PolicyNetwork:
    """The network of M members and L labels whose weights `arrays` are."""
    with torch_seed(0):  # the initial weights are replaced; the caller's randomness stays as it is
        network = PolicyNetwork(members, labels, settings)
    network.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
    )
    return network.eval()


def weights_of(network: PolicyNetwork) -> dict[str, NDArray[Any]]:
    """All weights, as :func:`restored_policy` takes them."""
    return {name: value.cpu().numpy() for name, value in network.state_dict().items()}


class PolicyNetwork(nn.Module):
    """Scores (B, M, L) and presence (B, M) to fused logits (B, L), also with further dimensions in front."""

    def __init__(self, members: int, labels: int, settings: PolicySettings) -> None:
        super().__init__()
        self.members = members
        self.labels = labels
        self.settings = settings
        if settings.input == "logits":
            self.register_buffer("mean", torch.zeros(members, labels))
            self.register_buffer("spread", torch.ones(members, labels))
        # a bit a member tells a score of 0 from an absent one
        inputs = members * (labels + settings.presence_bits)
        self.layers = _make_layers(inputs, labels, settings.hidden, settings.dropout)

    @property
    def weight_count(self) -> int:
        """How many numbers were trained."""
        return sum(p.numel() for p in self.parameters())

    def fit_statistics(self, outputs: MemberOutputs) -> None:
        """Learn the mean and the spread of every logit over the products where its member is present."""
        if self.settings.input != "logits":
            return
        sums = np.zeros((self.members, self.labels))
        squares = np.zeros((self.members, self.labels))
        # in chunks, as the logits of all products would be another copy of their scores
        for start in range(0, len(outputs), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            logits = _logits(torch.from_numpy(outputs.scores[chunk])).numpy()
            logits = np.where(outputs.present[chunk, :, None], logits, 0)
            sums += logits.sum(axis=0, dtype=np.float64)
            squares += np.square(logits).sum(axis=0, dtype=np.float64)
        # a member that is present nowhere has sums of 0
        count = np.maximum(outputs.present.sum(axis=0), 1)[:, None]
        mean = sums / count
        # by sums in double precision, the difference keeps its digits
        variance = squares / count - mean**2
        spread = np.sqrt(np.maximum(variance, MIN_SPREAD**2))
        self.mean = torch.from_numpy(mean.astype(np.float32))
        self.spread = torch.from_numpy(spread.astype(np.float32))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused logits (B, L)."""
        chosen = self.settings
        bits = keep_members(present, chosen.member_dropout if self.training else 0).float()
        mask = bits.unsqueeze(-1)
        needs_logits = chosen.input == "logits" or chosen.residual
        logits = _logits(scores) if needs_logits else scores
        read = scores
        if chosen.input == "logits":
            read = (logits - self.mean) / self.spread
        # an absent member's scores are 0; standardised logits of 0 are their mean
        flat = (read * mask).flatten(-2)
        if chosen.presence_bits:
            flat = torch.cat([flat, bits], dim=-1)
        fused: Tensor = self.layers(flat)
        if chosen.residual:
            mean_logit = (logits * mask).sum(dim=-2) / mask.sum(dim=-2).clamp_min(1)
            fused = fused + mean_logit
        return fused

    def fused_scores(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L)."""
        return torch.sigmoid(self(scores, present))


class PolicyBatches:
    """The members' scores, for the training loop."""

    def __init__(self, outputs: MemberOutputs) -> None:
        self.scores = torch.from_numpy(outputs.scores)
        self.present = torch.from_numpy(outputs.present)

    def __len__(self) -> int:
        return len(self.scores)

    def batch(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Scores (B, M, L), 0 of absent members, and presence (B, M)."""
        chosen = torch.from_numpy(rows)
        present = self.present[chosen]
        # choosing has copied, so the copy may be changed
        return self.scores[chosen].masked_fill_(~present.unsqueeze(2), 0), present


def _logits(scores: Tensor) -> Tensor:
    return torch.logit(scores, eps=MIN_PROBABILITY)


def _make_layers(
    inputs: int, labels: int, hidden: Sequence[tuple[int, Activation]], dropout: float
) -> nn.Sequential:
    """The hidden layers and the last one, with first weights as Keras draws them."""
    layers: list[nn.Module] = []
    for units, activation in hidden:
        layers += [nn.Linear(inputs, units), ACTIVATIONS[activation](), Dropout(dropout)]
        inputs = units
    layers.append(nn.Linear(inputs, labels))
    network = nn.Sequential(*layers)
    init_network_like_keras(network)
    return network
