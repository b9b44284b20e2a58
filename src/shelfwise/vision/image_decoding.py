"""Bytes of an image file to pixels.

Runs in the worker processes of :mod:`shelfwise.vision.decoding_workers`, so it imports little.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from shelfwise.vision.image_colours import (
    WHITE,
    StoredPixels,
    UnusablePixelsError,
    has_wide_transparency,
    to_rgb,
    with_wide_transparency,
)
from shelfwise.vision.jpeg_scans import lacks_scans, may_lack_scans
from shelfwise.vision.missing_pixels import jpegs_to_compare, may_lack_pixels, png_lacks_pixels

Pixels = NDArray[np.uint8]
Fit = Literal["stretch", "letterbox", "crop"]
Shape = Literal["stretch", "letterbox", "crop", "contain", "thumbnail", "header"]

# to import a format's file is to register it with Pillow; no other format is ever tried
_FORMAT_CLASSES = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    TiffImagePlugin.TiffImageFile,
    AvifImagePlugin.AvifImageFile,
)
FORMATS = tuple(str(image_class.format) for image_class in _FORMAT_CLASSES)
MAX_PIXELS = 25_000_000

_SEVERAL_FRAMES = ("PNG", "WEBP", "GIF", "TIFF", "AVIF")
"""Formats that may hold several frames; what follows the first of a JPEG belongs to it."""


class ImageRejectedError(Exception):
    """A file that is no usable image; the message is the reason, ready for a report."""


class TooManyPixelsError(ImageRejectedError):
    """An image that is never decoded, for its size alone; the rest of it is not looked at."""


@dataclass(frozen=True)
class Reshaping:
    """What becomes of an image's size.

    Args:
        shape: ``stretch``, ``letterbox`` and ``crop`` make a square; ``contain`` keeps the aspect and makes
            the longer side `size`; ``thumbnail`` does so where the image is larger. With ``header`` no pixel
            is decoded, and none comes back.
        size: of the longer side, pixels.
    """

    shape: Shape
    size: int


@dataclass(frozen=True)
class DecodedImage:
    """An image as RGB.

    Args:
        pixels: (H, W, 3).
        several_frames: whether the file has more frames or pages, of which this is the first.
    """

    pixels: Pixels
    several_frames: bool = False


def decode(data: bytes, reshaping: Reshaping) -> DecodedImage:
    """The image in `data`; what is transparent becomes white, and EXIF's orientation is followed.

    Raises:
        ImageRejectedError: no image of a known format, a single pixel, broken off or damaged, or numbers
            without a known range in place of colours.
        TooManyPixelsError: more than 25 million pixels.
    """
    try:
        with _open_image(data) as image:
            _check_size(image.width, image.height)
            if reshaping.shape == "header":
                return DecodedImage(np.empty((0, 0, 3), np.uint8))
            return _decode(image, data, reshaping)
    except ImageRejectedError:
        raise
    except UnusablePixelsError as error:
        raise ImageRejectedError(str(error)) from None
    except Image.DecompressionBombError:
        raise TooManyPixelsError(f"the image has more than {MAX_PIXELS:,} pixels") from None
    # decoders meet damage with errors of any type, and one bad image must not stop a run
    except Exception as error:
        raise ImageRejectedError(
            f"the image is damaged or broken off ({type(error).__name__})"
        ) from None


def _decode(image: Image.Image, data: bytes, reshaping: Reshaping) -> DecodedImage:
    # a JPEG is decoded at the smallest scale that is still large enough
    image.draft("RGB", (reshaping.size, reshaping.size))
    stored = StoredPixels.of(image)
    try:
        image.load()
    except OSError:
        if image.format not in ("JPEG", "MPO"):
            raise
        # a JPEG without its end marker may be whole otherwise
        image = _open_image(_whole_jpeg(data))
        image.draft("RGB", (reshaping.size, reshaping.size))
        image.load()
    if may_lack_scans(image, data) and lacks_scans(data):
        raise _broken_off()
    if may_lack_pixels(image):
        _check_pixels_are_there(image, data)
    if has_wide_transparency(image, stored):
        image = with_wide_transparency(image, _open_image(data))
    rgb = to_rgb(_upright(image), stored)
    pixels = np.asarray(_reshaped(rgb, reshaping))
    return DecodedImage(pixels, _has_several_frames(image))


def _open_image(data: bytes) -> ImageFile.ImageFile:
    """The image with its header read and no pixel decoded.

    ``Image.open`` does the same, and warns above 89 million pixels. Files that large are expected here, and
    rejected by :func:`_check_size`. A filter for the warning would be one for all threads, in
    ``catch_warnings`` too, and so would another limit of Pillow's. Its formats by themselves do not warn.
    """
    begins_like = ""
    for name in FORMATS:
        read_header, accepts = Image.OPEN[name]
        # a format that Pillow was built without answers with a sentence
        if accepts is not None and accepts(data[:16]) is not True:
            continue
        try:
            return read_header(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            begins_like = name
    if begins_like:
        raise ImageRejectedError(
            f"the image is damaged or broken off (it only begins like {begins_like})"
        )
    raise ImageRejectedError(f"the file is not an image ({', '.join(FORMATS)})")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise TooManyPixelsError(
            f"the image has {width} x {height} pixels, more than {MAX_PIXELS:,}"
        )
    # shops put one where they have no image
    if width * height <= 1:
        raise ImageRejectedError("the image is a single pixel")


def _check_pixels_are_there(image: Image.Image, data: bytes) -> None:
    """Raises ImageRejectedError where the header of a JPEG or PNG promises more pixels than follow."""
    if image.format != "PNG":
        _whole_jpeg(data)
    elif png_lacks_pixels(data):
        raise _broken_off()


def _whole_jpeg(data: bytes) -> bytes:
    """A JPEG that lacks nothing, but perhaps its end marker, with the marker.

    Raises:
        ImageRejectedError: pixels are missing.
    """
    completed, *others = jpegs_to_compare(data)
    pixels = _open_image(completed).tobytes()
    for other in others:
        if _open_image(other).tobytes() != pixels:
            raise _broken_off()
    return completed


def _broken_off() -> ImageRejectedError:
    return ImageRejectedError("the image is broken off: the file ends before its last pixels")


def _upright(image: Image.Image) -> Image.Image:
    """The image as EXIF says it is to be held."""
    try:
        return ImageOps.exif_transpose(image)
    # the pixels are whole; a damaged orientation is none, as in a browser
    except Exception:
        return image


def _has_several_frames(image: Image.Image) -> bool:
    if image.format not in _SEVERAL_FRAMES:
        return False
    try:
        image.seek(1)
    # the first frame is whole, whatever follows it
    except Exception:
        return False
    return True


def _reshaped(image: Image.Image, reshaping: Reshaping) -> Image.Image:
    square = (reshaping.size, reshaping.size)
    if reshaping.shape == "stretch":
        return image.resize(square, Image.Resampling.BICUBIC)
    if reshaping.shape == "crop":
        return ImageOps.fit(image, square, Image.Resampling.BICUBIC)
    if reshaping.shape == "thumbnail" and max(image.size) <= reshaping.size:
        return image
    contained = image.resize(_contained(image.size, reshaping.size), Image.Resampling.BICUBIC)
    if reshaping.shape != "letterbox":
        return contained
    # margins of a letterbox look like the white behind most products
    background = Image.new("RGB", square, WHITE)
    margins = [round((reshaping.size - side) / 2) for side in contained.size]
    background.paste(contained, (margins[0], margins[1]))
    return background


def _contained(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Width and height of the same aspect, the longer `longest`; of a line, the shorter is 1 pixel."""
    width, height = size
    if width >= height:
        return longest, max(1, round(height / width * longest))
    return max(1, round(width / height * longest)), longest
