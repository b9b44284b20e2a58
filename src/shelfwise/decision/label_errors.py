"""Which labels of a catalogue are probably wrong, and which are probably missing.

Each product is judged by models of what labels should be (:mod:`shelfwise.decision.label_model`) that were
fitted on other products. A product in a wholly wrong category has labels that agree with one another. So a
second model, of the scores alone, counts too.

Dimensions: N products, L labels, Q products that are judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from shelfwise.core.types import Bools, Float64Array, Floats, Rows
from shelfwise.decision.label_model import LabelModel

ALONE_WEIGHT = 0.3
"""How much the scores alone count beside the scores together with the other labels."""

FOLDS = 5

MIN_FURTHER_ERROR = 0.05
"""Where one label was changed, the error probability from which on another one is changed too."""

MAX_EDITS = 8
"""Changes that one product gets at most."""


@dataclass(frozen=True)
class LabelErrorDetector:
    """Label models that judge a product by the labels of other products.

    Args:
        parts: for each fold, models of the products of all other folds, with their other labels and without;
            last, models of all products.
        folds: (N,) of the products it was fitted on.
    """

    parts: Sequence[tuple[LabelModel, LabelModel]]
    folds: Rows

    @classmethod
    def fit(cls, scores: Floats, given: Bools) -> LabelErrorDetector:
        """Learn from N products: scores (N, L) by models that had not seen them, and their labels (N, L)."""
        count = len(given)
        folds = np.random.default_rng(0).permutation(count) % FOLDS
        training = [folds != fold for fold in range(FOLDS)] if count >= FOLDS else []
        # last, for products that are not among these: on all of them
        training.append(np.ones(count, np.bool_))
        parts = []
        for rows in training:
            together = LabelModel.fit(scores[rows], given[rows])
            alone = LabelModel.fit(scores[rows], given[rows], with_other_labels=False)
            parts.append((together, alone))
        return cls(parts, folds)

    def error_probabilities(self, scores: Floats, given: Bools, places: Rows) -> csr_array:
        """(Q, L) the probability that what is given is wrong, by both models together.

        Args:
            places: (Q,) where each product stood when this was fitted, -1 for new ones.
        """
        # a product is judged by models that were not fitted on it; new ones by the last, of all products
        last = len(self.parts) - 1
        has_fold = (places >= 0) & (last > 0)
        judges = np.where(has_fold, self.folds[places], last)
        values: list[Any] = [np.zeros(0)]
        rows: list[Any] = [np.zeros(0, np.int64)]
        columns: list[Any] = [np.zeros(0, np.int64)]
        for judge in np.unique(judges).tolist():
            judged = np.flatnonzero(judges == judge)
            together, alone = self.parts[judge]
            by_both = together.error_probabilities(scores[judged], given[judged]).tocoo()
            by_scores = alone.error_probabilities(scores[judged], given[judged]).tocoo()
            # both judge the same cells, so their values are in the same order
            right = (1 - by_both.data) * (1 - by_scores.data) ** ALONE_WEIGHT
            values.append(1 - right)
            rows.append(judged[by_both.row])
            columns.append(by_both.col)
        places_of_cells = (np.concatenate(rows), np.concatenate(columns))
        return csr_array((np.concatenate(values), places_of_cells), shape=given.shape)

    def suggested_labels(self, scores: Floats, given: Bools, places: Rows) -> Bools:
        """The labels (Q, L) that each product should have, if it has mistakes.

        Its most doubtful label is changed; then, one after the other, those that are still doubtful, because
        a label put right may clear its neighbours.
        """
        suggested = given.copy()
        changed = np.zeros_like(given)
        rows = np.arange(len(given))
        least = 0.0  # the first change is made however small the doubt
        for _ in range(MAX_EDITS):
            errors = self.error_probabilities(scores[rows], suggested[rows], places[rows]).toarray()
            # no label is changed to and fro
            errors[changed[rows]] = 0
            worst = errors.argmax(axis=1)
            doubtful = errors[np.arange(len(rows)), worst] > least
            rows = rows[doubtful]
            worst = worst[doubtful]
            least = MIN_FURTHER_ERROR
            suggested[rows, worst] ^= True
            changed[rows, worst] = True
            if not len(rows):
                break
        return suggested


def suspicion(errors: csr_array) -> Float64Array:
    """(N,) how strongly each product is suspected: ``-log`` of the probability that all it is given is right.

    Products are ranked by it; ``1 - exp(-suspicion)`` is the probability of at least one mistake.

    Args:
        errors: (N, L) as :meth:`LabelErrorDetector.error_probabilities` gives them.

    >>> np.round(1 - np.exp(-suspicion(csr_array([[0.5, 0.5], [0.0, 0.9]]))), 3).tolist()
    [0.75, 0.9]
    """
    # below 1, so that one certain mistake does not make the sum infinite
    capped = np.minimum(errors.data, 1 - 1e-15)
    # cells are taken for independent: what is not judged is right
    log_right = csr_array((-np.log1p(-capped), errors.indices, errors.indptr), shape=errors.shape)
    return np.asarray(log_right.sum(axis=1)).ravel()
