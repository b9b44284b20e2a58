"""Out-of-fold scores: what a model would predict for its training products, had it not seen them.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from shelfwise.core.types import Floats, Matrix, Rows, State

MIN_SCORE = 1e-3
"""Scores below this are kept as 0: most are, and the matrix stays sparse."""


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of the final system for training products, each by models that had not seen it.

    Thresholds and acceptance limits are fitted on them, and an audit of the training catalogue reads them.

    Args:
        ids: the N products.
        scores: (N, L), sparse; what is below 0.001 is 0.
        targets: (N, L) of bool, sparse: the labels of the training.
    """

    ids: tuple[str, ...]
    scores: sp.csr_matrix
    targets: sp.csr_matrix

    @classmethod
    def of(cls, ids: Sequence[str], scores: Matrix, targets: Matrix) -> OutOfFold:
        """Keep `scores` (N, L) of the products `ids`, with their `targets` (N, L), dense or sparse."""
        # what is as good as impossible is stored as nothing at all
        if sp.issparse(scores):
            kept = sp.csr_matrix(scores.multiply(scores >= MIN_SCORE))
        else:
            kept = sp.csr_matrix(np.where(scores >= MIN_SCORE, scores, np.float32(0)))
        return cls(tuple(ids), kept, sp.csr_matrix(targets > 0))

    def __len__(self) -> int:
        return len(self.ids)

    def dense(self) -> tuple[Floats, Floats]:
        """Scores and targets, both (N, L) of float32."""
        scores = self.scores.toarray().astype(np.float32)
        targets = self.targets.toarray().astype(np.float32)
        return scores, targets

    def rows(self, ids: Sequence[str]) -> Rows:
        """(N,) the row of each of N `ids` here; -1 for products that were not trained on."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        return np.array([row_of.get(name, -1) for name in ids], np.int64)

    def state(self) -> State:
        """Everything :meth:`from_state` needs; scores as 16-bit floats."""
        # three digits are enough for what was cut off at a thousandth
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
        arrays = state.arrays
        ids = tuple(state.facts["ids"])
        shape = (len(ids), state.facts["labels"])
        values = arrays["scores"].astype(np.float32)
        scores = sp.csr_matrix((values, arrays["score_columns"], arrays["score_rows"]), shape)
        # of the targets only the places are kept: every value is True
        ones = np.ones(len(arrays["target_columns"]), np.bool_)
        targets = sp.csr_matrix((ones, arrays["target_columns"], arrays["target_rows"]), shape)
        return cls(ids, scores, targets)
