"""The paper's Fig. 2: how many categories have how many products."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shelfwise.errors import LabelError


def histogram(counts: ArrayLike, bins: int = 19) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes per bin (bins,) and bin edges (bins + 1,): equal widths from the least count to the greatest.

    Where all counts are equal the bins span one product around them.

    Args:
        counts: (L,) products of each category.

    Raises:
        LabelError: there are no categories.

    >>> histogram([1, 2, 20])[0].tolist()
    [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    """
    values = np.asarray(counts, dtype=np.float64)
    if not values.size:
        fix = "lower min_count or check the categories column"
        raise LabelError(f"there is no category to draw a histogram of; {fix}")
    heights, edges = np.histogram(values, bins=bins)
    return heights.astype(np.int64), edges


def figure_2(counts: ArrayLike, path: Path | str | IO[bytes]) -> None:
    """Write the paper's Fig. 2 as SVG: categories (log scale) by products; 19 bins, 10 x 4 inches.

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
    axes.bar(
        edges[:-1], heights, width=np.diff(edges), align="edge", edgecolor="white", linewidth=0.5
    )
    axes.set_yscale("log")
    axes.set_xlabel("Number of products in each category")
    axes.set_ylabel("Number of categories")
    # ids in the file are hashes; a fixed salt makes them the same every time
    with rc_context({"svg.hashsalt": "shelfwise"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
