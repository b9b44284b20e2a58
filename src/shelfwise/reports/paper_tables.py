"""The paper's tables, as data and as Markdown.

Tables 1 and 3 are micro-F1 of single modalities and of fusion policies.
Tables 2 and 4 are the labels missed most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

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

COLUMNS = (
    "system",
    "micro-F1 at 0.5",
    "micro-F1 tuned",
    "macro-F1 at 0.5",
    "fit (s)",
    "predict (s)",
    "paper (Amazon)",
)


def product_counts(data: Mapping[str, Any]) -> str:
    """How many products a run was trained, tuned and tested on, in words.

    >>> product_counts({"train": 1610, "validation": 18, "test": 58})
    '1,610 training, 18 validation and 58 test products'
    """
    train = f"{data['train']:,} training"
    test = f"{data['test']:,} test products"
    if data["validation"]:
        return f"{train}, {data['validation']:,} validation and {test}"
    return f"{train} and {test} (thresholds by cross-fitting)"


def refit_sentence(results: Mapping[str, Any]) -> str:
    """Which products the saved model was fitted on, where some were kept out for the test; else empty.

    >>> refit_sentence({"refit": {"products": 595, "not_run": None}, "data": {"test": 145}})
    'then fitted again on all 595 products; the figures are of the model that had not seen the test products'
    """
    # neither models of older versions nor runs with a test catalogue have an entry
    refit = results.get("refit")
    if refit is None:
        return ""
    if refit["not_run"] is not None:
        return f"not fitted again on all products: {refit['not_run']}"
    figures = "the figures are of the model that had not seen the test products"
    return f"then fitted again on all {refit['products']:,} products; {figures}"


def table_1(results: Mapping[str, Any]) -> str:
    """The paper's table 1, title, description and image, in Markdown; see :func:`table_3`."""
    return _systems_markdown(results["systems"], TABLE_1)


def table_3(results: Mapping[str, Any]) -> str:
    """The paper's table 3, its late-fusion policies, in Markdown: percent, beside the paper's figures.

    Args:
        results: ``results["systems"]`` maps names to ``micro_f1``, ``micro_f1_tuned`` and ``macro_f1``
            (0 to 1), optionally ``micro_f1_interval`` and ``micro_f1_tuned_interval`` (low, high),
            ``seconds_fit`` and ``seconds_predict``; or to ``{"not_run": reason}``. A system that is not
            there was not part of the run.
    """
    return _systems_markdown(results["systems"], TABLE_3)


def run_table(results: Mapping[str, Any]) -> str:
    """Every system of a run in Markdown, and in a line below it the paper's systems that it has not.

    Args:
        results: as :func:`table_3` takes them.
    """
    paper = {**TABLE_1, **TABLE_3}
    rows = []
    for name, system in results["systems"].items():
        figure = f"{paper[name]:.1f}" if name in paper else ""
        rows.append([name, *_system_cells(system), figure])
    table = markdown(COLUMNS, rows)
    absent = [name for name in paper if name not in results["systems"]]
    if not absent:
        return table
    return f"{table}\n\nnot part of this run: {', '.join(absent)}"


def error_markdown(columns: Mapping[str, Sequence[ErrorRow]]) -> str:
    """The paper's tables 2 and 4 in Markdown: one system a column, "Name (missed/total)", ranks down.

    Args:
        columns: :func:`~shelfwise.metrics.error_analysis.error_table` by system; shorter columns end in
            empty cells.
    """
    # the longest column gives the rows
    depth = max(map(len, columns.values()), default=0)
    ranks: list[list[str]] = []
    for place in range(depth):
        cells = [_error_cell(rows, place) for rows in columns.values()]
        ranks.append([str(place + 1), *cells])
    return markdown(["", *columns], ranks)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped, line breaks become spaces.

    >>> print(markdown(["a", "b"], [["1", "x|y"]]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    first = _markdown_row(header)
    rule = "|" + "---|" * len(header)
    return "\n".join([first, rule, *map(_markdown_row, rows)])


def _markdown_row(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    escaped = []
    for cell in cells:
        # a line break would end the table, and a bar the cell
        line = " ".join(cell.split())
        escaped.append(line.replace("|", "\\|"))
    return "| " + " | ".join(escaped) + " |"


def _error_cell(rows: Sequence[ErrorRow], place: int) -> str:
    """One label of a column; nothing below its end."""
    if place >= len(rows):
        return ""
    row = rows[place]
    return f"{row['label']} ({row['missed']}/{row['total']})"


def _systems_markdown(systems: Mapping[str, Any], paper: Mapping[str, float]) -> str:
    """One row for each of the paper's systems, whether it ran here or not."""
    # the paper's rows are always there, so that two runs can be laid side by side
    absent = {"not_run": "not part of this run"}
    rows = []
    for name, figure in paper.items():
        cells = _system_cells(systems.get(name, absent))
        rows.append([name, *cells, f"{figure:.1f}"])
    return markdown(COLUMNS, rows)


def _system_cells(system: Mapping[str, Any]) -> list[str]:
    """One system's cells between its name and the paper's figure."""
    # the reason takes the first cell, and the others stay empty
    if "not_run" in system:
        return [f"not run: {system['not_run']}", "", "", "", ""]
    return [
        _percent(system["micro_f1"], system.get("micro_f1_interval")),
        _percent(system["micro_f1_tuned"], system.get("micro_f1_tuned_interval")),
        _percent(system["macro_f1"], None),
        _seconds(system.get("seconds_fit")),
        _seconds(system.get("seconds_predict")),
    ]


def _percent(value: float, interval: Sequence[float] | None) -> str:
    """0.8271 as 82.7, with its interval where there is one."""
    text = f"{100 * value:.1f}"
    if not interval:
        return text
    low, high = interval
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def _seconds(value: float | None) -> str:
    """Seconds with one decimal; nothing where they were not measured."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.1f}"
