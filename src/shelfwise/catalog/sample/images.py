"""Draws one product: a flat illustration, coloured, patterned, turned, lit and put before a background."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shelfwise.catalog.sample.paints import (
    COLORS,
    FIXED_PAINTS,
    PAINT_NUMBERS,
    other_color,
    palette,
)
from shelfwise.catalog.sample.patterns import PATTERNS
from shelfwise.catalog.sample.shapes import load_shapes

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

IMAGE_PIXELS = 176
"""Width and height of an image."""

_OVERSAMPLING = 2
"""Drawn at this multiple and averaged down: smooth edges without an antialiasing rasterizer."""

_CANVAS_PIXELS = IMAGE_PIXELS * _OVERSAMPLING


@dataclass(frozen=True)
class ImageSpec:
    """What an image shows.

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


def draw(spec: ImageSpec, rng: np.random.Generator) -> Image.Image:
    """The RGB image of `spec`, :data:`IMAGE_PIXELS` square; `rng` gives pose, light, background and grain."""
    turn, offset = _pose(spec, rng)
    canvas = _rasterize(spec.shape, turn, offset)
    accent = other_color(spec.color, rng)
    if spec.pattern is not None:
        canvas = _print_pattern(canvas, spec.pattern, turn, offset, rng)
    ink = accent if rng.random() < 0.4 else FIXED_PAINTS["white"]
    canvas.putpalette(palette(COLORS[spec.color], accent, ink), "RGBA")
    # drawn larger and made smaller: edges come out smooth
    product = np.asarray(canvas.convert("RGBA").reduce(_OVERSAMPLING), np.float32)
    return _compose(product, rng)


def _pose(spec: ImageSpec, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The matrix (2, 2) and offset (2,) from the shape's 100 units to canvas pixels."""
    # most stand nearly upright, some lie about
    angle = rng.normal(0, 0.12) if rng.random() < 0.85 else rng.uniform(-0.9, 0.9)
    scale = rng.uniform(0.6, 0.86)
    if spec.detail:
        scale = scale * rng.uniform(2.6, 3.6)
    scale = scale * IMAGE_PIXELS * _OVERSAMPLING / 100
    # mirrored, stretched and sheared a little: no two products have the same outline
    flip = -1 if rng.random() < 0.5 else 1
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin], [sin, cos]])
    stretch = flip * rng.uniform(0.86, 1.08)
    shear = rng.normal(0, 0.05)
    turn = scale * rotation @ np.array([[stretch, shear], [0, 1]])
    # the point of the shape that comes to the middle of the image
    center = 50 + (rng.uniform(-20, 20, 2) if spec.detail else rng.normal(0, 2.5, 2))
    return turn, _CANVAS_PIXELS / 2 - turn @ center


def _rasterize(shape: str, turn: Floats, offset: Floats) -> Image.Image:
    """Paint numbers of every canvas pixel, 0 where there is nothing."""
    canvas = Image.new("P", (_CANVAS_PIXELS, _CANVAS_PIXELS))
    pen = ImageDraw.Draw(canvas)
    # how many pixels a unit has, averaged over both directions
    pixels_per_unit = float(np.sqrt(abs(np.linalg.det(turn))))
    for part in load_shapes()[shape]:
        xy = (part.points @ turn.T + offset).ravel().tolist()
        if part.width:
            width = max(1, round(part.width * pixels_per_unit))
            pen.line(xy, part.paint, width, joint="curve")
        else:
            pen.polygon(xy, part.paint)
    return canvas


def _print_pattern(
    canvas: Image.Image, pattern: str, turn: Floats, offset: Floats, rng: np.random.Generator
) -> Image.Image:
    """The canvas with `pattern` in ink on its body parts; it is fixed to the product, not to the frame."""
    numbers = np.array(canvas)
    rows, columns = np.nonzero(numbers == PAINT_NUMBERS["body"])
    # half of the prints are straight
    slant = rng.choice([0.0, 0.0, np.pi / 4, np.pi / 2])
    cos, sin = np.cos(slant), np.sin(slant)
    rotation = np.array([[cos, -sin], [sin, cos]])
    # from pixels back to the shape's units, and from these to repeats of 9 to 14 units
    to_repeats = rotation @ np.linalg.inv(turn) / rng.uniform(9, 14)
    from_offset = np.stack([columns - offset[0], rows - offset[1]])
    x, y = to_repeats @ from_offset
    inked = PATTERNS[pattern](x, y)
    numbers[rows[inked], columns[inked]] = PAINT_NUMBERS["ink"]
    return Image.fromarray(numbers, "P")


@cache
def _frame() -> tuple[Float32s, Float32s, Float32s]:
    """x and y of every pixel, from -1 to 1, and the shadow on the ground, each (S, S, 1)."""
    side = np.linspace(-1, 1, IMAGE_PIXELS, dtype=np.float32)
    x, y = (plane[..., None] for plane in np.meshgrid(side, side))
    # a flat dark spot below the product
    shadow = 1 - 0.3 * np.exp(-((x / 0.6) ** 2) - ((y - 0.78) / 0.1) ** 2)
    return x, y, shadow.astype(np.float32)


def _compose(product: Float32s, rng: np.random.Generator) -> Image.Image:
    """Product (S, S, 4) over a background, with light from one side, a soft shadow and grain."""
    x, y, shadow = _frame()
    alpha = product[..., 3:] / 255
    # brighter on one side, and a little at the top
    slope = np.float32(rng.uniform(-0.16, 0.16))
    light = 1 + slope * x - 0.08 * y
    background = _background(x, y, rng) * (shadow * (1 - alpha))
    image = background + product[..., :3] * (light * alpha)
    # from a good camera to a poor one
    grain = rng.standard_normal((IMAGE_PIXELS, IMAGE_PIXELS, 1), np.float32)
    grain = grain * np.float32(rng.choice([0.5, 2.0, 6.0]))
    exposure = np.float32(rng.uniform(0.9, 1.05))
    pixels = np.clip(image * exposure + grain, 0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def _background(x: Float32s, y: Float32s, rng: np.random.Generator) -> Float32s:
    """A studio, (S, S, 3) or what broadcasts to it: white, a soft pastel glow, or a wall and a table."""
    hsv = (rng.random(), rng.uniform(0.05, 0.3), rng.uniform(0.8, 0.98))
    pastel = np.array([255 * channel for channel in colorsys.hsv_to_rgb(*hsv)], np.float32)
    kind = rng.integers(3)
    if kind == 0:
        return np.full(3, rng.uniform(240, 253), np.float32)
    if kind == 1:
        # brightest in the middle
        glow = 0.86 + 0.14 * np.exp((x**2 + y**2) / -1.2)
        return np.asarray(pastel * glow, np.float32)
    is_table = y > rng.uniform(0.35, 0.6)
    table = pastel * np.array([0.84, 0.78, 0.7], np.float32)
    # the wall darkens downwards
    wall = pastel * (1 - 0.05 * y)
    return np.where(is_table, table, wall)
