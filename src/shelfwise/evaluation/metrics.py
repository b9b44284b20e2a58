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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.decision.thresholds import Scores, Thresholds, decide, sweep

Hot = NDArray[Any]
Values = NDArray[np.float64]
CUTS = (1, 3, 5)
"""The k of P@k, R@k and nDCG@k."""


@dataclass(frozen=True)
class Counts:
    """True positives, all predicted, all true; along whichever axis they were counted."""

    hits: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]

    @classmethod
    def of(cls, targets: Hot, decided: Hot, axis: int | None) -> Counts:
        """Count over products (axis 0: a label each), labels (axis 1: a product each) or both (None)."""
        t, d = np.asarray(targets, dtype=bool), np.asarray(decided, dtype=bool)
        return cls(*(np.asarray(np.count_nonzero(x, axis=axis)) for x in (t & d, d, t)))

    def rates(self, empty: float = 0.0) -> tuple[Values, Values, Values]:
        """Precision, recall and F1; `empty` where nothing is predicted and nothing true."""
        rates = (ratio(self.hits, self.predicted), ratio(self.hits, self.true), ratio(2 * self.hits, self.predicted + self.true))
        nothing = (self.predicted + self.true) == 0
        precision, recall, f1 = (np.where(nothing, empty, rate) for rate in rates)
        return precision, recall, f1


def ratio(above: ArrayLike, below: ArrayLike) -> Values:
    """Element-wise `above` / `below`, 0 where `below` is 0."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.zeros_like(below), where=below != 0))


def per_label(targets: Hot, decided: Hot) -> dict[str, NDArray[Any]]:
    """Arrays (L,) by name: ``precision``, ``recall``, ``f1``; ``support``, the true products; ``missed``, those of them not found."""
    counts = Counts.of(targets, decided, axis=0)
    precision, recall, f1 = counts.rates()
    return {"precision": precision, "recall": recall, "f1": f1, "support": counts.true, "missed": counts.true - counts.hits}


def micro_f1(targets: Hot, decided: Hot) -> float:
    """The paper's headline (section 4): F1 of all N * L decisions pooled; 0 where nothing is true or decided.

    >>> round(micro_f1(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 0]])), 4)
    0.6667
    """
    return float(Counts.of(targets, decided, axis=None).rates()[2])


def decision_metrics(targets: Hot, decided: Hot) -> dict[str, float]:
    """Micro, macro, support-weighted and example-based precision, recall, F1; subset accuracy; Hamming loss.

    Keys are ``micro_f1``, ``macro_precision``, ``example_recall`` and so on. With no products at all every value is 0.

    >>> decision_metrics(np.array([[1, 0]]), np.array([[1, 1]]))["micro_precision"]
    0.5
    """
    targets, decided = np.asarray(targets, dtype=bool), np.asarray(decided, dtype=bool)
    labels, products = Counts.of(targets, decided, axis=0), Counts.of(targets, decided, axis=1)
    averages: dict[str, Iterable[ArrayLike]] = {
        "micro": Counts.of(targets, decided, axis=None).rates(),
        "macro": map(_mean, labels.rates()),
        "weighted": (ratio(rate @ labels.true, labels.true.sum()) for rate in labels.rates()),
        "example": map(_mean, products.rates(empty=1.0)),
    }
    named = {
        f"{kind}_{name}": np.asarray(value).item()
        for kind, rates in averages.items()
        for name, value in zip(("precision", "recall", "f1"), rates, strict=True)
    }
    wrong = targets != decided
    return {**named, "subset_accuracy": _mean(~wrong.any(axis=1)), "hamming_loss": _mean(wrong)}


def ranking_metrics(targets: Hot, scores: Scores) -> dict[str, float]:
    """What the order of the scores is worth, whatever the threshold.

    ``precision_at_k``, ``recall_at_k`` and ``ndcg_at_k`` for each k of :data:`CUTS` (divided by k even where L < k);
    ``hit_at_1`` is the measure of Zahavy et al. (2016), whether the top label is a true one, and equals ``precision_at_1``;
    ``map_macro`` is the mean average precision over labels, ``map_micro`` that of all N * L scores as one list;
    ``lrap`` is the label ranking average precision.
    """
    targets, scores = np.asarray(targets, dtype=bool), np.asarray(scores)
    labelled, used = targets.any(axis=1), targets.any(axis=0)
    hits, true = _top_hits(targets[labelled], scores[labelled], max(CUTS)), targets[labelled].sum(axis=1)
    discounts = 1 / np.log2(np.arange(2, max(CUTS) + 2))
    ideal = np.arange(max(CUTS)) < true[:, None]
    metrics: dict[str, float] = {}
    for k in CUTS:
        found = hits[:, :k].sum(axis=1)
        metrics[f"precision_at_{k}"] = _mean(found / k)
        metrics[f"recall_at_{k}"] = _mean(ratio(found, true))
        metrics[f"ndcg_at_{k}"] = _mean(ratio(hits[:, :k] @ discounts[:k], ideal[:, :k] @ discounts[:k]))
    return {
        **metrics,
        "hit_at_1": metrics["precision_at_1"],
        "map_macro": _mean(np.array([average_precision(targets[:, label], scores[:, label]) for label in np.flatnonzero(used)])),
        "map_micro": average_precision(targets, scores),
        "lrap": lrap(targets[labelled], scores[labelled]),
    }


def average_precision(targets: Hot, scores: Scores) -> float:
    """The mean, over the positives of one list, of the precision down to there; equal scores are one step; 0 without positives.

    >>> round(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])), 3)
    0.833
    """
    _, _, hits, accepted = sweep(targets, scores)
    return _mean(hits / accepted)


def lrap(targets: Hot, scores: Scores) -> float:
    """Label ranking average precision: :func:`average_precision` of each product, all at once, and their mean."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked, true = np.take_along_axis(scores, order, axis=1), np.take_along_axis(targets, order, axis=1) > 0
    last = np.arange(scores.shape[1])
    ends = np.where(np.diff(ranked, axis=1, append=-np.inf) != 0, last, last[-1:])
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]  # where each place's run of equal scores ends
    precision = np.take_along_axis(np.cumsum(true, axis=1), ends, axis=1) / (ends + 1)
    return _mean(ratio((precision * true).sum(axis=1), true.sum(axis=1)))


def evaluate(targets: Hot, scores: Scores, thresholds: Mapping[str, ArrayLike | Thresholds]) -> dict[str, dict[str, float]]:
    """Everything about one system, JSON-ready.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L).
        thresholds: by name, one number or one a label (L,), e.g. ``{"at_0.5": 0.5, "tuned": 0.37}``.

    Returns:
        :func:`decision_metrics` under each threshold's name, and :func:`ranking_metrics` under ``ranking``.
    """
    decisions = {name: decision_metrics(targets, decide(scores, threshold)) for name, threshold in thresholds.items()}
    return {**decisions, "ranking": ranking_metrics(targets, scores)}


def _top_hits(targets: Hot, scores: Scores, k: int) -> NDArray[np.bool_]:
    """(N, k) whether the label at each of the first k ranks is true; False beyond the L-th."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(targets, order, axis=1)
    return np.pad(hits, ((0, 0), (0, k - hits.shape[1])))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else 0.0
