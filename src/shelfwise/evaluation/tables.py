"""The paper's tables, as data and as Markdown.

Tables 1 and 3 are micro-F1 of classifiers and of fusion policies; tables 2 and 4 are the most misclassified categories.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypedDict

import numpy as np
from scipy.stats import spearmanr

from shelfwise.evaluation.metrics import Hot, micro_f1, per_label

TABLE_1 = {"title": 82.7, "description": 77.0, "image": 61.0}
"""The paper's micro-F1 in percent on its Amazon sample, by classifier."""
TABLE_3 = {
    "max": 78.8,
    "mean": 81.7,
    "ridge": 83.0,
    "image+description": 82.0,
    "image+title": 85.0,
    "title+description": 87.0,
    "image+title+description": 88.2,
}
"""The same by fusion policy; ridge is the paper's linear regression, the rest its policy networks."""


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


def error_table(targets: Hot, decided: Hot, names: Sequence[str], top: int | None = 15) -> list[ErrorRow]:
    """One column of the paper's tables 2 and 4: the `top` most missed labels (None: all), worst first, JSON-ready.

    Missed means true but not decided; labels without a test product are left out.

    Args:
        targets: (N, L) of the test products, bool or 0 and 1.
        decided: (N, L), likewise.
        names: the L labels.
    """
    labels = per_label(targets, decided)
    counted = zip(names, labels["missed"].tolist(), labels["support"].tolist(), strict=True)
    return worst_first(ErrorRow(label=name, missed=missed, total=total) for name, missed, total in counted if total)[:top]


def worst_first(rows: Iterable[ErrorRow]) -> list[ErrorRow]:
    """Sorted by miss rate; of equals first the larger total, then more missed, then the later name (authors' scripts)."""
    return sorted(rows, key=lambda row: (row["missed"] / row["total"], row["total"], row["missed"], row["label"]), reverse=True)


def overlap(columns: Mapping[str, Sequence[ErrorRow]]) -> dict[str, list[str]]:
    """The labels, sorted, that each pair of columns of an error table shares; of three and more also what ``all`` share.

    >>> overlap({"a": [ErrorRow(label="Birds", missed=1, total=2)], "b": []})
    {'a & b': []}
    """
    labels = {name: {row["label"] for row in rows} for name, rows in columns.items()}
    shared = {f"{a} & {b}": sorted(labels[a] & labels[b]) for a, b in combinations(labels, 2)}
    return {**shared, "all": sorted(set.intersection(*labels.values()))} if len(labels) > 2 else shared


def rarity(targets: Hot, decided: Hot) -> float | None:
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


def changes(targets: Hot, singles: Mapping[str, Hot], fused: Hot, names: Sequence[str], top: int | None = 15) -> list[Change]:
    """What fusion changed: the `top` labels whose missed products changed most, either way, between the best single and it.

    Args:
        targets: (N, L) of the test products, bool or 0 and 1.
        singles: decisions (N, L) of each single classifier; the best is the one with the largest micro-F1.
        fused: decisions (N, L) of the fused system.
        names: the L labels; of equal changes the first name comes first. Labels without a test product are left out.
    """
    best = max(singles.values(), key=lambda decided: micro_f1(targets, decided))
    before, after = per_label(targets, best), per_label(targets, fused)
    counted = zip(names, before["missed"].tolist(), after["missed"].tolist(), before["support"].tolist(), strict=True)
    rows = [Change(label=name, best_single=b, fused=a, total=total) for name, b, a, total in counted if total]
    return sorted(rows, key=lambda row: (-abs(row["fused"] - row["best_single"]), row["label"]))[:top]


def table_1(results: Mapping[str, Any]) -> str:
    """The paper's table 1, title, description and image, in Markdown; see :func:`table_3`."""
    return _systems_markdown(results["systems"], TABLE_1)


def table_3(results: Mapping[str, Any]) -> str:
    """The paper's table 3, every late-fusion policy, in Markdown; percent with one decimal, beside the paper's figures.

    Args:
        results: ``results["systems"]`` maps names to ``micro_f1``, ``micro_f1_tuned`` and ``macro_f1`` (0 to 1), optionally
            ``micro_f1_interval`` and ``micro_f1_tuned_interval`` (low, high), ``seconds_fit`` and
            ``seconds_predict``; or to ``{"not_run": reason}``. A system that is not there was not part of the run.
    """
    return _systems_markdown(results["systems"], TABLE_3)


def error_markdown(columns: Mapping[str, Sequence[ErrorRow]]) -> str:
    """The paper's tables 2 and 4 in Markdown: one system a column, "Name (missed/total)", ranks down.

    Args:
        columns: :func:`error_table` by system; shorter columns end in empty cells.
    """
    depth = max(map(len, columns.values()), default=0)
    ranks = [[str(i + 1), *(_error(rows[i]) if i < len(rows) else "" for rows in columns.values())] for i in range(depth)]
    return markdown(["", *columns], ranks)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped, line breaks become spaces.

    >>> print(markdown(["a", "b"], [["1", "x|y"]]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    lines = ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _error(row: ErrorRow) -> str:
    return f"{row['label']} ({row['missed']}/{row['total']})"


def _systems_markdown(systems: Mapping[str, Any], paper: Mapping[str, float]) -> str:
    header = ["model", "micro-F1 at 0.5", "micro-F1 tuned", "macro-F1 at 0.5", "fit (s)", "predict (s)", "paper (Amazon)"]
    rows = [
        [name, *_system_cells(systems.get(name, {"not_run": "not part of this run"})), f"{figure:.1f}"] for name, figure in paper.items()
    ]
    return markdown(header, rows)


def _system_cells(system: Mapping[str, Any]) -> list[str]:
    if "not_run" in system:
        return [f"not run: {system['not_run']}", "", "", "", ""]
    f1 = [
        _percent(system["micro_f1"], system.get("micro_f1_interval")),
        _percent(system["micro_f1_tuned"], system.get("micro_f1_tuned_interval")),
    ]
    return [*f1, _percent(system["macro_f1"], None), *(_seconds(system.get(key)) for key in ("seconds_fit", "seconds_predict"))]


def _percent(value: float, interval: Sequence[float] | None) -> str:
    """0.8271 as 82.7, with its interval where there is one."""
    return f"{100 * value:.1f}" + (f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})" if interval else "")


def _seconds(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.1f}"
