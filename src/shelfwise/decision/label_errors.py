"""Which labels of a catalogue are probably wrong, and which are probably missing.

Two things speak for or against a label of a product: its score, given by a model that had not seen the product, and the
product's other labels. Both are weighed by one logistic regression a label, a dependency network over labels (Besag's
pseudo-likelihood, 1975; Heckerman et al. 2000). What it expects is then set against the chance of a slip, by Bayes' rule:

* a given label that is not expected is wrong rather than right, if slips give this label more often than such products have it;
* a missing label that is expected was forgotten rather than absent, if that happens more often than such products lack it.

A product on a wholly wrong shelf has labels that agree with one another; so a second regression, of the scores alone, has a say too.

So a label that the model hardly knows, or that products of one kind have or lack as it pleases, raises little suspicion: this
is what class-dependent thresholds are for in confident learning (Northcutt et al. 2021), label by label and without a cut.

Dimensions: N products, L labels, C cells of (N, L) that are judged, W ordered pairs of labels that occur together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack
from scipy.special import expit

from shelfwise.core.logit import clipped_logit
from shelfwise.core.types import Bools, Float64Array, Floats, Rows
from shelfwise.nn.logistic_regression import fit_logistic

WRONG, FORGOTTEN = 0.035, 0.003
"""How often a product was given a label that is not its own, and how often one of its labels was left out: for weighing only,
the order hardly depends on them."""

LEAST = 0.01
"""Lower scores count as this; a label that is neither given nor scored so high is not judged."""

ALONE = 0.3
"""How much the scores alone count beside the scores together with the other labels."""

PULL, BESIDE, COMMON, TOLERANCE = 1.0, 3.0, 10.0, 1e-5
"""How strongly each label is drawn towards what holds for all; how much less so, as a root, each pair of labels is drawn
towards saying nothing, and what holds for all towards 0; and how far the fit is driven."""

FOLDS = 5
FURTHER, MOST_EDITS = 0.05, 8
"""Where one label is wrong, how doubtful another must be to be changed too; and how many changes one product gets at most."""


@dataclass(frozen=True)
class ScoredCells:
    """The C cells of (N, L) that are judged: given, or scored at least :data:`LEAST`.

    Args:
        rows, columns: (C,) product and label, row by row.
        logits: (C,) of the scores.
        other: the cell (0..C-1) and the pair k * L + j, for every cell (i, j) and every other label k that i was given.
    """

    rows: Rows
    columns: Rows
    logits: Float64Array
    other: tuple[Rows, Rows]

    @classmethod
    def of(cls, scores: Floats, given: Bools, judged: Bools) -> ScoredCells:
        """The cells of scores and labels (N, L) at which `judged` (N, L) is true."""
        rows, columns = np.nonzero(judged)
        logits = clipped_logit(scores[rows, columns].astype(np.float64), LEAST, 1 - LEAST / 100)
        labels = csr_array(given)
        counts = np.diff(labels.indptr)[rows]
        cells = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
        others = labels.indices[labels.indptr[rows][cells] + within].astype(np.int64)
        different = others != columns[cells]
        return cls(
            rows, columns, logits, (cells[different], (others * given.shape[1] + columns[cells])[different])
        )


@dataclass(frozen=True)
class LabelModel:
    """What a product's labels should be, judged by its scores and its other labels.

    Args:
        intercepts, slopes: (L,) of the logits of the scores.
        pairs: (W,) rising; k * L + j for what having label k says about label j.
        weights: (W,) what it says; pairs that are not there say nothing.
        shares: (L,) of each label among all labels given.
    """

    intercepts: Float64Array
    slopes: Float64Array
    pairs: Rows
    weights: Float64Array
    shares: Float64Array

    @classmethod
    def fit(cls, scores: Floats, given: Bools, others: bool = True) -> LabelModel:
        """Learn from scores (N, L) of models that had not seen the product, and the labels it was given, mostly right.

        Cells are chosen by their scores alone: chosen by their labels too, low scores would seem to go with labels.

        Args:
            others: whether a product's other labels speak; otherwise its scores alone do.
        """
        cells, labels = ScoredCells.of(scores, given, scores >= LEAST), given.shape[1]
        counts = given.sum(axis=0)
        shares = counts / max(counts.sum(), 1)
        nothing = np.zeros(0, np.int64)
        if not len(cells.rows):
            return cls(np.zeros(labels), np.ones(labels), nothing, np.zeros(0), shares)
        size = len(cells.rows)
        own = [
            csr_array((part, cells.columns, np.arange(size + 1)), shape=(size, labels))
            for part in (np.ones(size), cells.logits)
        ]
        which, said = cells.other if others else (nothing, nothing)
        pairs, places = np.unique(said, return_inverse=True)
        beside = csr_array((np.full(len(places), BESIDE), (which, places)), shape=(size, len(pairs)))
        inputs = csr_array(
            hstack([*own, COMMON * cells.logits[:, None], beside], format="csr", dtype=np.float32)
        )
        truth = given[cells.rows, cells.columns][:, None].astype(np.float32)
        found = fit_logistic(inputs, truth, cost=1 / PULL, tolerance=TOLERANCE)
        intercepts, slopes, (slope,), weights = np.split(
            found.weights.toarray().ravel(), np.cumsum([labels, labels, 1])
        )
        return cls(intercepts + found.bias, slopes + COMMON * slope, pairs, BESIDE * weights, shares)

    def error_probabilities(self, scores: Floats, given: Bools) -> csr_array:
        """(N, L) the probability that what is given, the label or its absence, is wrong; 0 where nothing is judged."""
        cells = ScoredCells.of(scores, given, given | (scores >= LEAST))
        values = self.intercepts[cells.columns] + self.slopes[cells.columns] * cells.logits
        which, pairs = cells.other
        places = np.minimum(np.searchsorted(self.pairs, pairs), max(len(self.pairs) - 1, 0))
        known = self.pairs[places] == pairs if len(self.pairs) else np.zeros(len(pairs), np.bool_)
        values += np.bincount(which[known], self.weights[places[known]], len(values))
        present = given[cells.rows, cells.columns]
        slip = np.log(np.where(present, WRONG * np.maximum(self.shares[cells.columns], 1e-6), FORGOTTEN))
        doubts = expit(
            slip + np.where(present, -values, values)
        )  # odds: of the slip, times those against what is given
        return csr_array((doubts, (cells.rows, cells.columns)), shape=given.shape)


@dataclass(frozen=True)
class LabelErrorDetector:
    """Expectations that judge a product by what the others taught.

    Args:
        parts: for each fold, what products of all other folds taught, with their other labels and without; last, what all taught.
        folds: (N,) of the products it was fitted on.
    """

    parts: Sequence[tuple[LabelModel, LabelModel]]
    folds: Rows

    @classmethod
    def fit(cls, scores: Floats, given: Bools) -> LabelErrorDetector:
        """Learn from N products: scores (N, L) by models that had not seen them, and their labels (N, L)."""
        folds = np.random.default_rng(0).permutation(len(given)) % FOLDS
        learnt = [
            *(folds != fold for fold in range(FOLDS if len(given) >= FOLDS else 0)),
            np.ones(len(given), np.bool_),
        ]
        parts = [
            (LabelModel.fit(scores[rows], given[rows]), LabelModel.fit(scores[rows], given[rows], False))
            for rows in learnt
        ]
        return cls(parts, folds)

    def error_probabilities(self, scores: Floats, given: Bools, places: Rows) -> csr_array:
        """(Q, L) how probably what is given is wrong, by :meth:`LabelModel.error_probabilities` with the other labels and without.

        Args:
            places: (Q,) where each product stood when this was fitted, -1 for new ones.
        """
        judges = np.where((places >= 0) & (len(self.parts) > 1), self.folds[places], len(self.parts) - 1)
        whole: list[tuple[Any, Any, Any]] = [(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))]
        for judge in np.unique(judges).tolist():
            rows = np.flatnonzero(judges == judge)
            together, alone = (
                part.error_probabilities(scores[rows], given[rows]).tocoo() for part in self.parts[judge]
            )
            right = (1 - together.data) * (1 - alone.data) ** ALONE
            whole.append((1 - right, rows[together.row], together.col))
        values, rows, columns = (np.concatenate(parts) for parts in zip(*whole, strict=True))
        return csr_array((values, (rows, columns)), shape=given.shape)

    def suggested_labels(self, scores: Floats, given: Bools, places: Rows) -> Bools:
        """The labels (Q, L) that each product should have, if it has mistakes: its most doubtful label is changed, then, one
        after the other, because a label put right may clear its neighbours, those that are still doubtful.
        """
        revised, settled = given.copy(), np.zeros_like(given)
        rows, least = np.arange(len(given)), 0.0
        for _ in range(MOST_EDITS):
            doubts = self.error_probabilities(scores[rows], revised[rows], places[rows]).toarray()
            doubts[settled[rows]] = 0
            worst = doubts.argmax(axis=1)
            wanted = doubts[np.arange(len(rows)), worst] > least
            rows, worst, least = rows[wanted], worst[wanted], FURTHER
            revised[rows, worst] ^= True
            settled[rows, worst] = True
            if not len(rows):
                break
        return revised


def suspicion(doubts: csr_array) -> Float64Array:
    """(N,) how strongly each product is suspected: ``-log`` of the probability that all it is given is right.

    Products are ranked by it; ``1 - exp(-evidence)`` is the probability of at least one mistake.

    >>> np.round(1 - np.exp(-suspicion(csr_array([[0.5, 0.5], [0.0, 0.9]]))), 3).tolist()
    [0.75, 0.9]
    """
    right = csr_array(
        (-np.log1p(-np.minimum(doubts.data, 1 - 1e-15)), doubts.indices, doubts.indptr), shape=doubts.shape
    )
    return np.asarray(right.sum(axis=1)).ravel()
