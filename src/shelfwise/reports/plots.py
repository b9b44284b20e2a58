"""The drawings of the reports, as SVG text to be set inside a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from shelfwise.reports.svg import (
    INK,
    MAIN,
    MUTED,
    SOFT,
    WARN,
    figure_element,
    new_figure,
    page_style,
)

SMALL_TEXT = 8.5
"""Size of numbers and names beside marks, in points."""

LINE_HEIGHT = 9.5
"""Least distance between two names in a drawing, in points: one line of small text."""

POINTS_PER_PERCENT = 1.9
"""Height of one percent of F1 in the scatter plot, in points."""


def system_bars(systems: Mapping[str, Mapping[str, Any]], chosen: str) -> str:
    """Micro-F1 of every system that ran, at 0.5 and at its tuned threshold, with intervals where given.

    Args:
        systems: entries of results.json by name; those with ``not_run`` are left out.
        chosen: the final system, which is marked.
    """
    ran = {name: system for name, system in systems.items() if "not_run" not in system}
    entries = list(ran.values())
    names = [shorten(name) for name in ran]
    if chosen in ran:
        place = list(ran).index(chosen)
        names[place] = f"▸ {names[place]}"
    with page_style():
        figure, axes = new_figure(0.8 + 0.38 * len(names))
        places = np.arange(len(names), dtype=float)
        # the two bars of a system touch its place from above and from below
        _draw_bars(axes, entries, places - 0.19, "micro_f1", SOFT, "threshold 0.5")
        _draw_bars(axes, entries, places + 0.19, "micro_f1_tuned", MAIN, "tuned threshold")
        axes.set_yticks(places, names)
        # the first system stands on top
        axes.set_ylim(len(names) - 0.5, -0.5)
        # room at the right for the number beside a bar of 100 %
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("micro-F1, %")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        write_legend(figure, axes)
        return figure_element(figure, "systems")


def _draw_bars(
    axes: Axes,
    entries: Sequence[Mapping[str, Any]],
    places: NDArray[np.float64],
    key: str,
    colour: str,
    label: str,
) -> None:
    """One bar a system, with its interval and its number."""
    values = np.array([_number(entry.get(key)) for entry in entries]) * 100
    axes.barh(places, np.nan_to_num(values), 0.34, color=colour, label=label)
    intervals = [entry.get(f"{key}_interval") for entry in entries]
    low, high = _interval_arms(intervals, values)
    axes.errorbar(
        values,
        places,
        xerr=(low, high),
        fmt="none",
        ecolor=INK,
        elinewidth=0.9,
        capsize=1.8,
    )
    for place, value, arm in zip(places, values, high, strict=True):
        # the number stands behind the interval, so that neither hides the other
        if math.isfinite(value):
            axes.text(value + arm + 1, place, f"{value:.1f}", va="center", fontsize=SMALL_TEXT)


def label_scatter(labels: Sequence[Mapping[str, Any]], named: int = 4) -> str:
    """F1 against test products (log scale), one dot a label.

    Args:
        labels: "label", "support" and "f1" of each; labels without a test product are left out.
        named: how many labels carry their names: those whose errors weigh most.
    """
    shown = [row for row in labels if row["support"] and math.isfinite(_number(row["f1"]))]
    names = np.array([shorten(row["label"]) for row in shown], dtype=object)
    support = np.array([row["support"] for row in shown], dtype=float)
    f1 = np.array([row["f1"] for row in shown], dtype=float) * 100
    # products times missing F1: a rare label weighs little, however bad it is
    worst = np.argsort(-support * (100 - f1), kind="stable")[:named]
    colours = np.full(len(shown), MAIN)
    colours[worst] = WARN
    middle = math.sqrt(support.min() * support.max()) if len(shown) else 1.0
    left = worst[support[worst] <= middle]
    right = worst[support[worst] > middle]
    with page_style():
        figure, axes = new_figure(3.4)
        axes.scatter(support, f1, s=26, c=list(colours), alpha=0.75, linewidths=0)
        axes.set_xscale("log")
        # names stand towards the middle, where there is room
        _write_names(axes, names[left], support[left], f1[left], "left")
        _write_names(axes, names[right], support[right], f1[right], "right")
        axes.set_ylim(-3, 103)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("test products with the label (log scale)")
        axes.set_ylabel("F1, %")
        axes.grid()
        return figure_element(figure, "scatter")


def _write_names(
    axes: Axes,
    names: NDArray[np.object_],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    align: str,
) -> None:
    """Names beside their dots, far enough apart to be read; `align` is the side that touches the dot."""
    away = 6 if align == "left" else -6
    heights = POINTS_PER_PERCENT * y
    free = spread_out(heights, LINE_HEIGHT)
    for i, name in enumerate(names):
        # half a line down, so that a name stands level with its dot
        up = free[i] - heights[i] - 3
        axes.annotate(
            name,
            (x[i], y[i]),
            (away, up),
            textcoords="offset points",
            fontsize=SMALL_TEXT,
            color=WARN,
            ha=align,
        )


def spread_out(values: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """`values` (N,), raised where need be until any two are at least `gap` apart; their order stays.

    >>> spread_out(np.array([50.0, 10.0, 51.0]), 5).tolist()
    [50.0, 10.0, 55.0]
    """
    placed = values.astype(np.float64)
    order = np.argsort(values, kind="stable")
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + gap)
    return placed


def reliability_curves(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Share of right labels against their score, before and after calibration; best is the diagonal.

    Args:
        before, after: lists ``score``, ``frequency`` and ``count`` of the bins, as
            :func:`~shelfwise.metrics.calibration.calibration_figures` gives them under ``curve``.
            A dot's area is its count.
    """
    largest = max([*before["count"], *after["count"]], default=1)
    with page_style():
        figure, axes = new_figure(4.2)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        curves = (
            (before, WARN, "before calibration"),
            (after, MAIN, "after calibration"),
        )
        for curve, colour, label in curves:
            score = curve["score"]
            frequency = curve["frequency"]
            axes.plot(score, frequency, color=colour, linewidth=1.4)
            # a least area, so that a bin of one label can still be seen
            areas = 12 + 110 * np.array(curve["count"]) / largest
            axes.scatter(score, frequency, areas, c=colour, linewidths=0, label=label)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_aspect("equal")
        axes.set_xlabel("score")
        axes.set_ylabel("share of right labels")
        axes.grid()
        # the dots of the legend would else be as large as the first bin's
        for handle in write_legend(figure, axes).legend_handles:
            handle.set_sizes([40])  # type: ignore[union-attr]
        return figure_element(figure, "reliability")


def count_bars(counts: Mapping[int, int], name: str, xlabel: str) -> str:
    """How often each whole number occurs among products, as upright bars."""
    with page_style():
        figure, axes = new_figure(2.5)
        axes.bar(list(counts), list(counts.values()), 0.8, color=MAIN)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(xlabel)
        axes.set_ylabel("products")
        axes.grid(axis="y")
        return figure_element(figure, name)


def shorten(text: str, length: int = 30) -> str:
    """At most `length` characters of `text`, with an ellipsis where something was cut.

    >>> shorten("Boating & Water Sports", 10)
    'Boating &…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def write_legend(figure: Figure, axes: Axes) -> Legend:
    """What the colours mean, in one line above the drawing."""
    handles, names = axes.get_legend_handles_labels()
    return figure.legend(
        handles,
        names,
        loc="outside upper left",
        ncols=2,
        frameon=False,
    )


def _number(value: Any) -> float:
    """None as nan."""
    return math.nan if value is None else float(value)


def _interval_arms(
    intervals: Sequence[Sequence[float] | None], values: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """Lengths to the left and to the right of each value (percent); 0 where there is no interval."""
    left: list[float] = []
    right: list[float] = []
    for interval, value in zip(intervals, values, strict=True):
        low = 100 * interval[0] if interval else value
        high = 100 * interval[1] if interval else value
        # an interval of a skewed sample may leave its own value out; an arm is never negative
        left.append(max(float(value - low), 0.0))
        right.append(max(float(high - value), 0.0))
    # a system without a figure has no arms
    return np.nan_to_num(left).tolist(), np.nan_to_num(right).tolist()
