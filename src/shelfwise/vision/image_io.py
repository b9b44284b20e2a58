"""Pictures from untrusted files to pixels: nothing a file holds can stop a run or fill the memory."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

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
    """A file that is no usable picture; the message is the reason, ready for a report."""


@dataclass(frozen=True)
class Frame:
    """How pictures become squares of one size.

    Args:
        size: side of the square, pixels (the paper: 224).
        fit: ``stretch`` ignores the aspect (the authors' scripts), ``letterbox`` adds white, ``crop`` cuts the longer side.
    """

    size: int = 224
    fit: Fit = "stretch"


def read_picture(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        PictureRefused: no such file, not readable, or beyond 50 MB.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageRejectedError(f"the file has {size:,} bytes, more than {MAX_BYTES:,}")
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageRejectedError("there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageRejectedError(f"the file cannot be read ({type(error).__name__})") from None


def digest_picture(path: Path) -> bytes:
    """The 32-byte sha256 of a picture file; raises as :func:`read_picture`."""
    return hashlib.sha256(read_picture(path)).digest()


def decode_picture(data: bytes, frame: Frame) -> Pixels:
    """The picture as RGB, shape (size, size, 3); what is transparent becomes white, of an animation the first frame counts.

    Raises:
        PictureRefused: not a JPEG, PNG or WebP file, beyond 25 million pixels, a single pixel, broken off or damaged.
    """
    return _decoded(data, frame.size, lambda image: _square(image, frame))


def shrink_picture(data: bytes, longest: int) -> Pixels:
    """The picture as RGB, shape (H, W, 3), its longer side `longest`, its aspect as it was. Else as :func:`decode_picture`."""
    return _decoded(
        data, longest, lambda image: ImageOps.contain(image, (longest, longest), Image.Resampling.BICUBIC)
    )


def _decoded(data: bytes, size: int, shaped: Callable[[Image.Image], Image.Image]) -> Pixels:
    try:
        with _open_image(data) as image:
            _check_size(image.width, image.height)
            image.draft(
                "RGB", (size, size)
            )  # a JPEG is decoded at the smallest scale that is still large enough
            return np.asarray(shaped(_rgb(ImageOps.exif_transpose(image))))
    except ImageRejectedError:
        raise
    except Image.DecompressionBombError:
        raise ImageRejectedError(f"the picture has more than {MAX_PIXELS:,} pixels") from None
    except (
        Exception
    ) as error:  # decoders meet damage with errors of any type, and one bad picture must not stop a run
        raise ImageRejectedError(f"the picture is damaged or broken off ({type(error).__name__})") from None


def _open_image(data: bytes) -> Image.Image:
    """The image with its header read and no pixel decoded.

    ``Image.open`` does the same, and warns above 89 million pixels. Files that large are expected here, and refused
    by :func:`_check_size`. A filter for the warning would be one for all threads, in ``catch_warnings`` too, and so
    would another limit of Pillow's. Its formats by themselves do not warn.
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
    raise ImageRejectedError(f"the file is not a picture ({', '.join(FORMATS)})")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageRejectedError(f"the picture has {width} x {height} pixels, more than {MAX_PIXELS:,}")
    if width * height <= 1:
        raise ImageRejectedError("the picture is a single pixel")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(
        "I"
    ):  # 16 bits a pixel: Pillow's own conversion would clip all but the darkest to white
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, (*WHITE, 255))
        page.alpha_composite(image)
        image = page
    return image.convert("RGB")


def _square(image: Image.Image, frame: Frame) -> Image.Image:
    shape = (frame.size, frame.size)
    if frame.fit == "letterbox":
        return ImageOps.pad(image, shape, Image.Resampling.BICUBIC, color=WHITE)
    if frame.fit == "crop":
        return ImageOps.fit(image, shape, Image.Resampling.BICUBIC)
    return image.resize(shape, Image.Resampling.BICUBIC)
