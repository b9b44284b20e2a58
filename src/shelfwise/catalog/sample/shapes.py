"""The shapes of ``shapes.toml`` as polygons and lines, on a square of 100 x 100 units, y downwards."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from shelfwise.catalog.sample.paints import PAINT_NUMBERS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ShapePart:
    """One polygon or line of a shape.

    Args:
        paint: its paint number.
        points: (P, 2) x and y.
        width: of a line, in units; 0 for a filled polygon.
    """

    paint: int
    points: Floats
    width: float


@cache
def load_shapes() -> dict[str, list[ShapePart]]:
    """Every shape's parts, in the order in which they are painted."""
    source = tomllib.loads(
        files("shelfwise.catalog.sample").joinpath("shapes.toml").read_text("utf-8")
    )
    shapes = {}
    for name, text in source.items():
        shapes[name] = [_part(line) for line in text.strip().splitlines()]
    return shapes


def _part(line: str) -> ShapePart:
    """A line of the file: ``paint form numbers``."""
    paint, form, *rest = line.split()
    numbers = [float(value) for value in rest]
    width = 0.0
    # lines have their width in front, rings behind
    if form in ("line", "curve"):
        width = numbers.pop(0)
    elif form == "ring":
        width = numbers.pop()
    return ShapePart(PAINT_NUMBERS[paint], _POINTS_OF_FORM[form](numbers), width)


def _pairs(numbers: list[float]) -> Floats:
    return np.array(numbers).reshape(-1, 2)


def _smooth(points: Floats, closed: bool) -> Floats:
    """A Catmull-Rom curve through `points` (P, 2): eight points from each to the next."""
    # every stretch needs the point before and the point behind it; open curves repeat their ends
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    # (stretches, 1, 2) each: the stretch goes from b to c
    count = len(padded) - 3
    a, b, c, d = (padded[i : count + i, None] for i in range(4))
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    linear = (c - a) * t
    quadratic = (2 * a - 5 * b + 4 * c - d) * t**2
    cubic = (3 * b - a - 3 * c + d) * t**3
    curve: Floats = 0.5 * (2 * b + linear + quadratic + cubic)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def _mirrored(half: Floats) -> Floats:
    """An outline from its right half, whose x is the distance from the middle, x = 50."""
    right = half * (1, 1) + (50, 0)
    # backwards, so that the outline goes round
    left = half[::-1] * (-1, 1) + (50, 0)
    return np.concatenate([right, left])


def _oval(center_x: float, center_y: float, radius_x: float, radius_y: float) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 33)
    x = center_x + radius_x * np.cos(angle)
    y = center_y + radius_y * np.sin(angle)
    return np.stack([x, y], axis=1)


def _box(x0: float, y0: float, x1: float, y1: float, corner: float) -> Floats:
    """A rectangle with rounded corners of radius `corner`."""
    angle = np.linspace(0, np.pi / 2, 6)
    arc = corner * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    left, right = x0 + corner, x1 - corner
    top, bottom = y0 + corner, y1 - corner
    # centre of each corner's circle, and in which direction its arc points
    corners = (
        ((right, bottom), (1, 1)),
        ((left, bottom), (-1, 1)),
        ((left, top), (-1, -1)),
        ((right, top), (1, -1)),
    )
    outline = []
    for center, (sign_x, sign_y) in corners:
        # a mirrored arc runs the other way, so it is turned round
        turned = arc[:: sign_x * sign_y] * (sign_x, sign_y)
        outline.append(np.array(center) + turned)
    return np.concatenate(outline)


_POINTS_OF_FORM: dict[str, Callable[[list[float]], Floats]] = {
    "poly": _pairs,
    "line": _pairs,
    "sym": lambda numbers: _mirrored(_pairs(numbers)),
    "blob": lambda numbers: _smooth(_pairs(numbers), closed=True),
    "curve": lambda numbers: _smooth(_pairs(numbers), closed=False),
    "symblob": lambda numbers: _mirrored(_smooth(_pairs(numbers), closed=False)),
    "oval": lambda numbers: _oval(*numbers),
    "ring": lambda numbers: _oval(*numbers),
    "box": lambda numbers: _box(*numbers),
}
