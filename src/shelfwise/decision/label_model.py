"""What the labels of a product should be, judged by its scores and its other labels.

Two things are evidence for or against a label of a product: its score, given by a model that had not seen the
product, and the product's other labels. Both are weighed by one logistic regression a label, a dependency
network over labels (Besag's pseudo-likelihood, 1975; Heckerman et al. 2000). What it expects is then set
against the chance of a slip, by Bayes' rule:

* a given label that is not expected is wrong rather than right, if slips give this label more often than such
  products have it;
* a missing label that is expected was forgotten rather than absent, if that happens more often than such
  products lack it.

A label that the model hardly knows, or that products of one kind may have or lack, thus raises little
suspicion. This is what class-dependent thresholds are for in confident learning (Northcutt et al. 2021), here
label by label and without a threshold.

Dimensions: N products, L labels, C cells of (N, L) that are judged, W ordered pairs of labels that occur
together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, hstack
from scipy.special import expit

from shelfwise.core.logit import clipped_logit
from shelfwise.core.types import Bools, Float64Array, Floats, Rows
from shelfwise.nn.linear.one_vs_rest import LinearOptions, fit_one_vs_rest

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

PENALTY = 1.0
"""On the squared weights; it draws each label towards what holds for all."""

PAIR_SCALE = 3.0
"""Inputs of pairs of labels are scaled up by this, which penalises their weights less, by its square."""

SHARED_SCALE = 10.0
"""Likewise the input that all labels share."""

TOLERANCE = 1e-5
"""How far the fit is driven."""


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
        # the first, second, third ... of these labels, found in the sparse row of the product
        first_of_cell = np.cumsum(counts) - counts
        within = np.arange(len(cells)) - np.repeat(first_of_cell, counts)
        places = labels.indptr[rows][cells] + within
        others = labels.indices[places].astype(np.int64)
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
            # nothing to learn from: scores are taken as they are
            return cls(
                intercepts=np.zeros(n_labels),
                slopes=np.ones(n_labels),
                pairs=nothing,
                weights=np.zeros(0),
                shares=shares,
            )
        which, pair_of = cells.other if with_other_labels else (nothing, nothing)
        # pairs of labels that never occur together have no weight
        pairs, places = np.unique(pair_of, return_inverse=True)
        inputs = _inputs(cells, n_labels, which, places, len(pairs))
        truth = given[cells.rows, cells.columns][:, None].astype(np.float32)
        fitted = fit_one_vs_rest(
            inputs, truth, LinearOptions(cost=1 / PENALTY, tolerance=TOLERANCE)
        )
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
        # a pair beyond the last known one is compared with the last: it is not known
        places = np.searchsorted(self.pairs, pairs)
        places = np.minimum(places, len(self.pairs) - 1)
        known = self.pairs[places] == pairs
        weights = self.weights[places[known]]
        return np.asarray(np.bincount(which[known], weights, len(cells.rows)), np.float64)


def _inputs(
    cells: ScoredCells, n_labels: int, which: Rows, places: Rows, n_pairs: int
) -> csr_array:
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
    scales = np.full(len(places), PAIR_SCALE)
    pairs = csr_array((scales, (which, places)), shape=(size, n_pairs))
    return csr_array(hstack([constants, logits, shared, pairs], format="csr", dtype=np.float32))
