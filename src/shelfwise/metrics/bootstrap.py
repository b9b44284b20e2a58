"""Intervals by resampling products: how far a figure would move on another test set of the same size.

Dimensions: N products, L labels, R resamples. A resample is a row of weights: how often each product was
drawn. F1 needs only weighted sums of per-product counts, so all resamples are one matrix product.

A resample misses a third of the labels that one product has, and their F1 is then 0. So the macro-F1 of
resamples is too low where labels are rare: as much lower on average than the figure as the bootstrap says the
figure is biased (Efron and Tibshirani 1993, chapter 10). All values are moved by that much before an interval
is read from them. Micro-F1 hardly moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.types import Float64Array, MultiHot
from shelfwise.metrics.counts import Counts, ratio, row_blocks
from shelfwise.metrics.scored_pairs import positive_cells

Statistic = Literal["micro_f1", "macro_f1"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)

ProductCounts = tuple[Any, Any]
"""Per product: true positives, and predicted plus true; (N, L), sparse, or (N, 1) where labels are pooled."""

WEIGHTS_PER_CHUNK = 8_000_000
"""Weights held at once, and sums of them: 32 MB each."""


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
    """Percentile interval of micro- or macro-F1 over resampled products, corrected for bias.

    Args:
        targets: (N, L), bool or 0 and 1, at least one product.
        decided: (N, L), likewise.
        resamples: R, at least 1; the paper gives no interval, 1,000 is usual.
        level: share of the resamples inside the interval.
    """
    counts = _product_counts(targets, decided, statistic)
    [values] = _resampled([counts], resamples, seed)
    return _interval(values, counts, level)


def bootstrap_intervals(
    targets: MultiHot,
    decisions: Mapping[str, MultiHot],
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[Statistic, tuple[float, float]]]:
    """The intervals of :func:`bootstrap_interval` of every statistic, and of several decisions by name.

    The resamples are drawn once for all.
    """
    wanted = [(name, statistic) for name in decisions for statistic in STATISTICS]
    counts = [_product_counts(targets, decisions[name], statistic) for name, statistic in wanted]
    intervals: dict[str, dict[Statistic, tuple[float, float]]] = {name: {} for name in decisions}
    resampled = _resampled(counts, resamples, seed)
    for (name, statistic), values, of_products in zip(wanted, resampled, counts, strict=True):
        intervals[name][statistic] = _interval(values, of_products, level)
    return intervals


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
    counts_a = _product_counts(targets, decided_a, statistic)
    counts_b = _product_counts(targets, decided_b, statistic)
    values_a, values_b = _resampled([counts_a, counts_b], resamples, seed)
    difference = _whole(counts_a) - _whole(counts_b)
    differences = _centred(values_a - values_b, difference)
    low, high = np.quantile(differences, _tails(level))
    # how many resamples turn the sign of the difference
    rarer_sign = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    # the test set itself counts as one more resample, so that no p-value is 0
    p_value = min(1.0, 2 * (rarer_sign + 1) / (resamples + 1))
    return Comparison(difference, float(low), float(high), p_value)


def draw_weights(products: int, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each product is drawn, (chunk, N) at a time, R rows in all; each row sums to N."""
    random = np.random.default_rng(seed)
    for rows in row_blocks(resamples, products, WEIGHTS_PER_CHUNK):
        count = rows.stop - rows.start
        drawn = random.integers(products, size=(count, products))
        # one count for the whole chunk: each row has numbers of its own
        drawn += products * np.arange(count)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * products)
        yield weights.reshape(count, products).astype(np.float32)


def _product_counts(targets: MultiHot, decided: MultiHot, statistic: Statistic) -> ProductCounts:
    """What F1 sums up over the products of a resample."""
    if statistic == "macro_f1":
        return _counts_by_label(targets, decided)
    counts = Counts.of(targets, decided, axis=1)
    # pooled over labels the sums outgrow the 24 bits in which float32 counts exactly
    hits = counts.hits[:, None].astype(np.float64)
    either = (counts.predicted + counts.true)[:, None].astype(np.float64)
    return hits, either


def _counts_by_label(targets: MultiHot, decided: MultiHot) -> ProductCounts:
    """The counts of each product and label; few are set, and only they are kept and multiplied."""
    true, predicted = _ones(targets), _ones(decided)
    # F1 is 2 hits / (true + predicted): a cell that is both counts twice
    return true.multiply(predicted).tocsr(), true + predicted


def _ones(cells: MultiHot) -> sp.csr_array:
    """Ones (N, L) where a cell is set."""
    rows, labels, _ = positive_cells(cells)
    return sp.csr_array((np.ones(len(rows), np.float32), (rows, labels)), shape=cells.shape)


def _f1(weights: NDArray[np.float32], counts: ProductCounts) -> Float64Array:
    """The F1 (R,) of each row of weights (R, N), averaged over the columns of the counts."""
    hits, either = counts
    values: list[Float64Array] = []
    # there may be more labels than products
    for rows in row_blocks(len(weights), either.shape[1], WEIGHTS_PER_CHUNK):
        drawn = weights[rows]
        values.append(ratio(2 * (drawn @ hits), drawn @ either).mean(axis=1))
    return np.concatenate(values)


def _whole(counts: ProductCounts) -> float:
    """The figure itself: the F1 of every product drawn once."""
    once = np.ones((1, counts[0].shape[0]), dtype=np.float32)
    return float(_f1(once, counts)[0])


def _interval(values: Float64Array, counts: ProductCounts, level: float) -> tuple[float, float]:
    """The interval that the resampled values (R,) give."""
    low, high = np.quantile(_centred(values, _whole(counts)), _tails(level))
    # what is moved may leave the range of F1
    return max(0.0, float(low)), min(1.0, float(high))


def _centred(values: Float64Array, figure: float) -> Float64Array:
    """The values (R,) of resamples, moved so that their mean is the figure."""
    return values - (float(values.mean()) - figure)


def _resampled(systems: list[ProductCounts], resamples: int, seed: int) -> list[Float64Array]:
    """The statistic (R,) of each system, all on the same resamples."""
    n_products = systems[0][0].shape[0]
    values: list[list[Float64Array]] = [[] for _ in systems]
    # each chunk of weights is drawn once, for all systems
    for weights in draw_weights(n_products, resamples, seed):
        for chunks, counts in zip(values, systems, strict=True):
            chunks.append(_f1(weights, counts))
    return [np.concatenate(chunks) for chunks in values]


def _tails(level: float) -> tuple[float, float]:
    """The two quantiles with the share `level` between them."""
    return (1 - level) / 2, (1 + level) / 2
