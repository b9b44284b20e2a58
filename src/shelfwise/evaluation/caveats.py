"""What a figure on test products leaves unsaid: labels the model never met, and copies of training products.

Dimensions: N test products, L labels of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.near_copies import near_copies
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, MultiHot
from shelfwise.metrics.counts import Counts
from shelfwise.metrics.multilabel import micro_f1

MAX_NAMES = 10
"""Unknown labels that are named, the commonest first."""

MIN_SHARE = 0.01
"""Share of the test products' labels from which on it is worth a sentence that they are unknown."""


@dataclass(frozen=True)
class UnknownLabels:
    """Labels of N test products that the model has none of.

    Args:
        unknown: how many of the products' labels, each counted once a product.
        total: how many labels the products have, known and unknown.
        names: the commonest unknown ones.
    """

    unknown: int
    total: int
    names: tuple[str, ...]

    @classmethod
    def of_counts(cls, unknown: Mapping[str, int], total: int) -> Self:
        """From what :meth:`~shelfwise.catalog.labels.LabelSet.count_unknown` gives."""
        # by frequency, then by name: the same catalogue gives the same list
        ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
        commonest = tuple(name for name, _ in ranked[:MAX_NAMES])
        return cls(sum(unknown.values()), total, commonest)

    def to_dict(self, counts: Counts) -> dict[str, Any]:
        """JSON-ready, with the micro-F1 over all labels: unknown ones count as missed.

        Args:
            counts: of the labels that the model knows, all as one.
        """
        # every unknown label is one more that is true and was not given
        pooled = int(counts.predicted + counts.true) + self.unknown
        f1 = 2 * int(counts.hits) / pooled if pooled else 0.0
        return {
            "unknown": self.unknown,
            "total": self.total,
            "names": list(self.names),
            "micro_f1_all_labels": f1,
        }


def unknown_labels(catalog: Catalog, labels: LabelSet) -> UnknownLabels:
    """The labels of the products that are not among `labels`."""
    return UnknownLabels.of_counts(*labels.count_unknown(catalog.lazy_column("categories")))


def copies_of_training(training: Catalog, test: Catalog) -> Bools:
    """Which test products (N,) have the title or the description of a training product.

    As in the split of one catalogue, see :func:`~shelfwise.catalog.near_copies.near_copies`: case and signs
    do not matter, and texts that many products share bind nothing.
    """
    columns = {}
    for name in ("title", "description"):
        chunks = [*training.table.column(name).chunks, *test.table.column(name).chunks]
        columns[name] = pa.chunked_array(chunks, pa.string())
    # grouped together, so that limits on how many may share a text see both catalogues
    groups = near_copies(Catalog(pa.table(columns), test.root))
    in_training = np.unique(groups[: len(training)])
    return np.isin(groups[len(training) :], in_training)


def copies_figures(copies: Bools, truth: MultiHot, decided: MultiHot) -> dict[str, Any]:
    """How many test products are copies, and the micro-F1 on the others; None where there are no others."""
    others = ~copies
    f1 = micro_f1(truth[others], decided[others]) if others.any() else None
    return {"products": int(copies.sum()), "micro_f1_without": f1}


def caveats(unknown: dict[str, Any] | None, copies: dict[str, Any] | None) -> list[str]:
    """Sentences on what the figures leave unsaid; none where there is nothing to say.

    >>> caveats({"unknown": 45, "total": 100, "names": ["Lamps"], "micro_f1_all_labels": 0.71}, None)
    ["45 % of the test products' labels are unknown to the model (Lamps): micro-F1 over all labels 71.0%"]
    """
    found = []
    if unknown is not None and unknown["unknown"] >= MIN_SHARE * max(1, unknown["total"]):
        share = unknown["unknown"] / unknown["total"]
        names = ", ".join(unknown["names"][:3])
        found.append(
            f"{100 * share:.0f} % of the test products' labels are unknown to the model ({names}): "
            f"micro-F1 over all labels {unknown['micro_f1_all_labels']:.1%}"
        )
    if copies is not None and copies["products"]:
        # None where every test product is such a copy
        without = copies["micro_f1_without"]
        rest = "there are no others" if without is None else f"micro-F1 without them {without:.1%}"
        shared = "have the title or description of a training product"
        found.append(f"{copies['products']:,} test products {shared}: {rest}")
    return found
