"""Which labels are missed most, and what fusion changed: the numbers of the paper's tables 2 and 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TypedDict

import numpy as np
from scipy.stats import spearmanr

from shelfwise.core.types import MultiHot
from shelfwise.metrics.multilabel import micro_f1, per_label


class ErrorRow(TypedDict):
    """How many of a label's test products (`total`, at least 1) a system missed."""

    label: str
    missed: int
    total: int


class Change(TypedDict):
    """One label's missed products, of `total`, under the best single classifier and under the fused system."""

    label: str
    best_single: int
    fused: int
    total: int


def error_table(
    targets: MultiHot, decided: MultiHot, names: Sequence[str], top: int | None = 15
) -> list[ErrorRow]:
    """One column of the paper's tables 2 and 4: the `top` most missed labels (None: all), worst first, JSON-ready.

    Missed means true but not decided; labels without a test product are left out.

    Args:
        targets: (N, L) of the test products, bool or 0 and 1.
        decided: (N, L), likewise.
        names: the L labels.
    """
    labels = per_label(targets, decided)
    counted = zip(names, labels["missed"].tolist(), labels["support"].tolist(), strict=True)
    return worst_first(
        ErrorRow(label=name, missed=missed, total=total) for name, missed, total in counted if total
    )[:top]


def worst_first(rows: Iterable[ErrorRow]) -> list[ErrorRow]:
    """Sorted by miss rate; of equals first the larger total, then more missed, then the later name (authors' scripts)."""
    return sorted(
        rows,
        key=lambda row: (row["missed"] / row["total"], row["total"], row["missed"], row["label"]),
        reverse=True,
    )


def overlap(columns: Mapping[str, Sequence[ErrorRow]]) -> dict[str, list[str]]:
    """The labels, sorted, that each pair of columns of an error table shares; of three and more also what ``all`` share.

    >>> overlap({"a": [ErrorRow(label="Birds", missed=1, total=2)], "b": []})
    {'a & b': []}
    """
    labels = {name: {row["label"] for row in rows} for name, rows in columns.items()}
    shared = {f"{a} & {b}": sorted(labels[a] & labels[b]) for a, b in combinations(labels, 2)}
    return {**shared, "all": sorted(set.intersection(*labels.values()))} if len(labels) > 2 else shared


def rarity(targets: MultiHot, decided: MultiHot) -> float | None:
    """Spearman rank correlation of the labels' miss rate with their support; below 0 the rare ones are missed more.

    The paper explains its errors by rarity (section 5); this tests it. Labels without a test product do not count. None
    where fewer than three labels remain, or all have one support or one rate.
    """
    labels = per_label(targets, decided)
    used = labels["support"] > 0
    totals, rates = labels["support"][used], 1 - labels["recall"][used]
    if len(totals) < 3 or np.ptp(totals) == 0 or np.ptp(rates) == 0:
        return None
    return float(spearmanr(rates, totals).statistic)


def changes(
    targets: MultiHot,
    singles: Mapping[str, MultiHot],
    fused: MultiHot,
    names: Sequence[str],
    top: int | None = 15,
) -> list[Change]:
    """What fusion changed: the `top` labels whose missed products changed most, either way, between the best single and it.

    Args:
        targets: (N, L) of the test products, bool or 0 and 1.
        singles: decisions (N, L) of each single classifier; the best is the one with the largest micro-F1.
        fused: decisions (N, L) of the fused system.
        names: the L labels; of equal changes the first name comes first. Labels without a test product are left out.
    """
    best = max(singles.values(), key=lambda decided: micro_f1(targets, decided))
    before, after = per_label(targets, best), per_label(targets, fused)
    counted = zip(
        names, before["missed"].tolist(), after["missed"].tolist(), before["support"].tolist(), strict=True
    )
    rows = [Change(label=name, best_single=b, fused=a, total=total) for name, b, a, total in counted if total]
    return sorted(rows, key=lambda row: (-abs(row["fused"] - row["best_single"]), row["label"]))[:top]
