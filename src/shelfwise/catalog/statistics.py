"""What a catalogue is made of: the paper's section 3 numbers and its Fig. 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.catalog.store import Catalog
from shelfwise.errors import LabelError


@dataclass(frozen=True)
class Spread:
    """Least, mean, median and greatest of some counts; all 0 where there are none."""

    min: int
    mean: float
    median: float
    max: int

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> Spread:
        """The spread of the counts (K,).

        >>> Spread.of(np.array([1, 2, 6]))
        Spread(min=1, mean=3.0, median=2.0, max=6)
        """
        if not len(counts):
            return cls(0, 0.0, 0.0, 0)
        return cls(int(counts.min()), float(counts.mean()), float(np.median(counts)), int(counts.max()))


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


def label_statistics(targets: NDArray[Any], labels: Sequence[str]) -> LabelStatistics:
    """Count labels per product and products per class.

    Args:
        targets: (N, L) multi-hot, 0 and 1; zero rows and zero columns are allowed.
        labels: the L label names, in the order of the columns.

    Raises:
        LabelError: there are not as many columns as names.
    """
    if targets.ndim != 2 or targets.shape[1] != len(labels):
        raise LabelError(f"targets have the shape {targets.shape}; expected (products, {len(labels)}), a column for every label")
    ones = targets > 0
    per_product = np.count_nonzero(ones, axis=1).astype(np.int64)
    per_class = np.count_nonzero(ones, axis=0).astype(np.int64)
    sizes, products = np.unique(per_product, return_counts=True)
    named = sorted(zip(labels, per_class.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return LabelStatistics(
        products=len(targets),
        classes=len(labels),
        labels_per_product=Spread.of(per_product),
        products_with_labels=dict(zip(sizes.tolist(), products.tolist(), strict=True)),
        products_per_class=Spread.of(per_class),
        class_counts=dict(named),
    )


def catalog_statistics(catalog: Catalog, targets: NDArray[Any], labels: Sequence[str]) -> Statistics:
    """The :func:`label_statistics` of a catalogue of N products, and what its columns lack.

    Raises:
        LabelError: there are not as many rows as products, or not as many columns as labels.
    """
    if len(targets) != len(catalog):
        raise LabelError(f"there are targets for {len(targets)} products; expected {len(catalog)}, a row for every product")
    missing = {name: catalog.table.column(name).null_count for name in catalog.table.column_names}
    return Statistics(**vars(label_statistics(targets, labels)), missing=missing)


def histogram(counts: ArrayLike, bins: int = 19) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes per bin (bins,) and bin edges (bins + 1,): equal widths from the least count to the greatest.

    Where all counts are equal the bins span one product around them.

    >>> histogram([1, 2, 20])[0].tolist()
    [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    """
    values = np.asarray(counts, dtype=np.float64)
    if not values.size:
        raise LabelError("there is no category to draw a histogram of; lower min_count or check the categories column")
    heights, edges = np.histogram(values, bins=bins)
    return heights.astype(np.int64), edges


def figure_2(counts: ArrayLike, path: Path | str | IO[bytes]) -> None:
    """Write the paper's Fig. 2 as SVG: how many categories (log y) have how many products; 19 bins, 10 x 4 inches.

    The same counts give the same bytes.

    Args:
        counts: (L,) products of each category.
        path: a file name, or an open binary file.

    Raises:
        LabelError: there are no categories.
    """
    # Drawing is the only thing here that needs matplotlib, which is slow to import.
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    heights, edges = histogram(counts)
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.bar(edges[:-1], heights, width=np.diff(edges), align="edge", edgecolor="white", linewidth=0.5)
    axes.set_yscale("log")
    axes.set_xlabel("Number of products in each category")
    axes.set_ylabel("Number of categories")
    with rc_context({"svg.hashsalt": "shelfwise"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
