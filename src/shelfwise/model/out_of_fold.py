"""What a model would have said of the products it learnt from, had it not seen them: the honest scores it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from shelfwise.core.types import Floats, Rows, State

SMALLEST = 1e-3  # scores below this are kept as 0


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of the deciding system for products that were learnt from, each by models that had not seen it.

    Thresholds and acceptance limits are fitted on them, and an audit of the training catalogue reads them.

    Args:
        ids: the N products.
        scores: (N, L), sparse; what is below 0.001 is 0.
        targets: (N, L) of bool, sparse: the labels as they were learnt.
    """

    ids: tuple[str, ...]
    scores: sp.csr_matrix
    targets: sp.csr_matrix

    @classmethod
    def of(cls, ids: Sequence[str], scores: Floats, targets: Floats) -> OutOfFold:
        """Keep dense `scores` (N, L) of the products `ids`, with their `targets` (N, L)."""
        kept = np.where(scores >= SMALLEST, scores, np.float32(0))
        return cls(tuple(ids), sp.csr_matrix(kept), sp.csr_matrix(targets > 0))

    def __len__(self) -> int:
        return len(self.ids)

    def dense(self) -> tuple[Floats, Floats]:
        """Scores and targets, both (N, L) of float32."""
        return self.scores.toarray().astype(np.float32), self.targets.toarray().astype(np.float32)

    def rows(self, ids: Sequence[str]) -> Rows:
        """Where each of `ids` stands here; -1 for products that were not learnt from."""
        places = {name: row for row, name in enumerate(self.ids)}
        return np.array([places.get(name, -1) for name in ids], np.int64)

    def state(self) -> State:
        """Everything :meth:`from_state` needs; scores as 16-bit floats."""
        arrays = {
            "scores": self.scores.data.astype(np.float16),
            "score_columns": self.scores.indices.astype(np.int32),
            "score_rows": self.scores.indptr.astype(np.int64),
            "target_columns": self.targets.indices.astype(np.int32),
            "target_rows": self.targets.indptr.astype(np.int64),
        }
        return State(arrays, {"ids": list(self.ids), "labels": int(self.scores.shape[1])})

    @classmethod
    def from_state(cls, state: State) -> OutOfFold:
        """The scores that `state` was taken from."""
        a, shape = state.arrays, (len(state.facts["ids"]), state.facts["labels"])
        scores = sp.csr_matrix((a["scores"].astype(np.float32), a["score_columns"], a["score_rows"]), shape)
        ones = np.ones(len(a["target_columns"]), np.bool_)
        return cls(
            tuple(state.facts["ids"]),
            scores,
            sp.csr_matrix((ones, a["target_columns"], a["target_rows"]), shape),
        )
