"""The paper's tables, as data and as Markdown.

Tables 1 and 3 are micro-F1 of classifiers and of fusion policies; tables 2 and 4 are the most misclassified categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shelfwise.metrics.error_analysis import ErrorRow

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
    ranks = [
        [str(i + 1), *(_error(rows[i]) if i < len(rows) else "" for rows in columns.values())]
        for i in range(depth)
    ]
    return markdown(["", *columns], ranks)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped, line breaks become spaces.

    >>> print(markdown(["a", "b"], [["1", "x|y"]]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    lines = [
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"
        for row in [header, *rows]
    ]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _error(row: ErrorRow) -> str:
    return f"{row['label']} ({row['missed']}/{row['total']})"


def _systems_markdown(systems: Mapping[str, Any], paper: Mapping[str, float]) -> str:
    header = [
        "model",
        "micro-F1 at 0.5",
        "micro-F1 tuned",
        "macro-F1 at 0.5",
        "fit (s)",
        "predict (s)",
        "paper (Amazon)",
    ]
    rows = [
        [name, *_system_cells(systems.get(name, {"not_run": "not part of this run"})), f"{figure:.1f}"]
        for name, figure in paper.items()
    ]
    return markdown(header, rows)


def _system_cells(system: Mapping[str, Any]) -> list[str]:
    if "not_run" in system:
        return [f"not run: {system['not_run']}", "", "", "", ""]
    f1 = [
        _percent(system["micro_f1"], system.get("micro_f1_interval")),
        _percent(system["micro_f1_tuned"], system.get("micro_f1_tuned_interval")),
    ]
    return [
        *f1,
        _percent(system["macro_f1"], None),
        *(_seconds(system.get(key)) for key in ("seconds_fit", "seconds_predict")),
    ]


def _percent(value: float, interval: Sequence[float] | None) -> str:
    """0.8271 as 82.7, with its interval where there is one."""
    return f"{100 * value:.1f}" + (
        f" ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})" if interval else ""
    )


def _seconds(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.1f}"
