"""Multi-label metrics of decisions, from counts; each states what it is where there is nothing to count.

Dimensions: N products, L labels. Targets and decisions are (N, L), bool or 0 and 1; scores are (N, L). All
may be dense or sparse.

Conventions:
    * A ratio with nothing in its denominator is 0: precision of what is never predicted, recall of what never
      occurs, F1 of a label that neither occurs nor is predicted. Macro averages run over all L labels
      (scikit-learn's ``zero_division=0``).
    * Example-based precision, recall and F1 of a product with no true and no predicted label are 1: to
      predict nothing is right there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from shelfwise.core.types import Matrix, MultiHot
from shelfwise.metrics.counts import Counts
from shelfwise.metrics.decision_sums import DecisionSums
from shelfwise.metrics.ranking import ranking_metrics


def per_label(targets: MultiHot, decided: MultiHot) -> dict[str, NDArray[Any]]:
    """Arrays (L,) by name.

    ``precision``, ``recall``, ``f1``; ``support``, the true products; ``missed``, those of them not found.
    """
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
    """The paper's headline (section 4): F1 of all N * L decisions pooled.

    It is 0 where nothing is true or predicted.

    >>> round(micro_f1(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 0]])), 4)
    0.6667
    """
    _, _, f1 = Counts.of(targets, decided, axis=None).rates()
    return float(f1)


def decision_metrics(targets: MultiHot, decided: MultiHot) -> dict[str, float]:
    """Micro, macro, support-weighted and example-based precision, recall, F1; subset accuracy; Hamming loss.

    Keys are ``micro_f1``, ``macro_precision``, ``example_recall`` and so on. Without a product all are
    0. Means over products are exact to 2**-50.

    >>> decision_metrics(np.array([[1, 0]]), np.array([[1, 1]]))["micro_precision"]
    0.5
    """
    return DecisionSums.of(targets, decided).figures()


def evaluate(
    targets: MultiHot, scores: Matrix, decided: Mapping[str, MultiHot]
) -> dict[str, dict[str, float]]:
    """Everything about one system, JSON-ready.

    Args:
        targets: (N, L), bool or 0 and 1.
        scores: (N, L).
        decided: decisions (N, L) by name, e.g. ``{"at_0.5": scores >= 0.5}``.

    Returns:
        :func:`decision_metrics` under each name, and :func:`~shelfwise.metrics.ranking.ranking_metrics` under
        ``ranking``.
    """
    figures = {name: decision_metrics(targets, decisions) for name, decisions in decided.items()}
    figures["ranking"] = ranking_metrics(targets, scores)
    return figures
