"""Images whose headers promise more pixels than follow: decoders fill these in without a word."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shelfwise.vision.image_decoding import ImageRejectedError, Reshaping, decode
from shelfwise.vision.jpeg_scans import lacks_scans

WHOLE = Reshaping("thumbnail", 1000)
END = b"\xff\xd9"


def photo(grey_end: bool = False) -> Image.Image:
    """A picture of 64 x 48 pixels; with `grey_end` its lower half is what decoders fill in."""
    pixels = np.random.default_rng(1).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC)
    if grey_end:
        image.paste((128, 128, 128), (0, 24, 64, 48))
    return image


def stored(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_is_lower_than_its_header_says_is_refused(mode: str) -> None:
    data = stored(photo().convert(mode), "JPEG")
    height = data.index(b"\xff\xc0") + 5
    higher = data[:height] + struct.pack(">H", 480) + data[height + 2 :]
    with pytest.raises(ImageRejectedError, match="ends before its last pixels"):
        decode(higher, WHOLE)
    # cut off, and ended anew by whoever copied it
    with pytest.raises(ImageRejectedError, match="ends before its last pixels"):
        decode(data[: len(data) * 2 // 3] + END, WHOLE)


def test_a_jpeg_that_ends_in_that_grey_is_read() -> None:
    data = stored(photo(grey_end=True), "JPEG")
    assert decode(data, WHOLE).pixels.shape == (48, 64, 3)
    # what follows the end marker is no pixel
    assert decode(data + b"further bytes", WHOLE).pixels.shape == (48, 64, 3)


KINDS: list[dict[str, object]] = [
    {},
    {"progressive": True},
    {"restart_marker_rows": 1},
    {"progressive": True, "restart_marker_blocks": 3},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("end", [b"", END], ids=["cut", "ended anew"])
def test_a_jpeg_is_refused_wherever_it_is_broken_off(kind: dict[str, object], end: bytes) -> None:
    data = stored(photo(), "JPEG", **kind)
    whole = decode(data, WHOLE).pixels.astype(int)
    # between two scans a progressive one is whole and coarse; at a restart marker nothing looks cut
    for place in range(data.index(b"\xff\xda"), len(data)):
        try:
            pixels = decode(data[:place] + end, WHOLE).pixels
        except ImageRejectedError:
            continue
        # of one that was ended anew nothing tells whether its last square and finest details are whole
        assert np.abs(pixels - whole)[:-16].mean() < 3, f"cut at byte {place} of {len(data)}"


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 2), (17, 33), (64, 48)], ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_whole_jpegs_of_any_kind_are_read(
    mode: str, size: tuple[int, int], kind: dict[str, object]
) -> None:
    for subsampling in (0, 1, 2):
        data = stored(photo().convert(mode).resize(size), "JPEG", subsampling=subsampling, **kind)
        assert not lacks_scans(data)
        # a thumbnail before it has markers of its own
        thumbnail = stored(photo(), "JPEG")[:500]
        segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
        assert not lacks_scans(data[:2] + segment + data[2:])


def png(mode: str, rows: int) -> bytes:
    """A PNG whose header says 48 rows, of which the last ones may be missing."""
    data = stored(photo().convert(mode), "PNG")
    kinds = {"RGB": 3, "L": 1, "RGBA": 4}
    pixels = np.asarray(photo().convert(mode)).reshape(48, 64 * kinds[mode])[:rows]
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body
    start = data.index(b"IDAT") - 4
    checksum = struct.pack(">I", zlib.crc32(chunk[4:]))
    return data[:start] + chunk + checksum + data[-12:]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_png_that_is_lower_than_its_header_says_is_refused(mode: str) -> None:
    assert decode(png(mode, 48), WHOLE).pixels.shape == (48, 64, 3)
    for rows in (47, 24, 0):
        with pytest.raises(ImageRejectedError, match="broken off"):
            decode(png(mode, rows), WHOLE)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P", "I;16"])
@pytest.mark.parametrize("size", [(64, 48), (1, 3), (5, 1), (9, 9)])
def test_a_png_that_ends_in_black_is_read(mode: str, size: tuple[int, int]) -> None:
    black = Image.new(mode, size, 0)
    black.putpixel((0, 0), (1, 1, 1) if mode == "RGB" else 1)
    assert decode(stored(black, "PNG"), WHOLE).pixels.shape == (size[1], size[0], 3)


def test_an_interlaced_png_that_ends_in_black_is_read() -> None:
    # one row after the other in each of the seven passes, of 3 x 3 pixels
    passes = [(1, 1), (0, 0), (0, 0), (1, 1), (1, 2), (2, 1), (1, 3)]
    rows = b"".join(b"\0" + bytes(width) for count, width in passes for _ in range(count))
    for body, is_whole in ((rows, True), (rows[:-4], False)):
        header = struct.pack(">IIBBBBB", 3, 3, 8, 0, 0, 0, 1)
        data = b"\x89PNG\r\n\x1a\n"
        for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b"")):
            checksum = struct.pack(">I", zlib.crc32(kind + content))
            data += struct.pack(">I", len(content)) + kind + content + checksum
        if is_whole:
            assert decode(data, WHOLE).pixels.shape == (3, 3, 3)
        else:
            with pytest.raises(ImageRejectedError, match="broken off"):
                decode(data, WHOLE)
