"""Pixels of any kind to RGB: greys of 16 bits, palettes, CMYK and transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

WHITE = (255, 255, 255)

_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")

_GREY_LEVELS = {"1": 2, "L;2": 4, "L;4": 16}
"""How the file stores a grey of few bits -> the number of greys it may have."""

_WIDE_COLOURS = "RGB;16B"
_LOWER_BYTES = "RGB;16L"

_READ_IN_PLANES = ("RGB", "RGBA", "CMYK")

_WHITE_IS_ZERO = 0
_PHOTOMETRIC_TAG = 262
_BITS_TAG = 258
_PLANES_TAG = 284
_PALETTE_TAG = 320
_IN_PLANES = 2
_WIDE_BITS = 16


@dataclass(frozen=True)
class StoredPixels:
    """How a file stores its pixels; Pillow forgets it when the image is loaded or turned.

    Args:
        format: the file's.
        raw_mode: of a pixel, in Pillow's words, such as ``L;4``; empty where it does not tell.
        bits: of a wide grey.
        white_is_zero: whether a TIFF's greys are turned round.
        misread_planes: whether each channel of a TIFF lies by itself, in a way that Pillow reads wrongly.
        palette: of a TIFF whose palette has 8 bits, where 16 are the rule; else empty.
        drawn: the part of a GIF's canvas that its first frame fills: left, top, right, bottom; None for all.
    """

    format: str
    raw_mode: str
    bits: int
    white_is_zero: bool
    misread_planes: bool = False
    palette: bytes = b""
    drawn: tuple[int, int, int, int] | None = None

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        """Of an image that is opened and not loaded yet."""
        tags = getattr(image, "tag_v2", {})
        bits = tags.get(_BITS_TAG, (_WIDE_BITS,))[0]
        white_is_zero = tags.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO
        # Pillow (13.0) takes two planes for one, and 16 bits of a plane for two pixels of 8
        in_planes = tags.get(_PLANES_TAG) == _IN_PLANES and len(image.getbands()) > 1
        misread = in_planes and not (bits == 8 and image.mode in _READ_IN_PLANES)
        return cls(
            image.format or "",
            _raw_mode(image),
            bits,
            white_is_zero,
            misread,
            _palette_of_8_bits(tags.get(_PALETTE_TAG, ())),
            _drawn_part(image),
        )


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", [])
    if not tiles:
        return ""
    arguments = tiles[0][3]
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _palette_of_8_bits(colours: tuple[int, ...]) -> bytes:
    """A TIFF's palette, red, green and blue by turns, where none of its values has 16 bits; else empty."""
    if not any(colours) or max(colours) > 255:
        return b""
    third = len(colours) // 3
    # a TIFF has all reds first, then all greens, then all blues
    reds = colours[:third]
    greens = colours[third : 2 * third]
    blues = colours[2 * third :]
    return bytes(value for colour in zip(reds, greens, blues, strict=False) for value in colour)


def _drawn_part(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The part of a GIF's canvas that its first frame fills; None for all of it."""
    tiles = getattr(image, "tile", [])
    if image.format != "GIF" or not tiles or tiles[0][1] == (0, 0, *image.size):
        return None
    left, top, right, bottom = tiles[0][1]
    return left, top, right, bottom


class UnusablePixelsError(Exception):
    """Nobody could say what the image shows; the message is the reason."""


def to_rgb(image: Image.Image, stored: StoredPixels) -> Image.Image:
    """The image in RGB; what is transparent becomes white.

    Args:
        image: loaded, in any mode.
        stored: how its file stores the pixels.

    Raises:
        UnusablePixelsError: pixels of 32 bits or decimal numbers, or channels that lie apart in a way that
            Pillow reads wrongly.
    """
    if stored.misread_planes:
        raise UnusablePixelsError(
            "the channels of the TIFF file lie apart, in a way that is not read; save it with them together"
        )
    if stored.palette and image.mode == "P":
        image.putpalette(stored.palette)
    if image.mode.startswith(("I", "F")):
        image = _from_wide_grey(image, stored)
    elif "transparency" in image.info:
        image = _with_scaled_transparency(image, stored.raw_mode)
    if "transparency" in image.info or image.mode in _WITH_ALPHA:
        image = image.convert("RGBA")
        # laid upon white: without it transparent pixels would show what colour lies below them
        background = Image.new("RGBA", image.size, (*WHITE, 255))
        background.alpha_composite(image)
        image = background
    rgb = image.convert("RGB")
    if stored.drawn is None:
        return rgb
    # Pillow fills the rest of the canvas with a colour that no browser shows
    canvas = Image.new("RGB", rgb.size, WHITE)
    canvas.paste(rgb.crop(stored.drawn), stored.drawn[:2])
    return canvas


def has_wide_transparency(image: Image.Image, stored: StoredPixels) -> bool:
    """Whether one colour of 16 bits a channel is transparent; Pillow keeps the upper 8 bits of the pixels."""
    is_colour = isinstance(image.info.get("transparency"), tuple)
    return is_colour and stored.raw_mode == _WIDE_COLOURS


def with_wide_transparency(image: Image.Image, again: ImageFile.ImageFile) -> Image.Image:
    """The image with its transparent colour, which is compared with all 16 bits of the pixels.

    Args:
        image: loaded.
        again: the same, opened and not loaded yet.
    """
    # read as if the lower byte came last but one, the lower byte is what is kept
    again.tile = [tile._replace(args=_LOWER_BYTES) for tile in again.tile]
    upper, lower = np.asarray(image), np.asarray(again)
    colour = np.array(image.info["transparency"])
    same = (upper == colour >> 8) & (lower == colour & 255)
    alpha = np.where(same.all(axis=2), 0, 255).astype(np.uint8)
    image = image.copy()
    del image.info["transparency"]
    image.putalpha(Image.fromarray(alpha))
    return image


def _from_wide_grey(image: Image.Image, stored: StoredPixels) -> Image.Image:
    """Greys of 16 bits as 8 bits, with what is transparent; Pillow's own conversion would clip them."""
    greys: NDArray[Any] = np.asarray(image)
    # Pillow 11 gives the 16 bits of a PNG as 32
    is_wider = not image.mode.startswith("I;16") and stored.format != "PNG"
    if is_wider or greys.max() >> stored.bits:
        raise UnusablePixelsError(
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
    else:
        return image
    image = image.copy()
    image.info["transparency"] = scaled
    return image
