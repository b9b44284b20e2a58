"""Hierarchical precision, recall and F1: a decision is right in part where it is right about what lies above.

Dimensions: N products, L labels. Targets and decisions are (N, L), bool or 0 and 1.
"""

from __future__ import annotations

import numpy as np

from shelfwise.core.types import MultiHot
from shelfwise.metrics.multilabel import Counts
from shelfwise.taxonomy.hierarchy import Taxonomy


def hierarchical_metrics(targets: MultiHot, decided: MultiHot, taxonomy: Taxonomy) -> dict[str, float]:
    """Precision, recall and F1 of targets T and decisions P, both with all labels above them (Kiritchenko et al. 2006).

    hP = sum |P and T| / sum |P|, hR = sum |P and T| / sum |T|, summed over products; a ratio with nothing below is 0.
    Since P is taken with everything above it, closing decisions beforehand changes none of the three.

    Returns:
        ``hierarchical_precision``, ``hierarchical_recall``, ``hierarchical_f1``, and ``contradictions``: the share of
        products whose decisions, as they were given, lack a label that another one implies.

    >>> tree = Taxonomy.of_names(("Pets", "Pets > Birds", "Pets > Dogs"))
    >>> hierarchical_metrics(np.array([[0, 1, 0]]), np.array([[0, 0, 1]]), tree)["hierarchical_f1"]
    0.5
    """
    truth, given = taxonomy.close_under_ancestors(np.asarray(targets, bool)), np.asarray(decided, bool)
    rates = Counts.of(truth, taxonomy.close_under_ancestors(given), axis=None).rates()
    named = {
        f"hierarchical_{name}": float(rate)
        for name, rate in zip(("precision", "recall", "f1"), rates, strict=True)
    }
    return {**named, "contradictions": float(taxonomy.contradicted(given).mean()) if len(given) else 0.0}
