"""What the order of the scores is worth, whatever the threshold.

Dimensions: N products, L labels, E true pairs of a product and a label. Targets are (N, L), bool or 0 and 1;
scores are (N, L), not negative; both dense or sparse.

Conventions: metrics are means over products with at least one true label, or over labels with at least one
product; with none of either they are 0. Equal scores are ranked in label order for the metrics at k, and
share the worst rank among them for average precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, MultiHot, Rows, Scores
from shelfwise.metrics.counts import CELLS_PER_BLOCK, mean, ratio, row_blocks
from shelfwise.metrics.scored_pairs import (
    label_major,
    positive_cells,
    scores_of_a_row,
    values_at,
)
from shelfwise.metrics.sums import Sums, in_units, mean_of

CUTS = (1, 3, 5)
"""The k of P@k, R@k and nDCG@k."""

LABELS_PER_BLOCK = 32
"""Labels whose scores are sorted together, one by one."""

CELLS_PER_SORT = 1 << 25
"""Scores sorted at a time as one list: 128 MB."""


def ranking_metrics(targets: MultiHot, scores: Matrix) -> dict[str, float]:
    """Metrics at k, average precisions and label ranking average precision.

    ``precision_at_k``, ``recall_at_k`` and ``ndcg_at_k`` for each k of :data:`CUTS` (divided by k even where
    L < k); ``hit_at_1`` is the measure of Zahavy et al. (2016), whether the top label is a true one, and
    equals ``precision_at_1``; ``map_macro`` is the mean average precision over labels, ``map_micro`` that of
    all N * L scores as one list; ``lrap`` is the label ranking average precision.
    """
    ranks = TrueLabelRanks.of(targets, scores)
    metrics = RankingSums.of(ranks).figures()
    return metrics | mean_average_precisions(ranks, scores)


def mean_average_precisions(ranks: TrueLabelRanks, scores: Matrix) -> dict[str, float]:
    """``map_macro`` and ``map_micro``, which need all `scores` (N, L): those of parts do not add up."""
    of_labels = np.fromiter(_average_precisions(ranks, scores), np.float64)
    positives = np.sort(ranks.scores)
    return {
        "map_macro": mean(of_labels),
        "map_micro": _mean_precision(positives, _count_reaching(positives, scores)),
    }


def average_precision(targets: MultiHot, scores: Scores) -> float:
    """The mean, over the positives of one list, of the precision down to there.

    Equal scores are one step. Without a positive it is 0.

    >>> round(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])), 3)
    0.833
    """
    scores = np.asarray(scores)
    positives = np.sort(scores[np.asarray(targets, dtype=bool)])
    return _mean_precision(positives, _count_reaching(positives, scores))


@dataclass(frozen=True)
class TrueLabelRanks:
    """Where the E true labels of N products stand in their product's order of scores, from 0.

    Counting the scores above each is less work than sorting all of them: a product has a few true labels
    among very many.

    Args:
        rows: (E,) product of each, rising.
        labels: (E,) which label it is.
        scores: (E,) its score.
        rank: (E,) scores before it, equal ones in label order.
        reached: (E,) scores at least as high, its own included.
        n_true: (N,) true labels of each product.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: Scores
    rank: NDArray[np.int64]
    reached: NDArray[np.int64]
    n_true: NDArray[np.int64]

    @classmethod
    def of(cls, targets: MultiHot, scores: Matrix) -> TrueLabelRanks:
        """The ranks of the true labels of `targets` (N, L) by `scores` (N, L)."""
        rows, labels, _ = positive_cells(targets)
        own = values_at(scores, rows, labels)
        rank = np.zeros_like(rows)
        reached = np.zeros_like(rows)
        # some true labels at a time: each is compared with all scores of its product
        counted = _ranks_among_stored if sp.issparse(scores) else _ranks_among_all
        for block in row_blocks(len(rows), scores_of_a_row(scores), CELLS_PER_BLOCK):
            places = (rows[block], labels[block])
            rank[block], reached[block] = counted(scores, *places, own[block])
        n_true = np.bincount(rows, minlength=targets.shape[0])
        return cls(rows, labels, own, rank, reached, n_true)

    def sum_by_product(self, values: NDArray[Any]) -> Float64Array:
        """Values (E,) of the true labels, summed up for each product that has any."""
        weights = np.asarray(values, np.float64)
        sums = np.bincount(self.rows, weights, len(self.n_true))
        return np.asarray(sums[self.n_true > 0], np.float64)

    def average_precisions(self) -> Float64Array:
        """The average precision of each product with a true label, (products,)."""
        # one sort for all products: keys of a later product are higher than all of an earlier one
        keys = self.rows * (self.reached.max(initial=0) + 1) + self.reached
        first_key = np.cumsum(self.n_true) - self.n_true
        # true labels of the same product that score at least as high
        hits = np.searchsorted(np.sort(keys), keys, side="right") - first_key[self.rows]
        precisions = self.sum_by_product(ratio(hits, self.reached))
        return precisions / self.n_true[self.n_true > 0]


@dataclass(frozen=True)
class RankingSums(Sums):
    """What the figures of :func:`ranking_metrics` that are means over products are computed from.

    Sums of parts of the products add up.

    Args:
        products: those with a true label.
        found: by k of :data:`CUTS`, true labels among the first k.
        recall, ndcg: by k, the products' own, summed up, in units.
        lrap: the products' average precisions, summed up, in units.
    """

    products: int
    found: dict[str, int]
    recall: dict[str, int]
    ndcg: dict[str, int]
    lrap: int

    @classmethod
    def of(cls, ranks: TrueLabelRanks) -> Self:
        """Count the ranks of the true labels of N products."""
        n_true = ranks.n_true[ranks.n_true > 0]
        # a true label at rank r (from 0) gains 1 / log2(r + 2)
        gains = 1 / np.log2(np.arange(2, max(CUTS) + 2))
        best_gains = np.cumsum(gains)
        found: dict[str, int] = {}
        recall: dict[str, int] = {}
        ndcg: dict[str, int] = {}
        for k in CUTS:
            at_top = ranks.rank < k
            of_product = ranks.sum_by_product(at_top)
            gain_at_rank = gains[np.minimum(ranks.rank, k - 1)]
            gained = ranks.sum_by_product(np.where(at_top, gain_at_rank, 0))
            # with fewer true labels than k the best order has all of them on top
            best = best_gains[np.minimum(n_true, k) - 1]
            found[str(k)] = int(np.count_nonzero(at_top))
            recall[str(k)] = in_units(ratio(of_product, n_true))
            ndcg[str(k)] = in_units(gained / best)
        return cls(len(n_true), found, recall, ndcg, in_units(ranks.average_precisions()))

    def figures(self) -> dict[str, float]:
        """By name, as in :func:`ranking_metrics`."""
        figures: dict[str, float] = {}
        for k in CUTS:
            found = self.found[str(k)]
            figures[f"precision_at_{k}"] = ratio(found, k * self.products).item()
            figures[f"recall_at_{k}"] = mean_of(self.recall[str(k)], self.products)
            figures[f"ndcg_at_{k}"] = mean_of(self.ndcg[str(k)], self.products)
        # at one label the two are the same
        figures["hit_at_1"] = figures["precision_at_1"]
        figures["lrap"] = mean_of(self.lrap, self.products)
        return figures


Ranks = tuple[Int64Array, Int64Array]
"""``rank`` and ``reached`` of :class:`TrueLabelRanks`."""


def _ranks_among_all(scores: Scores, rows: Rows, labels: Rows, own: Scores) -> Ranks:
    """The ranks of true labels (E,) among dense scores (N, L)."""
    # each true label beside all scores of its product
    product = np.asarray(scores)[rows]
    mine = own[:, None]
    reached = np.count_nonzero(product >= mine, axis=1)
    rank = np.count_nonzero(product > mine, axis=1)
    # rarely another label has the very same score: then the first label comes first
    tied = np.flatnonzero(reached - rank > 1)
    is_before = np.arange(product.shape[1]) < labels[tied, None]
    is_equal = product[tied] == mine[tied]
    rank[tied] += np.count_nonzero(is_equal & is_before, axis=1)
    return rank, reached


def _ranks_among_stored(scores: Matrix, rows: Rows, labels: Rows, own: Scores) -> Ranks:
    """The ranks of true labels (E,) among sparse scores (N, L)."""
    products = sp.coo_array(scores[rows])
    mine = own[products.row]
    is_before = products.col < labels[products.row]

    def count(chosen: Bools) -> Int64Array:
        return np.bincount(products.row[chosen], minlength=len(rows)).astype(np.int64)

    rank = count((products.data > mine) | ((products.data == mine) & is_before))
    reached = count(products.data >= mine)
    # a label scored 0 comes after all that are stored, and those before it that are not
    unscored = own == 0
    zeros_before = labels - count(is_before)
    rank[unscored] += zeros_before[unscored]
    reached[unscored] = scores.shape[1]
    return rank, reached


def _average_precisions(ranks: TrueLabelRanks, scores: Matrix) -> Iterator[float]:
    """Of every label that a product has."""
    n_labels = scores.shape[1]
    ends = np.cumsum(np.bincount(ranks.labels, minlength=n_labels))
    # the scores of each label's products, ascending
    order = np.lexsort((ranks.scores, ranks.labels))
    positives = np.split(ranks.scores[order], ends[:-1])
    if sp.issparse(scores):
        columns = scores.tocsc()
        for label in np.unique(ranks.labels):
            own = positives[label]
            yield _mean_precision(own, _count_reaching(own, columns[:, [label]]))
        return
    for start in range(0, n_labels, LABELS_PER_BLOCK):
        block = positives[start : start + LABELS_PER_BLOCK]
        if not any(len(own) for own in block):
            continue
        # sorted once a label: how many products a score reaches is then a search
        ranked = label_major(scores[:, start : start + LABELS_PER_BLOCK])
        ranked.sort(axis=1)
        for own, all_scores in zip(block, ranked, strict=True):
            if len(own):
                accepted = len(all_scores) - np.searchsorted(all_scores, own)
                yield _mean_precision(own, accepted)


def _count_reaching(positives: Scores, scores: Matrix) -> NDArray[np.int64]:
    """How many of all `scores` reach each of the `positives` (P,), which are ascending."""
    if sp.issparse(scores):
        ranked = np.sort(scores.data)
        accepted = len(ranked) - np.searchsorted(ranked, positives)
        # 0 is reached by what is not stored, too
        return np.where(positives > 0, accepted, np.prod(scores.shape, dtype=np.int64))
    accepted = np.zeros(len(positives), np.int64)
    # counting block by block, and adding up, needs no sorted copy of the whole
    for rows in row_blocks(len(scores), scores[:1].size, CELLS_PER_SORT):
        ranked = np.sort(scores[rows], axis=None)
        accepted += len(ranked) - np.searchsorted(ranked, positives)
    return accepted


def _mean_precision(positives: Scores, accepted: NDArray[np.int64]) -> float:
    """The mean of the precisions down to each of P positives.

    Args:
        positives: (P,) their scores, ascending.
        accepted: (P,) how many of all scores reach each.
    """
    hits = len(positives) - np.searchsorted(positives, positives)
    return mean(hits / accepted)
