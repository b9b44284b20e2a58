"""Intervals by resampling products: how far a figure would move on another test set of the same size.

Dimensions: N products, L labels, R resamples. A resample is a row of weights: how often each product was drawn.
F1 needs only weighted sums of per-product counts, so all resamples are matrix products (R, N) @ (N, columns).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Float64Array, Int64Array, MultiHot
from shelfwise.metrics.multilabel import Counts, ratio
from shelfwise.metrics.scored_pairs import cells

Statistic = Literal["micro_f1", "macro_f1"]
CELLS = 8_000_000
"""Weights held at once: 32 MB."""


@dataclass(frozen=True)
class Comparison:
    """System a minus system b on the same products.

    Args:
        difference: of the statistic, on the products as they are.
        low: lower end of the interval of the difference.
        high: upper end.
        p_value: two-sided; how easily resampling alone turns the sign. Never below 2 / (R + 1).
    """

    difference: float
    low: float
    high: float
    p_value: float


def bootstrap_interval(
    targets: MultiHot,
    decided: MultiHot,
    statistic: Statistic = "micro_f1",
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of micro- or macro-F1 over resampled products.

    Args:
        targets: (N, L), bool or 0 and 1, at least one product.
        decided: (N, L), likewise.
        resamples: R, at least 1; the paper gives no interval, 1,000 is usual.
        level: share of the resamples inside the interval.
    """
    low, high = np.quantile(
        _resampled((_counts(targets, decided, statistic),), resamples, seed)[0], _tails(level)
    )
    return float(low), float(high)


def paired_bootstrap(
    targets: MultiHot,
    decided_a: MultiHot,
    decided_b: MultiHot,
    statistic: Statistic = "micro_f1",
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Is a better than b? Both are scored on the same resamples, so what both find hard cancels out.

    Arguments as in :func:`bootstrap_interval`.
    """
    counts = _counts(targets, decided_a, statistic), _counts(targets, decided_b, statistic)
    a, b = _resampled(counts, resamples, seed)
    one = np.ones((1, len(targets)), dtype=np.float32)
    difference = float(_f1(one, counts[0])[0] - _f1(one, counts[1])[0])
    low, high = np.quantile(a - b, _tails(level))
    rarer = min(np.count_nonzero(a <= b), np.count_nonzero(a >= b))
    return Comparison(difference, float(low), float(high), min(1.0, 2 * (rarer + 1) / (resamples + 1)))


def draw_weights(products: int, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each product is drawn, (chunk, N) at a time, R rows in all; each row sums to N."""
    random = np.random.default_rng(seed)
    size = max(1, CELLS // products)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = random.integers(products, size=(rows, products)) + products * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * products).reshape(rows, products).astype(np.float32)


def _counts(targets: MultiHot, decided: MultiHot, statistic: Statistic) -> tuple[Any, Any]:
    """Per product: true positives, and predicted plus true; sparse (N, L), or for micro-F1 summed over labels (N, 1)."""
    if statistic == "macro_f1":
        (rows, labels, _), (others, given, _), shape = cells(targets), cells(decided), np.shape(targets)
        both = np.asarray(decided)[rows, labels] > 0
        return _ones(rows[both], labels[both], shape), _ones(rows, labels, shape) + _ones(
            others, given, shape
        )
    counts = Counts.of(targets, decided, axis=1)
    # pooled over labels the sums outgrow the 24 bits in which float32 counts exactly
    return counts.hits[:, None].astype(np.float64), (counts.predicted + counts.true)[:, None].astype(
        np.float64
    )


def _ones(rows: Int64Array, labels: Int64Array, shape: tuple[int, ...]) -> sp.csr_array:
    """Ones (N, L) at the given cells, row by row; few are set, and only they are multiplied."""
    ends = np.cumsum(np.bincount(rows, minlength=shape[0]))
    return sp.csr_array((np.ones(len(rows), np.float32), labels, np.append(0, ends)), shape=shape)


def _f1(weights: NDArray[np.float32], counts: tuple[Any, Any]) -> Float64Array:
    hits, total = counts
    return np.asarray(ratio(2 * (weights @ hits), weights @ total).mean(axis=1))


def _resampled(systems: tuple[tuple[Any, Any], ...], resamples: int, seed: int) -> list[Float64Array]:
    """The statistic (R,) of each system, all on the same resamples."""
    chunks = [
        [_f1(weights, counts) for counts in systems]
        for weights in draw_weights(systems[0][0].shape[0], resamples, seed)
    ]
    return [np.concatenate(values) for values in zip(*chunks, strict=True)]


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2
