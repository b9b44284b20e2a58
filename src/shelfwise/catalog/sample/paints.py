"""The colours of the sample's images: those a product comes in, and the paints its drawing is made of."""

from __future__ import annotations

import colorsys

import numpy as np

Color = tuple[float, float, float]
"""Red, green and blue, each from 0 to 255."""

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
"""The colours a product comes in."""

FIXED_PAINTS: dict[str, Color] = {
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
"""Paints that are the same on every product."""

PRODUCT_PAINTS = ("body", "dark", "deep", "light", "accent")
"""Paints that follow from the product's colour."""

PAINT_NUMBERS = {
    name: number for number, name in enumerate((*PRODUCT_PAINTS, *FIXED_PAINTS, "ink"), start=1)
}
"""What each paint is called in an image of numbers; 0 is nothing."""


def other_color(color: str, rng: np.random.Generator) -> Color:
    """One of the colours but `color`."""
    others = [value for name, value in COLORS.items() if name != color]
    return others[int(rng.integers(len(others)))]


def palette(body: Color, accent: Color, ink: Color) -> bytes:
    """RGBA by paint number, four bytes each; number 0 is transparent."""
    red, green, blue = body
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    # shadows keep the saturation, highlights are paler: as on a matt surface
    dark = _from_hsv(hue, saturation, value * 0.78)
    deep = _from_hsv(hue, saturation, value * 0.48)
    light = _from_hsv(hue, saturation * 0.6, min(1.0, value * 1.1 + 0.08))
    # in the order of PAINT_NUMBERS
    colors = (body, dark, deep, light, accent, *FIXED_PAINTS.values(), ink)
    opaque = [bytes((*map(int, color), 255)) for color in colors]
    return bytes(4) + b"".join(opaque)


def _from_hsv(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return 255 * red, 255 * green, 255 * blue
