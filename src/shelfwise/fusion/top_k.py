"""The top-3 policies: a small network that looks only at every member's surest labels."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.core.types import Bools, Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.nn.fusion_networks import MASKED_LOGIT, NetworkPolicy, Shape
from shelfwise.nn.initialization import init_network_like_keras
from shelfwise.nn.training_loop import Batches, LoopSettings

CELLS = 1 << 18
"""Scores looked at at a time: what stays in a core's cache."""


class TopKSettings(PluginSettings):
    """The defaults are Zahavy's hard selection; he gives no widths."""

    mode: Literal["select_hard", "select_soft", "sparse"] = Field(
        "select_hard",
        description="select_hard: trust one member; select_soft: weigh them; sparse: learn the labels from the top scores at their places",
    )
    top: PositiveInt = Field(3, description="scores that are read of every member, the largest")
    hidden: PositiveInt | None = Field(
        None, description="units of the hidden layer, ReLU; unset: 32 to select, 512 for sparse"
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=100, loss="bce", patience=10),
        description="the loss is that of sparse; selecting is learnt by softmax_ce",
    )


class TopK(NetworkPolicy):
    """Zahavy's policy network (Zahavy et al. 2016), over the `top` largest probabilities of every member.

    ``select``: from these alone, sorted, it learns which member has the best per-product F1 at 0.5 (ties: the lower
    cross-entropy) and answers with that member's scores, or with all members' scores weighed by its softmax.
    ``sparse`` is the reading for many labels: the top scores stay at their labels' places, all others are 0.
    """

    Settings = TopKSettings
    settings: TopKSettings

    def __init__(self, settings: TopKSettings) -> None:
        super().__init__(settings)
        self.selection_: dict[str, Any] = {}

    @property
    def loop(self) -> LoopSettings:
        """How the network is trained."""
        training = self.settings.training
        return (
            training if self.settings.mode == "sparse" else training.model_copy(update={"loss": "softmax_ce"})
        )

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        sparse, m = self.settings.mode == "sparse", shape.members
        inputs = m * (shape.labels if sparse else min(self.settings.top, shape.labels))
        hidden = self.settings.hidden or (512 if sparse else 32)
        layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, shape.labels if sparse else m)
        )
        return init_network_like_keras(layers if sparse else MemberChoice(layers))

    def batches(self, outputs: MemberOutputs) -> Batches:
        """The largest scores, sorted and with presence, or at their places."""
        places, largest = highest(outputs.scores, self.settings.top)
        largest = np.where(outputs.present[:, :, None], largest, np.float32(0))
        if self.settings.mode == "sparse":
            return _AtTheirPlaces(places, largest, outputs.scores.shape[2])
        return _Largest(largest, outputs.present)

    def network_targets(self, outputs: MemberOutputs, targets: Floats) -> Floats:
        """The targets (N, L), or the member to choose (N, M)."""
        if self.settings.mode == "sparse":
            return targets
        return np.eye(outputs.present.shape[1], dtype=np.float32)[best_member(outputs, targets)]

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Train the network, and take note of what the best choice of members could reach."""
        super().fit(outputs, targets, validation, context)
        known, wanted = outputs.take(rows := np.flatnonzero(outputs.present.any(axis=1))), targets[rows]
        best, members = best_member(known, wanted), outputs.present.shape[1]
        chosen = known.scores[np.arange(len(known)), best]
        self.selection_ = {
            "oracle_micro_f1": micro_f1(wanted, chosen >= 0.5),
            "oracle_share": _shares(best, members),
        }
        if self.settings.mode != "sparse":
            self.selection_["chosen_share"] = _shares(self.logits(known, members).argmax(axis=1), members)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        if self.settings.mode == "sparse":
            return super().fuse(outputs)
        logits = self.logits(outputs, self.shape_.members)
        if self.settings.mode == "select_hard":
            return outputs.zero_where_absent(outputs.scores[np.arange(len(outputs)), logits.argmax(axis=1)])
        trust = np.exp(logits - logits.max(axis=1, keepdims=True))
        return outputs.zero_where_absent(
            np.einsum("nm,nml->nl", trust / trust.sum(axis=1, keepdims=True), outputs.fill_absent(0)).clip(
                0, 1
            )
        )

    def state(self) -> State:
        """The network, and what is known of the selection."""
        state = super().state()
        return State(state.arrays, {**state.facts, "selection": self.selection_})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.selection_ = dict(state.facts["selection"])
        return super().restore(state)

    def facts(self) -> dict[str, Any]:
        """Of the fitting products, in member order where there is one number a member.

        oracle_micro_f1: micro-F1 at 0.5 if every product were answered by its best member, the upper bound of selection;
        oracle_share and chosen_share: the part of the products whose best, or chosen, member is this one.
        """
        return super().facts() | self.selection_


class MemberChoice(nn.Module):
    """Top scores (B, M, K) and presence (B, M) to logits (B, M); absent members cannot be chosen."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, top: Tensor, present: Tensor) -> Tensor:
        """Logits (B, M)."""
        logits: Tensor = self.layers(top.flatten(1)).masked_fill(~present, MASKED_LOGIT)
        return logits


class _Largest:
    """The largest scores (N, M, K) and presence (N, M), for the training loop."""

    def __init__(self, largest: Floats, present: Bools) -> None:
        self._largest, self._present = torch.from_numpy(largest), torch.from_numpy(present)

    def __len__(self) -> int:
        return len(self._largest)

    def batch(self, rows: Rows) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(rows)
        return self._largest[chosen], self._present[chosen]


class _AtTheirPlaces:
    """The largest scores (N, M, K) at their `places` among L labels, 0 elsewhere: made for each batch, since L may be in the thousands."""

    def __init__(self, places: Rows, largest: Floats, labels: int) -> None:
        self._places, self._largest, self._labels = (
            torch.from_numpy(places),
            torch.from_numpy(largest),
            labels,
        )

    def __len__(self) -> int:
        return len(self._places)

    def batch(self, rows: Rows) -> tuple[Tensor]:
        chosen = torch.from_numpy(rows)
        spread = torch.zeros(len(rows), self._places.shape[1], self._labels)
        return (spread.scatter_(2, self._places[chosen], self._largest[chosen]).flatten(1),)


def highest(scores: Floats, top: int) -> tuple[Rows, Floats]:
    """Places and values, each (N, M, min(top, L)), of the largest of scores (N, M, L) in [0, 1], falling; of equals the first labels.

    >>> places, values = highest(np.array([[[0.25, 0.75, 0.25, 0.5]]], np.float32), 3)
    >>> places.tolist(), values.tolist()
    ([[[1, 3, 0]]], [[[0.75, 0.5, 0.25]]])
    """
    count, members, labels = scores.shape
    kept, step = min(top, labels), max(1, CELLS // max(members * labels, 1))
    places = np.empty((count, members, kept), np.int64)
    for start in range(0, count, step):
        # score and place in one number: the lowest are the highest scores, equal ones in label order
        bits = (np.asarray(scores[start : start + step], np.float32) + np.float32(0)).view(np.uint32)
        keys = (~bits).astype(np.uint64) << np.uint64(32) | np.arange(labels, dtype=np.uint64)
        found = np.sort(np.partition(keys, kept - 1, axis=2)[:, :, :kept], axis=2)
        places[start : start + step] = found & np.uint64(0xFFFFFFFF)
    return places, np.take_along_axis(scores, places, axis=2)


def best_member(outputs: MemberOutputs, targets: Floats) -> Rows:
    """The present member (N,) with the best per-product F1 at 0.5, ties to the lower cross-entropy, then to the first.

    Where no member is present, it is member 0.
    """
    best, step = np.zeros(len(outputs), np.int64), max(1, CELLS // max(outputs.scores[:1].size, 1))
    for start in range(0, len(outputs), step):
        some = slice(start, start + step)
        best[some] = _best(outputs.scores[some], outputs.present[some], targets[some])
    return best


def _best(scores: Floats, present: Bools, targets: Floats) -> Rows:
    truth, given = targets[:, None] > 0, scores >= 0.5
    f1 = 2 * (truth & given).sum(axis=2) / np.maximum(given.sum(axis=2) + truth.sum(axis=2), 1)
    loss = -np.log(np.maximum(np.where(truth, scores, 1 - scores), 1e-7)).sum(axis=2)
    f1 = np.where(present, f1, -1)
    tied = f1 == f1.max(axis=1, keepdims=True)
    return np.asarray(np.where(tied, loss, np.inf).argmin(axis=1))


def _shares(chosen: Rows, members: int) -> list[float]:
    return [float(share) for share in np.bincount(chosen, minlength=members) / max(len(chosen), 1)]
