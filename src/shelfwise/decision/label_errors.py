"""Which labels of a catalogue are probably wrong, and which are probably missing.

Two things are evidence for or against a label of a product: its score, given by a model that had not seen the
product, and the product's other labels. Both are weighed by one logistic regression a label, a dependency
network over labels (Besag's pseudo-likelihood, 1975; Heckerman et al. 2000). What it expects is then set
against the chance of a slip, by Bayes' rule:

* a given label that is not expected is wrong rather than right, if slips give this label more often than such
  products have it;
* a missing label that is expected was forgotten rather than absent, if that happens more often than such
  products lack it.

A product in a wholly wrong category has labels that agree with one another. So a second regression, of the
scores alone, counts too.

A label that the model hardly knows, or that products of one kind may have or lack, thus raises little
suspicion. This is what class-dependent thresholds are for in confident learning (Northcutt et al. 2021), here
label by label and without a threshold.

Dimensions: N products, L labels, C cells of (N, L) that are judged, W ordered pairs of labels that occur
together.
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

WRONG_RATE = 0.035
"""How often a product was given a label that is not its own.

It is for weighing only: the order hardly depends on it.
"""

FORGOTTEN_RATE = 0.003
"""How often one of a product's labels was left out: likewise."""

MIN_SCORE = 0.01
"""Lower scores count as this; a label that is neither given nor scored so high is not judged."""

MAX_SCORE = 1 - MIN_SCORE / 100
"""Higher scores count as this."""

ALONE_WEIGHT = 0.3
"""How much the scores alone count beside the scores together with the other labels."""

PENALTY = 1.0
"""On the squared weights; it draws each label towards what holds for all."""

PAIR_SCALE = 3.0
"""Inputs of pairs of labels are scaled up by this, which penalises their weights less, by its square."""

SHARED_SCALE = 10.0
"""Likewise the input that all labels share."""

TOLERANCE = 1e-5
"""How far the fit is driven."""

FOLDS = 5

MIN_FURTHER_ERROR = 0.05
"""Where one label was changed, the error probability from which on another one is changed too."""

MAX_EDITS = 8
"""Changes that one product gets at most."""


@dataclass(frozen=True)
class ScoredCells:
    """The C cells of (N, L) that are judged: given, or scored at least :data:`MIN_SCORE`.

    Args:
        rows, columns: (C,) product and label, row by row.
        logits: (C,) of the scores.
        other: the cell (0..C-1) and the pair k * L + j, for every cell (i, j) and every other label k that i
            was given.
    """

    rows: Rows
    columns: Rows
    logits: Float64Array
    other: tuple[Rows, Rows]

    @classmethod
    def of(cls, scores: Floats, given: Bools, judged: Bools) -> ScoredCells:
        """The cells of scores and labels (N, L) at which `judged` (N, L) is true."""
        n_labels = given.shape[1]
        rows, columns = np.nonzero(judged)
        logits = clipped_logit(scores[rows, columns].astype(np.float64), MIN_SCORE, MAX_SCORE)
        labels = csr_array(given)
        # each cell once for every label of its product
        counts = np.diff(labels.indptr)[rows]
        cells = np.repeat(np.arange(len(rows)), counts)
        first_of_cell = np.cumsum(counts) - counts
        within = np.arange(len(cells)) - np.repeat(first_of_cell, counts)
        others = labels.indices[labels.indptr[rows][cells] + within].astype(np.int64)
        # a label is no evidence for itself
        different = others != columns[cells]
        pairs = others * n_labels + columns[cells]
        return cls(rows, columns, logits, (cells[different], pairs[different]))


@dataclass(frozen=True)
class LabelModel:
    """What a product's labels should be, judged by its scores and its other labels.

    Args:
        intercepts, slopes: (L,) of the logits of the scores.
        pairs: (W,) rising; k * L + j for the evidence that label k is for label j.
        weights: (W,) how much; pairs that are not there are no evidence.
        shares: (L,) of each label among all labels given.
    """

    intercepts: Float64Array
    slopes: Float64Array
    pairs: Rows
    weights: Float64Array
    shares: Float64Array

    @classmethod
    def fit(cls, scores: Floats, given: Bools, with_other_labels: bool = True) -> LabelModel:
        """Learn from scores (N, L) of models that had not seen the product, and the labels it was given.

        Most of these must be right. Cells are chosen by their scores alone: chosen by their labels too, low
        scores would seem to go with labels.

        Args:
            with_other_labels: whether a product's other labels count; otherwise its scores alone do.
        """
        n_labels = given.shape[1]
        cells = ScoredCells.of(scores, given, scores >= MIN_SCORE)
        counts = given.sum(axis=0)
        shares = counts / max(counts.sum(), 1)
        nothing = np.zeros(0, np.int64)
        if not len(cells.rows):
            return cls(np.zeros(n_labels), np.ones(n_labels), nothing, np.zeros(0), shares)
        which, pair_of = cells.other if with_other_labels else (nothing, nothing)
        pairs, places = np.unique(pair_of, return_inverse=True)
        inputs = _inputs(cells, n_labels, which, places, len(pairs))
        truth = given[cells.rows, cells.columns][:, None].astype(np.float32)
        fitted = fit_logistic(inputs, truth, cost=1 / PENALTY, tolerance=TOLERANCE)
        # in the order of the inputs
        weights = np.split(fitted.weights.toarray().ravel(), np.cumsum([n_labels, n_labels, 1]))
        intercepts, slopes, (shared_slope,), pair_weights = weights
        # what was scaled up as an input is scaled up as a weight
        return cls(
            intercepts=intercepts + fitted.bias,
            slopes=slopes + SHARED_SCALE * shared_slope,
            pairs=pairs,
            weights=PAIR_SCALE * pair_weights,
            shares=shares,
        )

    def error_probabilities(self, scores: Floats, given: Bools) -> csr_array:
        """(N, L) the probability that what is given, the label or its absence, is wrong.

        It is 0 where nothing is judged.
        """
        cells = ScoredCells.of(scores, given, given | (scores >= MIN_SCORE))
        columns = cells.columns
        expected = self.intercepts[columns] + self.slopes[columns] * cells.logits
        expected += self._evidence_of_other_labels(cells)
        present = given[cells.rows, columns]
        wrong = WRONG_RATE * np.maximum(self.shares[columns], 1e-6)
        slip = np.log(np.where(present, wrong, FORGOTTEN_RATE))
        # log odds: of the slip, plus those against what is given
        errors = expit(slip + np.where(present, -expected, expected))
        return csr_array((errors, (cells.rows, columns)), shape=given.shape)

    def _evidence_of_other_labels(self, cells: ScoredCells) -> Float64Array:
        """(C,) what the product's other labels add to each cell's logit."""
        which, pairs = cells.other
        if not len(self.pairs):
            return np.zeros(len(cells.rows))
        places = np.minimum(np.searchsorted(self.pairs, pairs), len(self.pairs) - 1)
        known = self.pairs[places] == pairs
        weights = self.weights[places[known]]
        return np.asarray(np.bincount(which[known], weights, len(cells.rows)), np.float64)


def _inputs(cells: ScoredCells, n_labels: int, which: Rows, places: Rows, n_pairs: int) -> csr_array:
    """The inputs (C, 2 L + 1 + W) of the regression.

    They are a constant and the logit of each label, the logit of whatever label, and the pairs.

    Args:
        which, places: the cell, and the place of the pair in 0 .. W - 1, of every other label that counts.
    """
    size = len(cells.rows)
    offsets = np.arange(size + 1)  # one a row
    constants = csr_array((np.ones(size), cells.columns, offsets), shape=(size, n_labels))
    logits = csr_array((cells.logits, cells.columns, offsets), shape=(size, n_labels))
    shared = SHARED_SCALE * cells.logits[:, None]
    pairs = csr_array((np.full(len(places), PAIR_SCALE), (which, places)), shape=(size, n_pairs))
    return csr_array(hstack([constants, logits, shared, pairs], format="csr", dtype=np.float32))


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
        judges = np.where((places >= 0) & (last > 0), self.folds[places], last)
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
        least = 0.0
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
    right = csr_array((-np.log1p(-capped), errors.indices, errors.indptr), shape=errors.shape)
    return np.asarray(right.sum(axis=1)).ravel()
