"""Images from untrusted files to pixels: nothing a file holds can stop a run or fill the memory."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from shelfwise.core.catalog import ImageSource

Pixels = NDArray[np.uint8]
Fit = Literal["stretch", "letterbox", "crop"]

# To import a format's file is to register it with Pillow.
_FORMAT_CLASSES = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
)
FORMATS = tuple(str(image_class.format) for image_class in _FORMAT_CLASSES)
MAX_PIXELS = 25_000_000
MAX_BYTES = 50_000_000
WHITE = (255, 255, 255)


class ImageRejectedError(Exception):
    """A file that is no usable image; the message is the reason, ready for a report."""


@dataclass(frozen=True)
class Resizing:
    """How images become squares of one size.

    Args:
        size: side of the square, pixels (the paper: 224).
        fit: ``stretch`` ignores the aspect (the authors' scripts), ``letterbox`` adds white, ``crop`` cuts
            the longer side.
    """

    size: int = 224
    fit: Fit = "stretch"


def read_image(source: ImageSource) -> bytes:
    """The bytes of an image file; bytes are given back as they are.

    Raises:
        ImageRejectedError: no such file, not readable, or beyond 50 MB.
    """
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > MAX_BYTES:
            raise ImageRejectedError(f"the file has {size:,} bytes, more than {MAX_BYTES:,}")
        return source if isinstance(source, bytes) else source.read_bytes()
    except FileNotFoundError:
        raise ImageRejectedError("there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageRejectedError(f"the file cannot be read ({type(error).__name__})") from None


def digest_image(source: ImageSource) -> bytes:
    """The 32-byte sha256 of an image file; raises as :func:`read_image`."""
    return hashlib.sha256(read_image(source)).digest()


def decode_image(data: bytes, resizing: Resizing) -> Pixels:
    """The image as RGB, shape (size, size, 3).

    What is transparent becomes white; of an animation the first frame counts.

    Raises:
        ImageRejectedError: not a JPEG, PNG or WebP file, beyond 25 million pixels, a single pixel, broken
            off or damaged.
    """
    return _decoded(data, resizing.size, lambda image: _to_square(image, resizing))


def shrink_image(data: bytes, longest: int) -> Pixels:
    """The image as RGB, shape (H, W, 3), its longer side `longest`, its aspect as it was.

    Raises:
        ImageRejectedError: as :func:`decode_image`.
    """
    box = (longest, longest)
    return _decoded(
        data, longest, lambda image: ImageOps.contain(image, box, Image.Resampling.BICUBIC)
    )


def _decoded(data: bytes, size: int, reshape: Callable[[Image.Image], Image.Image]) -> Pixels:
    """The pixels after `reshape`, whose result is at least `size` wide or high."""
    try:
        with _open_image(data) as image:
            _check_size(image.width, image.height)
            # a JPEG is decoded at the smallest scale that is still large enough
            image.draft("RGB", (size, size))
            upright = ImageOps.exif_transpose(image)
            return np.asarray(reshape(_to_rgb(upright)))
    except ImageRejectedError:
        raise
    except Image.DecompressionBombError:
        raise ImageRejectedError(f"the image has more than {MAX_PIXELS:,} pixels") from None
    # decoders meet damage with errors of any type, and one bad image must not stop a run
    except Exception as error:
        raise ImageRejectedError(
            f"the image is damaged or broken off ({type(error).__name__})"
        ) from None


def _open_image(data: bytes) -> Image.Image:
    """The image with its header read and no pixel decoded.

    ``Image.open`` does the same, and warns above 89 million pixels. Files that large are expected here, and
    rejected by :func:`_check_size`. A filter for the warning would be one for all threads, in
    ``catch_warnings`` too, and so would another limit of Pillow's. Its formats by themselves do not warn.
    """
    for name in FORMATS:
        read_header, accepts = Image.OPEN[name]
        # WebP answers with a sentence where Pillow was built without it.
        if accepts is not None and accepts(data[:16]) is not True:
            continue
        try:
            return read_header(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # it only began like this format
    raise ImageRejectedError(f"the file is not an image ({', '.join(FORMATS)})")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageRejectedError(
            f"the image has {width} x {height} pixels, more than {MAX_PIXELS:,}"
        )
    # shops put one where they have no image
    if width * height <= 1:
        raise ImageRejectedError("the image is a single pixel")


def _to_rgb(image: Image.Image) -> Image.Image:
    # 16 bits a pixel: Pillow's own conversion would clip all but the darkest to white
    if image.mode.startswith("I"):
        upper_bits = np.asarray(image).astype(np.uint32) >> 8
        image = Image.fromarray(upper_bits.clip(0, 255).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*WHITE, 255))
        background.alpha_composite(image)
        image = background
    return image.convert("RGB")


def _to_square(image: Image.Image, resizing: Resizing) -> Image.Image:
    shape = (resizing.size, resizing.size)
    if resizing.fit == "letterbox":
        return ImageOps.pad(image, shape, Image.Resampling.BICUBIC, color=WHITE)
    if resizing.fit == "crop":
        return ImageOps.fit(image, shape, Image.Resampling.BICUBIC)
    return image.resize(shape, Image.Resampling.BICUBIC)
