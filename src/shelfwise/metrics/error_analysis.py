"""Which labels are missed most, and what fusion changed: the numbers of the paper's tables 2 and 4.

Dimensions: N products, L labels. Targets and decisions are (N, L), bool or 0 and 1.
"""

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
    """One label's missed products, of `total`, by the best single classifier and by the fused system."""

    label: str
    best_single: int
    fused: int
    total: int


def error_table(
    targets: MultiHot, decided: MultiHot, names: Sequence[str], top: int | None = 15
) -> list[ErrorRow]:
    """One column of the paper's tables 2 and 4: the most missed labels, worst first, JSON-ready.

    Missed means true but not decided; labels without a test product are left out.

    Args:
        targets: (N, L) of the test products.
        decided: (N, L), likewise.
        names: the L labels.
        top: so many labels; None: all.
    """
    labels = per_label(targets, decided)
    # plain numbers, as JSON has no numpy ones
    missed = labels["missed"].tolist()
    totals = labels["support"].tolist()
    rows = [
        ErrorRow(label=name, missed=missed, total=total)
        for name, missed, total in zip(names, missed, totals, strict=True)
        if total
    ]
    return worst_first(rows)[:top]


def worst_first(rows: Iterable[ErrorRow]) -> list[ErrorRow]:
    """Sorted by miss rate; of equals first the larger total, then more missed, then the later name.

    The authors' scripts sort so.
    """

    def rank(row: ErrorRow) -> tuple[float, int, int, str]:
        return row["missed"] / row["total"], row["total"], row["missed"], row["label"]

    return sorted(rows, key=rank, reverse=True)


def overlap(columns: Mapping[str, Sequence[ErrorRow]]) -> dict[str, list[str]]:
    """The labels, sorted, that each pair of columns of an error table shares.

    Of three columns and more also what ``all`` share.

    >>> overlap({"a": [ErrorRow(label="Birds", missed=1, total=2)], "b": []})
    {'a & b': []}
    """
    labels = {name: {row["label"] for row in rows} for name, rows in columns.items()}
    # pairs in the order of the columns
    shared = {}
    for a, b in combinations(labels, 2):
        shared[f"{a} & {b}"] = sorted(labels[a] & labels[b])
    if len(labels) > 2:
        shared["all"] = sorted(set.intersection(*labels.values()))
    return shared


def rarity(targets: MultiHot, decided: MultiHot) -> float | None:
    """Spearman rank correlation of the labels' miss rate with their support.

    Below 0 the rare ones are missed more. The paper explains its errors by rarity (section 5); this tests it.
    Labels without a test product do not count. None where fewer than three labels remain, or all have one
    support or one rate.
    """
    labels = per_label(targets, decided)
    used = labels["support"] > 0
    totals = labels["support"][used]
    miss_rates = 1 - labels["recall"][used]
    # without any spread the correlation is not defined
    if len(totals) < 3:
        return None
    if np.ptp(totals) == 0 or np.ptp(miss_rates) == 0:
        return None
    return float(spearmanr(miss_rates, totals).statistic)


def changes(
    targets: MultiHot,
    singles: Mapping[str, MultiHot],
    fused: MultiHot,
    names: Sequence[str],
    top: int | None = 15,
) -> list[Change]:
    """What fusion changed: the labels whose missed products changed most, up or down, since the best single.

    Args:
        targets: (N, L) of the test products.
        singles: decisions (N, L) of each single classifier; the best is the one with the largest micro-F1.
        fused: decisions (N, L) of the fused system.
        names: the L labels; of equal changes the first name comes first. Labels without a test product are
            left out.
        top: so many labels; None: all.
    """
    # the best by the paper's headline, not the best label by label: fusion is compared with one system
    best = max(singles.values(), key=lambda decided: micro_f1(targets, decided))
    before = per_label(targets, best)
    missed_before = before["missed"].tolist()
    missed_after = per_label(targets, fused)["missed"].tolist()
    totals = before["support"].tolist()
    rows = [
        Change(label=name, best_single=single, fused=now, total=total)
        for name, single, now, total in zip(names, missed_before, missed_after, totals, strict=True)
        if total
    ]

    def rank(row: Change) -> tuple[int, str]:
        return -abs(row["fused"] - row["best_single"]), row["label"]

    return sorted(rows, key=rank)[:top]
