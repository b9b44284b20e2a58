"""Images whose files end before their last pixels: decoders fill in what is missing, and do not say so."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

_END_OF_JPEG = b"\xff\xd9"
_TAILS = (b"\x55" * 64, b"\xd3\x9c" * 32, b"\xff\x00" * 64)
"""Image data of a JPEG that begin with different bits, so that no code of its Huffman tables fits all."""

_FILLED_IN = 128
"""Of each channel, where a decoder of JPEG had no data."""

_ROUNDING = 2

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Kind of a PNG's pixels -> numbers a pixel."""

_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Of an interlaced PNG: the first column and row of each pass, and the steps to the next (Adam7)."""

_PNG_HEADER = 8
_BLOCK = 1 << 16


def end_of_jpeg(data: bytes) -> bytes:
    """A JPEG up to where its end marker stands, or should stand."""
    end = data.rfind(_END_OF_JPEG)
    # without a marker half of one may be left
    return data.rstrip(b"\xff") if end < 0 else data[:end]


def jpegs_to_compare(data: bytes) -> Iterator[bytes]:
    """The JPEG with its end marker, and then with different image data before the marker.

    Where pixels are missing, the decoder makes them from these data, so the images differ.
    """
    rest = end_of_jpeg(data)
    for tail in (b"", *_TAILS):
        yield rest + tail + _END_OF_JPEG


def may_lack_pixels(image: Image.Image) -> bool:
    """Whether the end of a loaded image looks like what a decoder fills in; most images do not."""
    if image.format in ("JPEG", "MPO"):
        corner = np.asarray(image.crop((image.width - 1, image.height - 1, *image.size)))
        return bool((np.abs(corner.astype(int) - _FILLED_IN) <= _ROUNDING).all())
    if image.format == "PNG":
        # of an interlaced image every second row comes last
        last = np.asarray(image.crop((0, max(0, image.height - 2), *image.size)))
        return not all(row.any() for row in last)
    return False


def png_lacks_pixels(data: bytes) -> bool:
    """Whether the pixels that a PNG holds are fewer than its header says."""
    chunks = list(_png_chunks(data))
    header = next(body for kind, body in chunks if kind == b"IHDR")
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    bits_a_pixel = bits * _PNG_CHANNELS[kind]
    needed = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns = max(0, math.ceil((width - left) / across))
        rows = max(0, math.ceil((height - top) / down))
        # each row of a pass that has pixels begins with a byte that names its filter
        needed += rows * (1 + math.ceil(columns * bits_a_pixel / 8)) if columns else 0
    return _inflated_size([body for kind, body in chunks if kind == b"IDAT"]) < needed


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = _PNG_HEADER
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        # a checksum follows
        place += 12 + length


def _inflated_size(parts: list[bytes]) -> int:
    """The size of what the parts hold together, which is never in memory as a whole."""
    inflater = zlib.decompressobj()
    size = 0
    for part in parts:
        rest = part
        while rest and not inflater.eof:
            # a block at a time, and only its length is kept
            size += len(inflater.decompress(rest, _BLOCK))
            rest = inflater.unconsumed_tail
    return size + len(inflater.flush())
