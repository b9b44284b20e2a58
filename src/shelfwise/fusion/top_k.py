"""The top-3 policies: a small network that reads only the highest scores of every member.

Dimensions: N products, or B of a batch; M members; L labels; K scores that are read of each member.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.core.types import Bools, Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.nn.fusion.fusion_networks import MASKED_LOGIT, NetworkPolicy, Shape
from shelfwise.nn.initialization import init_network_like_keras
from shelfwise.nn.training_loop import Batches, LoopSettings

CELLS_PER_BLOCK = 1 << 18
"""Scores that are sorted or compared at a time: what stays in a core's cache."""

MIN_PROBABILITY = 1e-7
"""In a cross-entropy: the logarithm of 0 would be infinite."""


class TopKSettings(PluginSettings):
    """The defaults are Zahavy's hard selection; he gives no widths."""

    mode: Literal["select_hard", "select_soft", "sparse"] = Field(
        "select_hard",
        description="select_hard: use the scores of one member; select_soft: weigh all members; sparse: "
        "predict the labels from the highest scores at their labels' places",
    )
    top: PositiveInt = Field(
        3, description="how many scores are read of every member, the highest ones"
    )
    hidden: PositiveInt | None = Field(
        None, description="units of the hidden layer; unset: 32 to select a member, 512 for sparse"
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=100, loss="bce", patience=10),
        description="how the network is trained; its loss counts for sparse alone, a selection is trained by "
        "softmax_ce",
    )


class TopK(NetworkPolicy):
    """Zahavy's policy network (Zahavy et al. 2016), over the `top` largest probabilities of every member.

    ``select``: from these alone, sorted, it learns which member has the best F1 of a product at 0.5 (ties:
        the lower
    cross-entropy). It gives that member's scores, or all members' scores weighed by its softmax. ``sparse``
    is the reading for many labels: the highest scores stay at their labels' places, all others are 0.
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
        if self.settings.mode == "sparse":
            return training
        return training.model_copy(update={"loss": "softmax_ce"})

    def network(self, shape: Shape) -> nn.Module:
        """A new network for `shape`."""
        sparse = self.settings.mode == "sparse"
        # sparse reads a place for every label, a selection only the sorted scores
        inputs = shape.members * (shape.labels if sparse else min(self.settings.top, shape.labels))
        hidden = self.settings.hidden or (512 if sparse else 32)
        outputs = shape.labels if sparse else shape.members
        layers = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
        return init_network_like_keras(layers if sparse else MemberChoice(layers))

    def batches(self, outputs: MemberOutputs) -> Batches:
        """The largest scores, sorted and with presence, or at their places."""
        places, largest = highest(outputs.scores, self.settings.top)
        # absent members give 0, whatever their scores hold
        largest = np.where(outputs.present[:, :, None], largest, np.float32(0))
        if self.settings.mode == "sparse":
            return _SparseBatches(places, largest, outputs.scores.shape[2])
        return _SortedBatches(largest, outputs.present)

    def network_targets(self, outputs: MemberOutputs, targets: Floats) -> Floats:
        """The targets (N, L), or the member to choose (N, M)."""
        if self.settings.mode == "sparse":
            return targets
        members = outputs.present.shape[1]
        one_hot = np.eye(members, dtype=np.float32)
        return one_hot[best_member(outputs, targets)]

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Train the network, and note what the best choice of members could reach."""
        super().fit(outputs, targets, validation, context)
        rows = np.flatnonzero(outputs.present.any(axis=1))
        known = outputs.take(rows)
        known_targets = targets[rows]
        members = outputs.present.shape[1]
        best = best_member(known, known_targets)
        best_scores = known.scores[np.arange(len(known)), best]
        # what a perfect choice of members would reach, to compare the trained choice with
        self.selection_ = {
            "oracle_micro_f1": micro_f1(known_targets, best_scores >= 0.5),
            "oracle_share": _shares(best, members),
        }
        if self.settings.mode != "sparse":
            chosen = self.logits(known, members).argmax(axis=1)
            self.selection_["chosen_share"] = _shares(chosen, members)
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
            chosen = outputs.scores[np.arange(len(outputs)), logits.argmax(axis=1)]
            return outputs.zero_where_absent(chosen)
        # softmax, the largest logit taken off so that no exponential overflows
        trust = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = trust / trust.sum(axis=1, keepdims=True)
        mixed = np.einsum("nm,nml->nl", shares, outputs.fill_absent(0))
        # a sum of shares may be a last digit above 1
        return outputs.zero_where_absent(mixed.clip(0, 1))

    def state(self) -> State:
        """The network, and what is known of the selection."""
        state = super().state()
        return State(state.arrays, {**state.facts, "selection": self.selection_})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.selection_ = dict(state.facts["selection"])
        return super().restore(state)

    def facts(self) -> dict[str, Any]:
        """Of the training products, in member order where there is one number a member.

        oracle_micro_f1: micro-F1 at 0.5 if every product got the scores of its best member, the upper bound
        of selection; oracle_share and chosen_share: the part of the products whose best, or chosen, member is
        this one.
        """
        return super().facts() | self.selection_


class MemberChoice(nn.Module):
    """Top scores (B, M, K) and presence (B, M) to logits (B, M); absent members cannot be chosen."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, top: Tensor, present: Tensor) -> Tensor:
        """Logits (B, M)."""
        logits: Tensor = self.layers(top.flatten(1))
        return logits.masked_fill(~present, MASKED_LOGIT)


class _SortedBatches:
    """The largest scores (N, M, K) and presence (N, M), for the training loop."""

    def __init__(self, largest: Floats, present: Bools) -> None:
        self._largest = torch.from_numpy(largest)
        self._present = torch.from_numpy(present)

    def __len__(self) -> int:
        return len(self._largest)

    def batch(self, rows: Rows) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(rows)
        return self._largest[chosen], self._present[chosen]


class _SparseBatches:
    """The largest scores (N, M, K) at their `places` among L labels, 0 elsewhere.

    They are spread batch by batch, since L may be in the thousands.
    """

    def __init__(self, places: Rows, largest: Floats, labels: int) -> None:
        self._places = torch.from_numpy(places)
        self._largest = torch.from_numpy(largest)
        self._labels = labels

    def __len__(self) -> int:
        return len(self._places)

    def batch(self, rows: Rows) -> tuple[Tensor]:
        chosen = torch.from_numpy(rows)
        spread = torch.zeros(len(rows), self._places.shape[1], self._labels)
        spread.scatter_(2, self._places[chosen], self._largest[chosen])
        return (spread.flatten(1),)


def highest(scores: Floats, top: int) -> tuple[Rows, Floats]:
    """Places and values of the largest scores of each member, falling; of equal ones the first labels.

    Args:
        scores: (N, M, L) in [0, 1].

    Returns:
        Both (N, M, min(top, L)).

    >>> places, values = highest(np.array([[[0.25, 0.75, 0.25, 0.5]]], np.float32), 3)
    >>> places.tolist(), values.tolist()
    ([[[1, 3, 0]]], [[[0.75, 0.5, 0.25]]])
    """
    count, members, labels = scores.shape
    kept = min(top, labels)
    rows_per_block = max(1, CELLS_PER_BLOCK // max(members * labels, 1))
    places = np.empty((count, members, kept), np.int64)
    for start in range(0, count, rows_per_block):
        block = slice(start, start + rows_per_block)
        # score and place in one number, so that one sort orders both. The bits of floats from 0 on are in the
        # order of the floats; adding 0 turns -0 into 0. Inverted, the lowest numbers are the highest scores,
        # equal ones in label order.
        bits = (np.asarray(scores[block], np.float32) + np.float32(0)).view(np.uint32)
        label_places = np.arange(labels, dtype=np.uint64)
        keys = (~bits).astype(np.uint64) << np.uint64(32) | label_places
        # only the highest are sorted
        lowest = np.partition(keys, kept - 1, axis=2)[:, :, :kept]
        lowest = np.sort(lowest, axis=2)
        places[block] = lowest & np.uint64(0xFFFFFFFF)
    return places, np.take_along_axis(scores, places, axis=2)


def best_member(outputs: MemberOutputs, targets: Floats) -> Rows:
    """The present member (N,) with the best F1 of each product at 0.5.

    Ties go to the lower cross-entropy, then to the first member. Where no member is present, it is member 0.
    """
    best = np.zeros(len(outputs), np.int64)
    rows_per_block = max(1, CELLS_PER_BLOCK // max(outputs.scores[:1].size, 1))
    for start in range(0, len(outputs), rows_per_block):
        block = slice(start, start + rows_per_block)
        best[block] = _best_in_block(outputs.scores[block], outputs.present[block], targets[block])
    return best


def _best_in_block(scores: Floats, present: Bools, targets: Floats) -> Rows:
    """:func:`best_member` of a few products."""
    # (B, M, L): the truth is the same for every member
    truth = targets[:, None] > 0
    predicted = scores >= 0.5
    hits = (truth & predicted).sum(axis=2)
    # a product without a true or a predicted label has F1 0
    total = np.maximum(predicted.sum(axis=2) + truth.sum(axis=2), 1)
    f1 = np.where(present, 2 * hits / total, -1)
    likelihood = np.maximum(np.where(truth, scores, 1 - scores), MIN_PROBABILITY)
    loss = -np.log(likelihood).sum(axis=2)
    # among the members with the best F1 the loss decides; argmin takes the first of equal ones
    tied = f1 == f1.max(axis=1, keepdims=True)
    return np.asarray(np.where(tied, loss, np.inf).argmin(axis=1))


def _shares(chosen: Rows, members: int) -> list[float]:
    """The part of the products for which each of the M members is `chosen` (N,)."""
    counts = np.bincount(chosen, minlength=members)
    return [float(share) for share in counts / max(len(chosen), 1)]
