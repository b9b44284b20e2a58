"""The report's pictures: matplotlib figures as SVG text to be set inside a page.

Colours are placeholders that become the page's CSS variables, and text stays text, so one drawing follows the
page's font and its light or dark theme. Nothing here touches matplotlib's global state or a display.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from shelfwise.errors import LabelError

INK, MUTED, LINE, MAIN, SOFT, WARN = (f"#01010{n}" for n in range(1, 7))
_THEME = {
    INK: "currentColor",
    MUTED: "var(--muted, #6b7280)",
    LINE: "var(--line, #d1d5db)",
    MAIN: "var(--accent, #0f766e)",
    SOFT: "var(--soft, #99c9c3)",
    WARN: "var(--warn, #b45309)",
}
_STYLE: Any = {  # matplotlib types the keys differently from version to version
    "svg.fonttype": "none",
    "svg.hashsalt": "shelfwise",  # the same numbers draw the same bytes
    "font.size": 10.0,
    "figure.facecolor": "none",
    "text.color": INK,
    "text.parse_math": False,  # a label may hold dollar signs
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=[MAIN]),
    "xtick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
}


def embed(svg: str, name: str) -> str:
    """An SVG document as an element of a page: no prologue, no metadata, and ids that no other drawing has."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'( id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    for placeholder, colour in _THEME.items():
        svg = svg.replace(f": {placeholder}", f": {colour}")
    return svg.strip()


def themed(draw: Callable[[IO[bytes]], object], name: str, size: float = 17.0) -> str:
    """What `draw` writes to a file as SVG, in the page's colours and with text of `size` points, as an element of a page."""
    buffer = io.BytesIO()
    with mpl.rc_context({**_STYLE, "font.size": size, "text.parse_math": True}):
        draw(buffer)
    return embed(buffer.getvalue().decode(), name)


def system_bars(systems: Mapping[str, Mapping[str, Any]], chosen: str) -> str:
    """Micro-F1 of every system that ran, at 0.5 and at its tuned threshold, with the bootstrap intervals where given."""
    names = [name for name, system in systems.items() if "not_run" not in system]
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(5.6, 0.9 + 0.44 * len(names))
        y = np.arange(len(names), dtype=float)
        for shift, key, colour, label in (
            (-0.19, "micro_f1", SOFT, "at 0.5"),
            (0.19, "micro_f1_tuned", MAIN, "at the tuned threshold"),
        ):
            values = np.array([_number(systems[n].get(key)) for n in names]) * 100
            axes.barh(y + shift, np.nan_to_num(values), 0.34, color=colour, label=label)
            low, high = _interval_arms([systems[n].get(f"{key}_interval") for n in names], values)
            axes.errorbar(
                values, y + shift, xerr=(low, high), fmt="none", ecolor=INK, elinewidth=0.9, capsize=1.8
            )
            for at, value, arm in zip(y + shift, values, high, strict=True):
                if math.isfinite(value):
                    axes.text(value + arm + 1, at, f"{value:.1f}", va="center", fontsize=8.5)
        axes.set_yticks(y, [f"▸ {shorten(n)}" if n == chosen else shorten(n) for n in names])
        axes.invert_yaxis()
        axes.set_xlim(0, 108)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("micro-F1, %")
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False)
        return _svg(figure, "systems")


def label_scatter(labels: Sequence[Mapping[str, Any]], named: int = 4) -> str:
    """F1 against support (log scale), a dot a label; the `named` labels that cost the most products carry their names."""
    shown = [row for row in labels if row["support"] and math.isfinite(_number(row["f1"]))]
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(5.6, 3.9)
        support = np.array([row["support"] for row in shown], dtype=float)
        f1 = np.array([row["f1"] for row in shown], dtype=float) * 100
        worst = np.argsort(-support * (100 - f1), kind="stable")[:named]
        colours = np.full(len(shown), MAIN)
        colours[worst] = WARN
        axes.scatter(support, f1, s=26, c=list(colours), alpha=0.75, linewidths=0)
        axes.set_xscale("log")
        middle = math.sqrt(support.min() * support.max()) if len(shown) else 1.0
        for i in worst:
            right = support[i] <= middle
            offset, side = ((6, -3), "left") if right else ((-6, -3), "right")
            axes.annotate(
                shorten(shown[i]["label"]),
                (support[i], f1[i]),
                offset,
                textcoords="offset points",
                ha=side,
                fontsize=8.5,
                color=WARN,
            )
        axes.set_ylim(-3, 103)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("test products with the label (log scale)")
        axes.set_ylabel("F1, %")
        axes.grid()
        return _svg(figure, "scatter")


def reliability_curves(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """How often labels come true against how sure the scores were, before and after calibration; right scores lie on the diagonal.

    Args:
        before, after: lists ``score``, ``frequency`` and ``count`` of the bins, as
            :func:`~shelfwise.metrics.calibration.calibration_figures` gives them under ``curve``; a dot's area is its count.
    """
    most = max([*before["count"], *after["count"]], default=1)
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(5.6, 4.6)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for curve, colour, label in ((before, WARN, "before calibration"), (after, MAIN, "after")):
            axes.plot(curve["score"], curve["frequency"], color=colour, linewidth=1.4)
            axes.scatter(
                curve["score"],
                curve["frequency"],
                12 + 110 * np.array(curve["count"]) / most,
                c=colour,
                linewidths=0,
                label=label,
            )
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_aspect("equal")
        axes.set_xlabel("score given")
        axes.set_ylabel("share that is true")
        axes.grid()
        legend = figure.legend(
            *axes.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False
        )
        for handle in legend.legend_handles:
            handle.set_sizes([40])  # type: ignore[union-attr]
        return _svg(figure, "reliability")


def count_bars(counts: Mapping[int, int], name: str, xlabel: str, ylabel: str = "products") -> str:
    """How often each whole number occurs, as upright bars."""
    with mpl.rc_context(_STYLE):
        figure, axes = _canvas(5.6, 2.9)
        axes.bar(list(counts), list(counts.values()), 0.8, color=MAIN)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.grid(axis="y")
        return _svg(figure, name)


def shorten(text: str, length: int = 30) -> str:
    """At most `length` characters of `text`, with an ellipsis where something was cut.

    >>> shorten("Boating & Water Sports", 10)
    'Boating &…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    return figure, figure.subplots()


def _svg(figure: Figure, name: str) -> str:
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    return embed(buffer.getvalue(), name)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _interval_arms(intervals: Sequence[Any], values: np.ndarray[Any, Any]) -> tuple[list[float], list[float]]:
    """Lengths to the left and right of each value (percent); 0 where there is no interval."""
    pairs = [(v, v) if not i else (100 * i[0], 100 * i[1]) for i, v in zip(intervals, values, strict=True)]
    left = [max(float(v - low), 0.0) for (low, _), v in zip(pairs, values, strict=True)]
    right = [max(float(high - v), 0.0) for (_, high), v in zip(pairs, values, strict=True)]
    return np.nan_to_num(left).tolist(), np.nan_to_num(right).tolist()


def histogram(counts: ArrayLike, bins: int = 19) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes per bin (bins,) and bin edges (bins + 1,): equal widths from the least count to the greatest.

    Where all counts are equal the bins span one product around them.

    >>> histogram([1, 2, 20])[0].tolist()
    [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    """
    values = np.asarray(counts, dtype=np.float64)
    if not values.size:
        raise LabelError(
            "there is no category to draw a histogram of; lower min_count or check the categories column"
        )
    heights, edges = np.histogram(values, bins=bins)
    return heights.astype(np.int64), edges


def figure_2(counts: ArrayLike, path: Path | str | IO[bytes]) -> None:
    """Write the paper's Fig. 2 as SVG: how many categories (log y) have how many products; 19 bins, 10 x 4 inches.

    The same counts give the same bytes.

    Args:
        counts: (L,) products of each category.
        path: a file name, or an open binary file.

    Raises:
        LabelError: there are no categories.
    """
    # Drawing is the only thing here that needs matplotlib, which is slow to import.
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    heights, edges = histogram(counts)
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.bar(edges[:-1], heights, width=np.diff(edges), align="edge", edgecolor="white", linewidth=0.5)
    axes.set_yscale("log")
    axes.set_xlabel("Number of products in each category")
    axes.set_ylabel("Number of categories")
    with rc_context({"svg.hashsalt": "shelfwise"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
