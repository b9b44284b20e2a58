"""What a catalogue is made of: the paper's section 3 numbers and its Fig. 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Int64Array, MultiHot
from shelfwise.errors import LabelError


@dataclass(frozen=True)
class Spread:
    """Least, mean, median and greatest of some counts; all 0 where there are none."""

    min: int
    mean: float
    median: float
    max: int

    @classmethod
    def from_counts(cls, counts: Int64Array) -> Spread:
        """The spread of the counts (K,).

        >>> Spread.from_counts(np.array([1, 2, 6]))
        Spread(min=1, mean=3.0, median=2.0, max=6)
        """
        # numpy has no least and greatest of nothing
        if not len(counts):
            return cls(0, 0.0, 0.0, 0)
        return cls(
            min=int(counts.min()),
            mean=float(counts.mean()),
            median=float(np.median(counts)),
            max=int(counts.max()),
        )


@dataclass(frozen=True)
class LabelStatistics:
    """How N products and L classes are spread over each other.

    Args:
        products: N.
        classes: L.
        labels_per_product: over all N products, those without a label counting 0.
        products_with_labels: number of labels -> number of products that have so many.
        products_per_class: over all L classes.
        class_counts: label -> number of products, most frequent first, then by name.
    """

    products: int
    classes: int
    labels_per_product: Spread
    products_with_labels: dict[int, int]
    products_per_class: Spread
    class_counts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Statistics(LabelStatistics):
    """The numbers of one catalogue.

    Args:
        missing: column -> number of products without a value there.
    """

    missing: dict[str, int]


def label_statistics(targets: MultiHot | csr_array, labels: Sequence[str]) -> LabelStatistics:
    """Count labels per product and products per class.

    Args:
        targets: (N, L) multi-hot, 0 and 1, dense or sparse; zero rows and zero columns are allowed.
        labels: the L label names, in the order of the columns.

    Raises:
        LabelError: there are not as many columns as names.
    """
    if targets.ndim != 2 or targets.shape[1] != len(labels):
        expected = f"(products, {len(labels)}), a column for every label"
        raise LabelError(f"targets have the shape {targets.shape}; expected {expected}")
    # whatever type the targets have
    ones = csr_array(targets > 0)
    per_product = np.diff(ones.indptr).astype(np.int64)
    per_class = np.bincount(ones.indices, minlength=len(labels)).astype(np.int64)
    # how many products have one label, two labels and so on: the paper's Fig. 2
    sizes, products = np.unique(per_product, return_counts=True)
    counts = zip(labels, per_class.tolist(), strict=True)
    # labels of one frequency by name, so that the order is always the same
    most_frequent_first = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return LabelStatistics(
        products=targets.shape[0],
        classes=len(labels),
        labels_per_product=Spread.from_counts(per_product),
        products_with_labels=dict(zip(sizes.tolist(), products.tolist(), strict=True)),
        products_per_class=Spread.from_counts(per_class),
        class_counts=dict(most_frequent_first),
    )


def catalog_statistics(
    catalog: Catalog,
    targets: MultiHot | csr_array,
    labels: Sequence[str],
) -> Statistics:
    """The :func:`label_statistics` of a catalogue of N products, and what its columns lack.

    Raises:
        LabelError: there are not as many rows as products, or not as many columns as labels.
    """
    rows = targets.shape[0]
    if rows != len(catalog):
        expected = f"{len(catalog)}, a row for every product"
        raise LabelError(f"there are targets for {rows} products; expected {expected}")
    table = catalog.table
    missing = {name: table.column(name).null_count for name in catalog.columns}
    return Statistics(**vars(label_statistics(targets, labels)), missing=missing)
