"""Metrics of labels given as names, where the true ones may be unknown to the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from shelfwise.errors import LabelError


def micro_f1_of_names(
    true: Sequence[Iterable[str]],
    predicted: Sequence[Iterable[str]],
    weights: Any = None,
) -> float:
    """Micro-averaged F1: true positives, false positives and misses of all products pooled.

    A true label that is never predicted is missed, whether or not the model knows it. It is 0 where
    nothing is true or predicted, as in :mod:`shelfwise.metrics.multilabel`.

    Args:
        true: N collections of names.
        predicted: N collections of names.
        weights: (N,) numbers, how much each product counts; all 1 where it is None.

    Raises:
        LabelError: there is not one weight a product, or one is below 0 or not finite.

    >>> micro_f1_of_names([["Mugs", "Gifts"], ["Lamps"]], [["Mugs"], ["Mugs"]])
    0.4
    """
    # by name and not by column, as labels that the model does not know have none
    counts = np.ones(len(true)) if weights is None else np.asarray(weights, np.float64)
    if counts.shape != (len(true),):
        raise LabelError(
            f"the weights have the shape {counts.shape}; expected one number for each of {len(true)} products"
        )
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise LabelError(
            "a weight is below 0 or no finite number; expected how much a product counts"
        )
    hits = 0.0
    both = 0.0
    for names, given, weight in zip(true, predicted, counts.tolist(), strict=True):
        wanted = set(names)
        found = set(given)
        hits += weight * len(wanted & found)
        both += weight * (len(wanted) + len(found))
    # F1 is twice the hits over all that is true and all that is predicted
    return 2 * hits / both if both else 0.0
