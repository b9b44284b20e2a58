"""Hierarchical precision, recall and F1: a decision is right in part where it is right about what lies above.

Dimensions: N products, L labels. Targets and decisions are (N, L), bool or 0 and 1, dense or sparse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from shelfwise.core.sparse_scores import any_in_row
from shelfwise.core.types import MultiHot
from shelfwise.metrics.counts import Counts, ratio
from shelfwise.metrics.sums import Sums


def hierarchical_metrics(
    targets: MultiHot, decided: MultiHot, add_ancestors: Callable[[MultiHot], MultiHot]
) -> dict[str, float]:
    """Precision, recall and F1 of targets T and decisions P, both with all labels above them.

    hP = sum |P and T| / sum |P|, hR = sum |P and T| / sum |T|, summed over products; a ratio with nothing
    below is 0. P is taken with everything above it, so closing decisions beforehand changes none of the
    three. Source: Kiritchenko, Matwin, Nock and Famili 2006.

    Args:
        targets: (N, L) the true labels.
        decided: (N, L) the labels that were given.
        add_ancestors: gives label sets (N, L) with all labels above theirs, as
            ``Taxonomy.close_under_ancestors`` does.

    Returns:
        ``hierarchical_precision``, ``hierarchical_recall``, ``hierarchical_f1``, and ``contradictions``: the
        share of products whose decisions, as they were given, lack a label that another one implies.

    >>> def add_ancestors(labels):  # of three labels the first lies above the two others
    ...     return np.column_stack([labels.any(axis=1), labels[:, 1:]])
    >>> hierarchical_metrics(np.array([[0, 1, 0]]), np.array([[0, 0, 1]]), add_ancestors)["hierarchical_f1"]
    0.5
    """
    return HierarchicalSums.of(targets, decided, add_ancestors).figures()


@dataclass(frozen=True)
class HierarchicalSums(Sums):
    """What these figures are computed from, counted of N products; counts of parts add up.

    Args:
        products: N.
        hits, predicted, true: labels with all that lie above them, summed over products.
        contradicted: products whose decisions lack a label that another one implies.
    """

    products: int
    hits: int
    predicted: int
    true: int
    contradicted: int

    @classmethod
    def of(
        cls, targets: MultiHot, decided: MultiHot, add_ancestors: Callable[[MultiHot], MultiHot]
    ) -> Self:
        """Count; arguments as in :func:`hierarchical_metrics`."""
        truth = add_ancestors(targets.astype(bool))
        given = decided.astype(bool)
        closed = add_ancestors(given)
        counts = Counts.of(truth, closed, axis=None)
        # what adding ancestors changes was given without a label that it implies
        contradicted = any_in_row(closed != given)
        return cls(
            products=len(contradicted),
            hits=int(counts.hits),
            predicted=int(counts.predicted),
            true=int(counts.true),
            contradicted=int(contradicted.sum()),
        )

    def figures(self) -> dict[str, float]:
        """As :func:`hierarchical_metrics`."""
        numbers = (np.asarray(number) for number in (self.hits, self.predicted, self.true))
        precision, recall, f1 = Counts(*numbers).rates()
        return {
            "hierarchical_precision": float(precision),
            "hierarchical_recall": float(recall),
            "hierarchical_f1": float(f1),
            "contradictions": ratio(self.contradicted, self.products).item(),
        }
