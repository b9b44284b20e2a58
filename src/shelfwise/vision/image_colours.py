"""Pixels of any kind to RGB: greys of 16 bits, palettes, CMYK and transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE = (255, 255, 255)

_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")

_GREY_LEVELS = {"1": 2, "L;2": 4, "L;4": 16}
"""How the file stores a grey of few bits -> the number of greys it may have."""

_WHITE_IS_ZERO = 0
_PHOTOMETRIC_TAG = 262
_BITS_TAG = 258
_WIDE_BITS = 16


@dataclass(frozen=True)
class StoredPixels:
    """How a file stores its pixels; Pillow forgets it when the image is loaded or turned.

    Args:
        format: the file's.
        raw_mode: of a pixel, in Pillow's words, such as ``L;4``; empty where it does not tell.
        bits: of a wide grey.
        white_is_zero: whether a TIFF's greys are turned round.
    """

    format: str
    raw_mode: str
    bits: int
    white_is_zero: bool

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        """Of an image that is opened and not loaded yet."""
        tags = getattr(image, "tag_v2", {})
        bits = tags.get(_BITS_TAG, (_WIDE_BITS,))[0]
        white_is_zero = tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO
        return cls(image.format or "", _raw_mode(image), bits, white_is_zero)


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", [])
    if not tiles:
        return ""
    arguments = tiles[0][3]
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


class UnknownRangeError(Exception):
    """The image holds numbers, and nothing tells which of them is black and which is white."""


def to_rgb(image: Image.Image, stored: StoredPixels) -> Image.Image:
    """The image in RGB; what is transparent becomes white.

    Args:
        image: loaded, in any mode.
        stored: how its file stores the pixels.

    Raises:
        UnknownRangeError: pixels of 32 bits or decimal numbers.
    """
    if image.mode.startswith(("I", "F")):
        image = _from_wide_grey(image, stored)
    elif "transparency" in image.info:
        image = _with_scaled_transparency(image, stored.raw_mode)
    if "transparency" in image.info or image.mode in _WITH_ALPHA:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*WHITE, 255))
        background.alpha_composite(image)
        image = background
    return image.convert("RGB")


def _from_wide_grey(image: Image.Image, stored: StoredPixels) -> Image.Image:
    """Greys of 16 bits as 8 bits, with what is transparent; Pillow's own conversion would clip them."""
    greys: NDArray[Any] = np.asarray(image)
    # Pillow 11 gives the 16 bits of a PNG as 32
    is_wider = not image.mode.startswith("I;16") and stored.format != "PNG"
    if is_wider or greys.max() >> stored.bits:
        raise UnknownRangeError(
            "the pixels are numbers whose black and white are not known; "
            "save the image with 8 or 16 bits without a sign"
        )
    upper_bits = (greys.astype(np.uint32) >> (stored.bits - 8)).astype(np.uint8)
    # Pillow turns round greys of 8 bits only
    if stored.white_is_zero:
        upper_bits = np.uint8(255) - upper_bits
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(upper_bits)
    # compared with all 16 bits: other greys may share the upper ones
    alpha = np.where(greys == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack((upper_bits, alpha), axis=2), "LA")


def _with_scaled_transparency(image: Image.Image, raw_mode: str) -> Image.Image:
    """The transparent colour on the scale of the pixels, which have 8 bits once they are read."""
    transparent = image.info["transparency"]
    if isinstance(transparent, int) and raw_mode in _GREY_LEVELS and image.mode != "P":
        scaled: Any = transparent * 255 // (_GREY_LEVELS[raw_mode] - 1)
    elif isinstance(transparent, tuple) and raw_mode.startswith("RGB;16"):
        scaled = tuple(value >> 8 for value in transparent)
    else:
        return image
    image = image.copy()
    image.info["transparency"] = scaled
    return image
