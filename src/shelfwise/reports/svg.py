"""Matplotlib figures as SVG text that takes the page's font and colours.

Colours are placeholders that become the page's CSS variables, and text stays text. So one drawing follows the
page's light or dark theme. Nothing here touches matplotlib's global state or a display.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, LINE, MAIN, SOFT, WARN = (f"#01010{n}" for n in range(1, 7))
"""Colours that no drawing would use otherwise, so that they can be found and replaced."""

WIDTH = 4.6
"""Width of a drawing, in inches. Narrow, so that its text can still be read on a telephone."""

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
_METADATA: Any = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""No date and no version: the same numbers draw the same bytes."""


@contextmanager
def page_style(**changes: Any) -> Iterator[None]:
    """Matplotlib's settings for drawings of a page, for as long as the block lasts."""
    settings: Any = {**_STYLE, **changes}
    with mpl.rc_context(settings):
        yield


def new_figure(height: float) -> tuple[Figure, Axes]:
    """A figure of :data:`WIDTH` times `height` inches, and its only axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="none")
    return figure, figure.subplots()


def figure_element(figure: Figure, name: str) -> str:
    """A figure as an element of a page, with ids that begin with `name`."""
    buffer = io.BytesIO()
    save_svg(figure, buffer)
    return embed(buffer.getvalue().decode(), name)


def save_svg(figure: Figure, file: IO[bytes]) -> None:
    """Write a figure as SVG without date or version."""
    figure.savefig(file, format="svg", metadata=_METADATA)


def themed(draw: Callable[[IO[bytes]], object], name: str, size: float = 17.0) -> str:
    """What `draw` writes as SVG, as an element of a page: in its colours, with text of `size` points."""
    buffer = io.BytesIO()
    with page_style(**{"font.size": size, "text.parse_math": True}):
        draw(buffer)
    return embed(buffer.getvalue().decode(), name)


def embed(svg: str, name: str) -> str:
    """An SVG document as an element of a page: no prologue, no metadata, and ids of its own."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    # without width and height the drawing takes the width that the page gives it
    svg = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(r'( id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    for placeholder, colour in _THEME.items():
        svg = svg.replace(f": {placeholder}", f": {colour}")
    return svg.strip()
