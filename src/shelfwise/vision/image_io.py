"""The one gate through which images come in, from files and from bytes.

Nothing an image holds can stop a run or fill the memory: files are opened without leaving the catalogue's
folder, sizes and formats are checked before anything is decoded, and processes of their own decode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shelfwise.core.image_sources import ImageFile, ImageSource
from shelfwise.vision.decoding_workers import decode_apart
from shelfwise.vision.image_decoding import (
    DecodedImage,
    Fit,
    ImageRejectedError,
    Pixels,
    Reshaping,
    TooManyPixelsError,
)
from shelfwise.vision.image_files import MAX_BYTES, read_image_file

__all__ = [
    "Fit",
    "ImageRejectedError",
    "Pixels",
    "Resizing",
    "decode_image",
    "decode_images",
    "digest_image",
    "has_several_frames",
    "is_first_of_several",
    "make_thumbnail",
    "read_image",
    "shrink_image",
    "too_many_pixels",
]

_TINY = 32
"""Pixels of an image that is only tried."""


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
        ImageRejectedError: no such file, no regular one, outside the catalogue's folder, not readable, or
            beyond 50 MB.
    """
    if isinstance(source, ImageFile | Path):
        return read_image_file(source)
    content = source if isinstance(source, bytes) else source.read()
    if len(content) > MAX_BYTES:
        raise ImageRejectedError(f"the file has {len(content):,} bytes, more than {MAX_BYTES:,}")
    return content


def digest_image(source: ImageSource) -> bytes:
    """The 32-byte sha256 of an image file; raises as :func:`read_image`."""
    return hashlib.sha256(read_image(source)).digest()


def decode_image(data: bytes, resizing: Resizing) -> Pixels:
    """The image as RGB, shape (size, size, 3).

    What is transparent becomes white; of an animation the first frame counts, of a document the first page.

    Raises:
        ImageRejectedError: not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file, beyond 25 million pixels, a
            single pixel, broken off or damaged.
    """
    return _decoded(data, Reshaping(resizing.fit, resizing.size)).pixels


def decode_images(
    sources: Sequence[ImageSource], resizing: Resizing
) -> list[Pixels | ImageRejectedError]:
    """Read and decode N images: each as :func:`decode_image` gives it, or why it cannot be used.

    Faster than one by one, because each way to another process takes a moment.
    """
    results: list[Pixels | ImageRejectedError] = []
    contents: dict[int, bytes] = {}
    for place, source in enumerate(sources):
        try:
            contents[place] = read_image(source)
            # holds the place until the answers are there
            results.append(np.empty((0, 0, 3), np.uint8))
        except ImageRejectedError as rejection:
            results.append(rejection)
    answers = decode_apart(list(contents.values()), Reshaping(resizing.fit, resizing.size))
    for place, answer in zip(contents, answers, strict=True):
        results[place] = answer.pixels if isinstance(answer, DecodedImage) else answer
    return results


def shrink_image(data: bytes, longest: int) -> Pixels:
    """The image as RGB, shape (H, W, 3), its longer side `longest`, its aspect as it was.

    Raises:
        ImageRejectedError: as :func:`decode_image`.
    """
    return _decoded(data, Reshaping("contain", longest)).pixels


def make_thumbnail(data: bytes, longest: int) -> Pixels:
    """As :func:`shrink_image`, but a smaller image stays as it is."""
    return _decoded(data, Reshaping("thumbnail", longest)).pixels


def has_several_frames(data: bytes) -> bool:
    """Decode the image, and tell whether it is an animation or has several pages.

    Raises:
        ImageRejectedError: as :func:`decode_image`.
    """
    return _decoded(data, Reshaping("thumbnail", _TINY)).several_frames


def is_first_of_several(data: bytes) -> bool:
    """Whether what is used of an image is the first of several frames or pages; not of what is no image.

    Most images say in their first bytes, or by what they lack, that they hold one frame: these are not
    decoded for it.
    """
    if not _may_have_several_frames(data):
        return False
    try:
        return has_several_frames(data)
    except ImageRejectedError:
        return False


def too_many_pixels(contents: Sequence[bytes]) -> list[str | None]:
    """Of N image files, why those are refused that have more pixels than are ever decoded; else None.

    Their headers tell it: nothing is decoded, and what else may be wrong with them is not looked for.
    """
    answers = decode_apart(contents, Reshaping("header", 0))
    return [str(answer) if isinstance(answer, TooManyPixelsError) else None for answer in answers]


def _may_have_several_frames(data: bytes) -> bool:
    start = data[:64]
    if start.startswith(b"\x89PNG"):
        return b"acTL" in data
    if start.startswith(b"RIFF"):
        return b"ANIM" in data
    if start[4:8] == b"ftyp":
        return b"avis" in start
    # GIF and TIFF do not announce what follows the first
    return start.startswith((b"GIF8", b"II", b"MM"))


def _decoded(data: bytes, reshaping: Reshaping) -> DecodedImage:
    [answer] = decode_apart([data], reshaping)
    if isinstance(answer, ImageRejectedError):
        raise answer
    return answer
