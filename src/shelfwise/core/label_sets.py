"""The sets of labels that training products have: what is likely to be right together.

Labels of a catalogue are seldom independent. Of the departments of a shop a product has one, and a kind of
trousers is in none of the departments without trousers. A classifier a label knows nothing of that. Known as
label powerset (Tsoumakas and Katakis 2007) where a set is predicted as one class.

Dimensions: N products, L labels, S sets of labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import logit, softmax

from shelfwise.core.logit import clipped_logit
from shelfwise.core.sparse_scores import row_slices
from shelfwise.core.types import Bools, Floats, Rows, State

EPSILON = 1e-5
"""Probabilities nearer to 0 or 1 count as this near, before and after sets are compared."""

HIGHEST_LOGIT = float(logit(1 - EPSILON))
"""What a logit is cut off at, above and below."""

MIN_WEIGHT = 0.05
"""Sets that count less are not kept: nearly every product has a set of its own."""

MAX_SETS = 8192
"""Sets that are compared for a product. Of more, none are: leaving some out would forbid what they allow."""

CELLS_PER_BLOCK = 1 << 22
"""Products times sets that are compared together: 32 MiB."""

TOLERANCE = 0.007
"""Micro-F1 that known sets may cost: what chance makes of it. Where they mislead they cost far more."""

MAX_CELLS = 1 << 24
"""Products times sets, or labels, that are looked at to find out what known sets cost."""


@dataclass(frozen=True)
class LabelSets:
    """The sets of labels that training products have, and what they count beside the labels alone.

    A set is as likely as the labels in it are together, were they independent: its logit is the sum of their
    logits. All sets share the probability of 1, and a label's probability among them is that of all sets that
    it is in.

    Args:
        members: (S, L), sparse; 1 where a label is in a set.
        weight: from 0 to 1, the share of a label's logit among the sets in its final logit.
    """

    members: sp.csr_array
    weight: float

    @classmethod
    def none(cls, n_labels: int) -> Self:
        """No sets: each of L labels is judged alone."""
        return cls(sp.csr_array((0, n_labels), dtype=np.float32), 0.0)

    @classmethod
    def known(cls, targets: Floats, share: float) -> Self:
        """The sets of training products and the empty set, each once; none where they tell nothing.

        How many products have a set that no training product has is estimated by how many training products
        have one that no other has (Good 1953). Only the remaining part of `share` counts.

        Args:
            targets: (N, L), above 0 where a product has a label.
            share: from 0 to 1, the weight if every product had a known set.
        """
        n_labels = targets.shape[1]
        bits, _, counts = _distinct_sets(targets)
        shared = int(counts[counts > 1].sum())
        weight = share * shared / max(1, len(targets))
        if weight < MIN_WEIGHT or len(bits) > MAX_SETS:
            return cls.none(n_labels)
        # a product may have no label at all, also where no training product has none: what is in no known
        # category must not be given the likeliest of them
        nothing = np.zeros((1, bits.shape[1]), np.uint8)
        members = np.unpackbits(np.unique([*nothing, *bits], axis=0), axis=1, count=n_labels)
        return cls(sp.csr_array(members.astype(np.float32)), weight)

    def where_useful(
        self, targets: Floats, rows: Rows, judged_alone: Callable[[Rows], Floats]
    ) -> LabelSets:
        """These sets, or none where micro-F1 is lower with them by more than :data:`TOLERANCE`.

        Where labels are combined freely, most combinations are still to come, and known ones mislead. A
        training product whose set no other has is judged as if that set were unknown, as it would be if the
        product were new.

        Args:
            targets: (N, L), those that the sets are of.
            rows: the training products to find it out by.
            judged_alone: the logits (R, L) that labels of some of these (R,) have on their own.
        """
        if not self.weight or not len(rows):
            return self
        most = max(1, MAX_CELLS // max(self.members.shape))
        rows = rows[:: 1 + (len(rows) - 1) // most]
        logits = judged_alone(rows)
        true = targets[rows] > 0
        joined = self.joined(logits, self._sets_of_one(targets)[rows])
        cost = _highest_micro_f1(true, logits) - _highest_micro_f1(true, joined)
        return self if cost <= TOLERANCE else self.none(targets.shape[1])

    def joined(self, logits: Floats, unknown: Rows | None = None) -> Floats:
        """Final logits (N, L) of labels that have `logits` (N, L) when judged alone.

        Args:
            unknown: (N,) the set that each product is judged without; -1: all count.
        """
        if not self.weight:
            return logits
        clipped = np.clip(logits, -HIGHEST_LOGIT, HIGHEST_LOGIT)
        final = np.empty_like(clipped, np.float32)
        for rows in row_slices(len(logits), self.members.shape[0], CELLS_PER_BLOCK):
            # twice the digits, or what is left of 1 would be known too coarsely
            logits_of_sets = (clipped[rows] @ self.members.T).astype(np.float64)
            if unknown is not None:
                places = np.flatnonzero(unknown[rows] >= 0)
                logits_of_sets[places, unknown[rows][places]] = -np.inf
            of_sets = softmax(logits_of_sets, axis=1)
            among_sets = clipped_logit(of_sets @ self.members, EPSILON, 1 - EPSILON)
            final[rows] = (1 - self.weight) * clipped[rows] + self.weight * among_sets
        return final

    def _sets_of_one(self, targets: Floats) -> Rows:
        """(N,) the place of each product's set where no other product has it, else -1."""
        bits, places, counts = _distinct_sets(targets)
        # the empty set comes first, also where no product has it
        shift = self.members.shape[0] - len(bits)
        return np.where(counts[places] == 1, places + shift, -1)

    def state(self) -> State:
        """The labels of all sets one after another, where each set ends, and the weight."""
        arrays = {
            "set_labels": self.members.indices.astype(np.int32),
            "set_ends": self.members.indptr[1:].astype(np.int64),
            "set_weight": np.array([self.weight]),
        }
        return State(arrays)

    @classmethod
    def from_state(cls, state: State, n_labels: int) -> Self:
        """The sets that `state` was taken from; none where it has none."""
        if "set_weight" not in state.arrays:
            return cls.none(n_labels)
        labels = state.arrays["set_labels"]
        starts = np.concatenate([[0], state.arrays["set_ends"]])
        ones = np.ones(len(labels), np.float32)
        members = sp.csr_array((ones, labels, starts), shape=(len(starts) - 1, n_labels))
        return cls(members, float(state.arrays["set_weight"][0]))


def _distinct_sets(targets: Floats) -> tuple[NDArray[np.uint8], Rows, Rows]:
    """The sets in order, eight labels a byte; the place of each product's (N,); how many have each."""
    # bytes are quicker to sort than labels
    bits, places, counts = np.unique(
        np.packbits(targets > 0, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return bits, places.ravel(), counts


def _highest_micro_f1(true: Bools, logits: Floats) -> float:
    """The micro-F1 of the best single threshold of `logits` (N, L)."""
    hits = np.cumsum(true.ravel()[np.argsort(-logits, axis=None, kind="stable")])
    given = np.arange(1, len(hits) + 1)
    return float((2 * hits / (given + hits[-1])).max())
