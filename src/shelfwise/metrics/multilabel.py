"""Multi-label metrics from counts; each says what it gives where there is nothing to count.

Dimensions: N products, L labels. Targets and decisions are (N, L), bool or 0 and 1; scores are (N, L).

Conventions:
    * A ratio with nothing in its denominator is 0: precision of what is never predicted, recall of what never occurs,
      F1 of a label that neither occurs nor is predicted. Macro averages run over all L labels (scikit-learn's ``zero_division=0``).
    * Example-based precision, recall and F1 of a product with no true and no decided label are 1: saying nothing is right there.
    * Ranking metrics are means over products with at least one true label, or over labels with at least one product;
      with none of either they are 0. Equal scores are ranked in label order for the metrics at k, and share the
      worst rank among them for average precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.core.types import Float64Array, MultiHot, Scores
from shelfwise.metrics.scored_pairs import by_label

CUTS = (1, 3, 5)
"""The k of P@k, R@k and nDCG@k."""
CELLS = 1 << 18
"""Scores or decisions looked at at a time: what stays in a core's cache."""
COLUMNS = 32
"""Labels sorted at a time, one by one."""
POOL = 1 << 25
"""Scores sorted at a time as one list: 128 MB."""


@dataclass(frozen=True)
class Counts:
    """True positives, all predicted, all true; along whichever axis they were counted."""

    hits: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]

    @classmethod
    def of(cls, targets: MultiHot, decided: MultiHot, axis: Literal[0, 1] | None) -> Counts:
        """Count over products (axis 0: a label each), labels (axis 1: a product each) or both (None)."""
        both = count(targets, decided)
        return both[0].total() if axis is None else both[axis]

    def total(self) -> Counts:
        """All of them as one."""
        return Counts(*(np.asarray(x.sum()) for x in (self.hits, self.predicted, self.true)))

    def rates(self, empty: float = 0.0) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Precision, recall and F1; `empty` where nothing is predicted and nothing true."""
        rates = (
            ratio(self.hits, self.predicted),
            ratio(self.hits, self.true),
            ratio(2 * self.hits, self.predicted + self.true),
        )
        nothing = (self.predicted + self.true) == 0
        precision, recall, f1 = (np.where(nothing, empty, rate) for rate in rates)
        return precision, recall, f1


def count(targets: MultiHot, decided: MultiHot) -> tuple[Counts, Counts]:
    """What is counted a label (L,) and a product (N,), in one pass: few cells of a block are set, and only these are counted."""
    products, labels = np.shape(targets)
    of_labels, of_products = np.zeros((3, labels), np.int64), np.zeros((3, products), np.int64)
    size, width = max(1, CELLS // max(labels, 1)), max(labels, 1)
    for start in range(0, products, size):
        t, d = (np.asarray(cells[start : start + size], dtype=bool) for cells in (targets, decided))
        true, predicted = np.flatnonzero(t), np.flatnonzero(d)
        for i, set_ in enumerate((true[d.reshape(-1)[true]], predicted, true)):
            of_labels[i] += np.bincount(set_ % width, minlength=labels)
            of_products[i, start : start + len(t)] = np.bincount(set_ // width, minlength=len(t))
    return Counts(*of_labels), Counts(*of_products)


def ratio(above: ArrayLike, below: ArrayLike) -> Float64Array:
    """Element-wise `above` / `below`, 0 where `below` is 0."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.zeros_like(below), where=below != 0))


def per_label(targets: MultiHot, decided: MultiHot) -> dict[str, NDArray[Any]]:
    """Arrays (L,) by name: ``precision``, ``recall``, ``f1``; ``support``, the true products; ``missed``, those of them not found."""
    counts = Counts.of(targets, decided, axis=0)
    precision, recall, f1 = counts.rates()
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": counts.true,
        "missed": counts.true - counts.hits,
    }


def micro_f1(targets: MultiHot, decided: MultiHot) -> float:
    """The paper's headline (section 4): F1 of all N * L decisions pooled; 0 where nothing is true or decided.

    >>> round(micro_f1(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 0]])), 4)
    0.6667
    """
    return float(Counts.of(targets, decided, axis=None).rates()[2])


def decision_metrics(targets: MultiHot, decided: MultiHot) -> dict[str, float]:
    """Micro, macro, support-weighted and example-based precision, recall, F1; subset accuracy; Hamming loss.

    Keys are ``micro_f1``, ``macro_precision``, ``example_recall`` and so on. With no products at all every value is 0.

    >>> decision_metrics(np.array([[1, 0]]), np.array([[1, 1]]))["micro_precision"]
    0.5
    """
    labels, products = count(targets, decided)
    averages: dict[str, Iterable[ArrayLike]] = {
        "micro": labels.total().rates(),
        "macro": map(_mean, labels.rates()),
        "weighted": (ratio(rate @ labels.true, labels.true.sum()) for rate in labels.rates()),
        "example": map(_mean, products.rates(empty=1.0)),
    }
    named = {
        f"{kind}_{name}": np.asarray(value).item()
        for kind, rates in averages.items()
        for name, value in zip(("precision", "recall", "f1"), rates, strict=True)
    }
    wrong = products.predicted + products.true - 2 * products.hits
    return {
        **named,
        "subset_accuracy": _mean(wrong == 0),
        "hamming_loss": ratio(wrong.sum(), len(wrong) * len(labels.true)).item(),
    }


def ranking_metrics(targets: MultiHot, scores: Scores) -> dict[str, float]:
    """What the order of the scores is worth, whatever the threshold.

    ``precision_at_k``, ``recall_at_k`` and ``ndcg_at_k`` for each k of :data:`CUTS` (divided by k even where L < k);
    ``hit_at_1`` is the measure of Zahavy et al. (2016), whether the top label is a true one, and equals ``precision_at_1``;
    ``map_macro`` is the mean average precision over labels, ``map_micro`` that of all N * L scores as one list;
    ``lrap`` is the label ranking average precision.
    """
    targets, scores = np.asarray(targets, dtype=bool), np.asarray(scores)
    places = _Places.of(targets, scores)
    true = places.true[places.true > 0]
    discounts = 1 / np.log2(np.arange(2, max(CUTS) + 2))
    ideal = np.cumsum(discounts)
    metrics: dict[str, float] = {}
    for k in CUTS:
        top = places.place < k
        found = places.sums(top)
        metrics[f"precision_at_{k}"] = _mean(found / k)
        metrics[f"recall_at_{k}"] = _mean(ratio(found, true))
        metrics[f"ndcg_at_{k}"] = _mean(
            places.sums(np.where(top, discounts[np.minimum(places.place, k - 1)], 0))
            / ideal[np.minimum(true, k) - 1]
        )
    return {
        **metrics,
        "hit_at_1": metrics["precision_at_1"],
        "map_macro": _mean(np.fromiter(_average_precisions(places, scores), np.float64)),
        "map_micro": _average_precision(np.sort(places.own), scores),
        "lrap": places.lrap(),
    }


def average_precision(targets: MultiHot, scores: Scores) -> float:
    """The mean, over the positives of one list, of the precision down to there; equal scores are one step; 0 without positives.

    >>> round(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])), 3)
    0.833
    """
    scores = np.asarray(scores)
    return _average_precision(np.sort(scores[np.asarray(targets, dtype=bool)]), scores)


def lrap(targets: MultiHot, scores: Scores) -> float:
    """Label ranking average precision: :func:`average_precision` of each product, all at once, and their mean."""
    labelled = _Places.of(np.asarray(targets, dtype=bool), np.asarray(scores))
    return labelled.lrap() * ratio(np.count_nonzero(labelled.true), len(labelled.true)).item()


def evaluate(
    targets: MultiHot, scores: Scores, decided: Mapping[str, MultiHot]
) -> dict[str, dict[str, float]]:
    """Everything about one system, JSON-ready.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L).
        decided: decisions (N, L) by name, e.g. ``{"at_0.5": scores >= 0.5}``.

    Returns:
        :func:`decision_metrics` under each name, and :func:`ranking_metrics` under ``ranking``.
    """
    decisions = {name: decision_metrics(targets, given) for name, given in decided.items()}
    return {**decisions, "ranking": ranking_metrics(targets, scores)}


@dataclass(frozen=True)
class _Places:
    """Where the E true labels of N products stand in their product's order of scores, from 0.

    Counting the scores above each is less work than sorting all of them: a product has a few true labels among very many.

    Args:
        rows: (E,) product of each, rising.
        labels: (E,) which label it is.
        own: (E,) its score.
        place: (E,) scores before it, equal ones in label order.
        reached: (E,) scores at least as high, its own included.
        true: (N,) true labels of each product.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    own: Scores
    place: NDArray[np.int64]
    reached: NDArray[np.int64]
    true: NDArray[np.int64]

    @classmethod
    def of(cls, targets: NDArray[np.bool_], scores: Scores) -> _Places:
        rows, labels = np.divmod(np.flatnonzero(targets), max(targets.shape[1], 1))
        own, place, reached = scores[rows, labels], np.zeros_like(rows), np.zeros_like(rows)
        size = max(1, CELLS // max(targets.shape[1], 1))
        for start in range(0, len(rows), size):
            some = slice(start, start + size)
            beside, mine = scores[rows[some]], own[some, None]
            reached[some] = np.count_nonzero(beside >= mine, axis=1)
            place[some] = np.count_nonzero(beside > mine, axis=1)
            tied = np.flatnonzero(reached[some] - place[some] > 1)
            before = np.arange(targets.shape[1]) < labels[some][tied, None]
            place[start + tied] += np.count_nonzero((beside[tied] == mine[tied]) & before, axis=1)
        return cls(rows, labels, own, place, reached, np.bincount(rows, minlength=len(targets)))

    def sums(self, values: NDArray[Any]) -> Float64Array:
        """Values of the true labels, summed up for each product that has any."""
        return np.asarray(
            np.bincount(self.rows, np.asarray(values, np.float64), len(self.true))[self.true > 0], np.float64
        )

    def lrap(self) -> float:
        """The mean over products with a true label."""
        keys = self.rows * (self.reached.max(initial=0) + 1) + self.reached
        before = (np.cumsum(self.true) - self.true)[self.rows]
        hits = np.searchsorted(np.sort(keys), keys, side="right") - before
        return _mean(self.sums(ratio(hits, self.reached)) / self.true[self.true > 0])


def _average_precisions(places: _Places, scores: Scores) -> Iterator[float]:
    """Of every label that a product has."""
    ends = np.cumsum(np.bincount(places.labels, minlength=scores.shape[1]))
    positives = np.split(places.own[np.lexsort((places.own, places.labels))], ends[:-1])
    for start in range(0, scores.shape[1], COLUMNS):
        some = positives[start : start + COLUMNS]
        if any(map(len, some)):
            beside = by_label(scores[:, start : start + COLUMNS])
            beside.sort(axis=1)
            yield from (
                _precision(own, len(all_) - np.searchsorted(all_, own))
                for own, all_ in zip(some, beside, strict=True)
                if len(own)
            )


def _average_precision(positives: Scores, scores: Scores) -> float:
    """Of the `positives` (P,), ascending, among all `scores`, taken as one list."""
    accepted = np.zeros(len(positives), np.int64)
    step = max(1, POOL // max(scores[:1].size, 1))
    for start in range(0, len(scores), step):
        some = np.sort(scores[start : start + step], axis=None)
        accepted += len(some) - np.searchsorted(some, positives)
    return _precision(positives, accepted)


def _precision(positives: Scores, accepted: NDArray[np.int64]) -> float:
    """The mean of the precisions down to each of `positives` (P,), ascending, of which each is reached by so many `accepted` scores."""
    return _mean((len(positives) - np.searchsorted(positives, positives)) / accepted)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else 0.0
