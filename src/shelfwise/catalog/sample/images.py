"""Draws one product: a flat illustration from ``shapes.toml``, coloured, patterned, turned, lit and put before a background."""

from __future__ import annotations

import colorsys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float64]
Color = tuple[float, float, float]

SIZE = 176
"""Width and height of a picture, pixels."""

_FINE = 2  # drawn at this multiple and averaged down: smooth edges without an antialiasing rasteriser
_MIXED = ("body", "dark", "deep", "light", "accent")
_FIXED: dict[str, Color] = {
    "white": (246, 246, 242),
    "cream": (240, 226, 196),
    "black": (42, 42, 48),
    "metal": (176, 184, 192),
    "steel": (128, 138, 148),
    "wood": (166, 112, 66),
    "glow": (252, 206, 92),
    "leaf": (96, 158, 88),
    "pine": (58, 122, 82),
    "glass": (176, 214, 230),
    "card": (196, 152, 104),
    "kraft": (170, 126, 82),
    "tape": (218, 182, 134),
}
_PAINTS = {name: number for number, name in enumerate((*_MIXED, *_FIXED, "ink"), start=1)}

COLORS: dict[str, Color] = {
    "red": (206, 62, 58),
    "orange": (232, 134, 58),
    "yellow": (236, 192, 72),
    "green": (92, 152, 96),
    "teal": (48, 146, 146),
    "blue": (66, 116, 190),
    "navy": (48, 62, 112),
    "purple": (132, 92, 170),
    "pink": (228, 138, 162),
    "brown": (138, 94, 66),
    "grey": (138, 144, 150),
    "white": (236, 234, 228),
}
"""The colours a product comes in, RGB from 0 to 255."""


@dataclass(frozen=True)
class ImageSpec:
    """What a picture shows.

    Args:
        shape: a name in ``shapes.toml``.
        color: a name in :data:`COLORS`.
        pattern: a name in :data:`PATTERNS`, or None for plain.
        detail: a close-up of a part instead of the whole.
    """

    shape: str
    color: str
    pattern: str | None = None
    detail: bool = False


def draw(look: ImageSpec, rng: np.random.Generator) -> Image.Image:
    """The picture of `look`, RGB, :data:`SIZE` pixels square; `rng` gives pose, light, background and grain."""
    turn, offset = _pose(look, rng)
    canvas = _rasterise(look.shape, turn, offset)
    accent = _accent(look.color, rng)
    if look.pattern is not None:
        canvas = _printed(canvas, look.pattern, turn, offset, rng)
    ink = accent if rng.random() < 0.4 else _FIXED["white"]
    canvas.putpalette(_palette(COLORS[look.color], accent, ink), "RGBA")
    return _compose(np.asarray(canvas.convert("RGBA").reduce(_FINE), np.float32), rng)


def _pose(look: ImageSpec, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The matrix (2, 2) and offset (2,) from the shape's 100 units to fine pixels: turned, scaled, sheared, perhaps mirrored."""
    angle = rng.normal(0, 0.12) if rng.random() < 0.85 else rng.uniform(-0.9, 0.9)
    scale = rng.uniform(0.6, 0.86) * (rng.uniform(2.6, 3.6) if look.detail else 1) * SIZE * _FINE / 100
    flip = -1 if rng.random() < 0.5 else 1
    cos, sin = np.cos(angle), np.sin(angle)
    turn = (
        scale
        * np.array([[cos, -sin], [sin, cos]])
        @ np.array([[flip * rng.uniform(0.86, 1.08), rng.normal(0, 0.05)], [0, 1]])
    )
    centre = 50 + (rng.uniform(-20, 20, 2) if look.detail else rng.normal(0, 2.5, 2))
    return turn, SIZE * _FINE / 2 - turn @ centre


def _rasterise(shape: str, turn: Floats, offset: Floats) -> Image.Image:
    """Paint numbers at the fine resolution, 0 where there is nothing."""
    canvas = Image.new("P", (SIZE * _FINE, SIZE * _FINE))
    pen = ImageDraw.Draw(canvas)
    unit = float(np.sqrt(abs(np.linalg.det(turn))))
    for paint, points, width in _shapes()[shape]:
        xy = (points @ turn.T + offset).ravel().tolist()
        if width:
            pen.line(xy, paint, max(1, round(width * unit)), joint="curve")
        else:
            pen.polygon(xy, paint)
    return canvas


@cache
def _shapes() -> dict[str, list[tuple[int, Floats, float]]]:
    """Every shape as (paint number, points (P, 2), line width or 0 for filled)."""
    source = tomllib.loads(files("shelfwise.catalog.sample").joinpath("shapes.toml").read_text("utf-8"))
    return {name: [_part(line) for line in text.strip().splitlines()] for name, text in source.items()}


def _part(line: str) -> tuple[int, Floats, float]:
    paint, form, *rest = line.split()
    n = [float(v) for v in rest]
    width = n.pop(0) if form in ("line", "curve") else n.pop() if form == "ring" else 0.0
    return _PAINTS[paint], _FORMS[form](n), width


def _pairs(n: list[float]) -> Floats:
    return np.array(n).reshape(-1, 2)


def _smooth(points: Floats, closed: bool) -> Floats:
    """A Catmull-Rom curve through `points` (P, 2)."""
    padded = np.concatenate(
        [points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]]
    )
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    joined: Floats = curve.reshape(-1, 2)
    return joined if closed else np.concatenate([joined, points[-1:]])


def _mirrored(half: Floats) -> Floats:
    return np.concatenate([half * (1, 1) + (50, 0), half[::-1] * (-1, 1) + (50, 0)])


def _oval(cx: float, cy: float, rx: float, ry: float) -> Floats:
    t = np.linspace(0, 2 * np.pi, 33)
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)


def _box(x0: float, y0: float, x1: float, y1: float, corner: float) -> Floats:
    t = np.linspace(0, np.pi / 2, 6)
    arc = corner * np.stack([np.cos(t), np.sin(t)], axis=1)
    left, top, right, bottom = x0 + corner, y0 + corner, x1 - corner, y1 - corner
    turns = (
        ((right, bottom), (1, 1)),
        ((left, bottom), (-1, 1)),
        ((left, top), (-1, -1)),
        ((right, top), (1, -1)),
    )
    return np.concatenate([np.array(at) + arc[:: sx * sy] * (sx, sy) for at, (sx, sy) in turns])


_FORMS: dict[str, Callable[[list[float]], Floats]] = {
    "poly": _pairs,
    "line": _pairs,
    "sym": lambda n: _mirrored(_pairs(n)),
    "blob": lambda n: _smooth(_pairs(n), closed=True),
    "curve": lambda n: _smooth(_pairs(n), closed=False),
    "symblob": lambda n: _mirrored(_smooth(_pairs(n), closed=False)),
    "oval": lambda n: _oval(*n),
    "ring": lambda n: _oval(*n),
    "box": lambda n: _box(*n),
}


def _accent(color: str, rng: np.random.Generator) -> Color:
    others = [value for name, value in COLORS.items() if name != color]
    return others[int(rng.integers(len(others)))]


def _palette(body: Color, accent: Color, ink: Color) -> bytes:
    """RGBA by paint number; number 0 is clear."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(c / 255 for c in body))
    shades = [
        (value * 0.78, saturation),
        (value * 0.48, saturation),
        (min(1.0, value * 1.1 + 0.08), saturation * 0.6),
    ]
    mixed = [tuple(255 * c for c in colorsys.hsv_to_rgb(hue, s, v)) for v, s in shades]
    opaque = [bytes((*map(int, color), 255)) for color in (body, *mixed, accent, *_FIXED.values(), ink)]
    return bytes(4) + b"".join(opaque)


def _stripes(x: Floats, y: Floats) -> NDArray[np.bool_]:
    return np.asarray(y % 1 < 0.45)


def _dots(x: Floats, y: Floats) -> NDArray[np.bool_]:
    return np.asarray(((x + (y // 1) / 2) % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < 0.07)


def _checks(x: Floats, y: Floats) -> NDArray[np.bool_]:
    return np.asarray((x % 1 < 0.5) ^ (y % 1 < 0.5))


def _flowers(x: Floats, y: Floats) -> NDArray[np.bool_]:
    u, v = (x * 0.8 + (y * 0.8 // 1) / 2) % 1 - 0.5, y * 0.8 % 1 - 0.5
    radius = np.hypot(u, v)
    return np.asarray((radius < 0.28 + 0.13 * np.cos(5 * np.arctan2(v, u))) & (radius > 0.1))


PATTERNS: dict[str, Callable[[Floats, Floats], NDArray[np.bool_]]] = {
    "stripes": _stripes,
    "dots": _dots,
    "checks": _checks,
    "flowers": _flowers,
}
"""What a product can be printed with: (x, y) in repeats of the pattern -> printed or not."""


def _printed(
    canvas: Image.Image, pattern: str, turn: Floats, offset: Floats, rng: np.random.Generator
) -> Image.Image:
    """The canvas with `pattern` in ink on its body parts; it is fixed to the product, not to the frame."""
    numbers = np.array(canvas)
    rows, columns = np.nonzero(numbers == _PAINTS["body"])
    slant = rng.choice([0.0, 0.0, np.pi / 4, np.pi / 2])
    cos, sin = np.cos(slant), np.sin(slant)
    to_repeats = np.array([[cos, -sin], [sin, cos]]) @ np.linalg.inv(turn) / rng.uniform(9, 14)
    inked = PATTERNS[pattern](*(to_repeats @ np.stack([columns - offset[0], rows - offset[1]])))
    numbers[rows[inked], columns[inked]] = _PAINTS["ink"]
    return Image.fromarray(numbers, "P")


@cache
def _frame() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """x and y of every pixel, from -1 to 1, and the shadow on the ground, each (S, S, 1)."""
    side = np.linspace(-1, 1, SIZE, dtype=np.float32)
    x, y = (plane[..., None] for plane in np.meshgrid(side, side))
    shadow = 1 - 0.3 * np.exp(-((x / 0.6) ** 2) - ((y - 0.78) / 0.1) ** 2)
    return x, y, shadow.astype(np.float32)


def _compose(product: NDArray[np.float32], rng: np.random.Generator) -> Image.Image:
    """Product (S, S, 4) over a background, with light from one side, a soft shadow and grain."""
    x, y, shadow = _frame()
    alpha = product[..., 3:] / 255
    light = 1 + np.float32(rng.uniform(-0.16, 0.16)) * x - 0.08 * y
    picture = _background(x, y, rng) * (shadow * (1 - alpha)) + product[..., :3] * (light * alpha)
    grain = rng.standard_normal((SIZE, SIZE, 1), np.float32) * np.float32(rng.choice([0.5, 2.0, 6.0]))
    return Image.fromarray(
        np.clip(picture * np.float32(rng.uniform(0.9, 1.05)) + grain, 0, 255).astype(np.uint8)
    )


def _background(
    x: NDArray[np.float32], y: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """A studio, (S, S, 3) or what broadcasts to it: white, a soft pastel glow, or a wall and a table."""
    pastel = np.array(
        [255 * c for c in colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.05, 0.3), rng.uniform(0.8, 0.98))],
        np.float32,
    )
    kind = rng.integers(3)
    if kind == 0:
        return np.full(3, rng.uniform(240, 253), np.float32)
    if kind == 1:
        return np.asarray(pastel * (0.86 + 0.14 * np.exp((x**2 + y**2) / -1.2)), np.float32)
    table = y > rng.uniform(0.35, 0.6)
    return np.where(table, pastel * np.array([0.84, 0.78, 0.7], np.float32), pastel * (1 - 0.05 * y))
