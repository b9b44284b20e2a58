"""Quality beside cost of every system, as a drawing.

    python benchmarks/peers/plot.py FILE.svg "a fashion shop=DIR/peers.json" ["many labels=DIR/peers.json"]

A catalogue is a row of two charts that share their systems, best first: micro-F1 at the tuned threshold with
its 95 % interval, and the processor seconds of all that fitting takes, on a logarithmic scale.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, OTHERS = "#0f766e", "#6b7280"
WIDTH = 9.0
LINE_HEIGHT = 0.33
"""Inches a system."""

TITLE = 46
"""Letters in a line of a system's title."""

_STYLE: Any = {
    "font.size": 9,
    "svg.fonttype": "none",
    # the same numbers draw the same bytes
    "svg.hashsalt": "shelfwise",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}


def main() -> None:
    """Read the tables and draw."""
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    named = [argument.split("=", 1) for argument in sys.argv[2:]]
    tables = {name: json.loads(Path(path).read_text("utf-8")) for name, path in named}
    with rc_context(_STYLE):
        figure = drawing(tables)
        # without a date the same figures are the same file
        figure.savefig(sys.argv[1], metadata={"Date": None, "Creator": None})


def drawing(tables: Mapping[str, Mapping[str, Any]]) -> Figure:
    """One row of charts for each catalogue.

    Args:
        tables: what ``run.py`` wrote to peers.json, by the catalogue's name.
    """
    ranked = {name: _ranked(table["systems"]) for name, table in tables.items()}
    lines = [len(systems) + 3 for systems in ranked.values()]
    figure = Figure(figsize=(WIDTH, LINE_HEIGHT * sum(lines)), layout="constrained")
    # a chart of each kind for each catalogue, as high as its systems need
    charts = figure.subplots(len(ranked), 2, squeeze=False, sharey="row", height_ratios=lines)
    for (name, systems), (quality, cost) in zip(ranked.items(), charts, strict=True):
        _draw_quality(quality, systems)
        _draw_cost(cost, systems)
        quality.set_title(name, loc="left", fontweight="bold")
    return figure


def _ranked(systems: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    ran = [row for row in systems.values() if "not_run" not in row]
    return sorted(ran, key=lambda row: -row["micro_f1_tuned"])


def _draw_quality(axes: Axes, systems: Sequence[Mapping[str, Any]]) -> None:
    for place, row in enumerate(systems):
        low, high = (100 * end for end in row["micro_f1_tuned_interval"])
        axes.plot([low, high], [place, place], color=_colour(row), linewidth=1.5)
        axes.plot(100 * row["micro_f1_tuned"], place, "o", color=_colour(row), markersize=5)
    axes.set_yticks(range(len(systems)), [textwrap.fill(row["title"], TITLE) for row in systems])
    axes.tick_params(axis="y", length=0)
    # the best system stands on top
    axes.set_ylim(len(systems) - 0.5, -0.5)
    axes.grid(axis="x", linewidth=0.5)
    axes.set_xlabel("micro-F1, %")


def _draw_cost(axes: Axes, systems: Sequence[Mapping[str, Any]]) -> None:
    for place, row in enumerate(systems):
        seconds = row["cpu_fit"]
        axes.plot(seconds, place, "o", color=_colour(row), markersize=5)
        offset = {"xytext": (6, 0), "textcoords": "offset points"}
        axes.annotate(f"{seconds:,.0f}", (seconds, place), va="center", **offset)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(axis="y", length=0)
    # room for the number beside the last point
    axes.margins(x=0.12)
    axes.grid(axis="x", linewidth=0.5)
    axes.set_xlabel("processor seconds to fit")


def _colour(row: Mapping[str, Any]) -> str:
    return OURS if row["title"].startswith("shelfwise") else OTHERS


if __name__ == "__main__":
    main()
