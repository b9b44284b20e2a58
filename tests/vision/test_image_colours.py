"""Pixels of every kind against known colours."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence

import pytest
from PIL import Image

from shelfwise.vision.image_decoding import ImageRejectedError, Reshaping, decode

WHITE = (255, 255, 255)
RED = (255, 0, 0)
GREEN = (0, 255, 0)
BLUE = (0, 0, 255)
SHORT, LONG = 3, 4
THREE_COLOURS = bytes([*RED, *GREEN, *BLUE])


def colours(data: bytes) -> list[tuple[int, ...]]:
    """The pixels of the first row."""
    pixels = decode(data, Reshaping("thumbnail", 64)).pixels
    return [tuple(pixel) for pixel in pixels[0].tolist()]


def greys(data: bytes) -> list[int]:
    """The pixels of the first row, which are grey."""
    found = colours(data)
    assert all(len(set(pixel)) == 1 for pixel in found)
    return [pixel[0] for pixel in found]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, bits: int, kind: int, row: bytes, further: bytes = b"") -> bytes:
    """A PNG of one row; kind 0 is grey, 2 RGB, 3 a palette, 4 grey and 6 RGB with transparency."""
    header = struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0)
    body = zlib.compress(b"\0" + row)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + further
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


def transparent(*values: int) -> bytes:
    """The chunk that names the transparent colour, in the depth of the pixels."""
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


def tiff(bits: int, white_is_zero: bool, row: bytes, numbers: int = 1, width: int = 3) -> bytes:
    """An uncompressed grey TIFF of one row; numbers 1 are unsigned, 2 signed, 3 decimal."""
    tags = {258: (SHORT, bits), 262: (SHORT, 0 if white_is_zero else 1), 339: (SHORT, numbers)}
    return tiff_of({256: (LONG, width), 257: (LONG, 1), 277: (SHORT, 1), **tags}, [row])


def tiff_of(tags: Mapping[int, tuple[int, *tuple[int, ...]]], planes: Sequence[bytes]) -> bytes:
    """An uncompressed TIFF; of each tag its kind and its values."""
    places, far = [], b"II*\0    "
    for plane in planes:
        places.append(len(far))
        far += plane
    lengths = (len(plane) for plane in planes)
    further = {259: (SHORT, 1), 273: (LONG, *places), 278: (LONG, 1), 279: (LONG, *lengths)}
    entries = b""
    for tag, (kind, *values) in sorted({**tags, **further}.items()):
        content = struct.pack(f"<{len(values)}{'H' if kind == SHORT else 'I'}", *values)
        # what is longer stands elsewhere
        if len(content) > 4:
            far, content = far + content, struct.pack("<I", len(far))
        entries += struct.pack("<HHI", tag, kind, len(values)) + content.ljust(4, b"\0")
    count = struct.pack("<H", len(entries) // 12)
    return b"II*\0" + struct.pack("<I", len(far)) + far[8:] + count + entries + bytes(4)


def stored(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (png(3, 16, 0, struct.pack(">3H", 0, 0x5A00, 0xFFFF)), [0, 90, 255]),
        (png(4, 2, 0, bytes([0b00011011])), [0, 85, 170, 255]),
        (tiff(16, False, struct.pack("<3H", 0, 0x5A00, 0xFFFF)), [0, 90, 255]),
        (tiff(16, True, struct.pack("<3H", 0, 0x5A00, 0xFFFF)), [255, 165, 0]),
        (tiff(8, True, bytes([0, 90, 255])), [255, 165, 0]),
        (tiff(12, False, b"\x00\x0f\xff", width=2), [0, 255]),
    ],
)
def test_greys(data: bytes, wanted: list[int]) -> None:
    assert greys(data) == wanted


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (png(8, 1, 0, bytes([0b10101010]), transparent(0)), [255] * 8),
        (png(4, 2, 0, bytes([0b00011011]), transparent(2)), [0, 85, 255, 255]),
        (png(4, 4, 0, bytes([0x0F, 0x3C]), transparent(3)), [0, 255, 255, 204]),
        (png(3, 8, 0, bytes([0, 90, 200]), transparent(90)), [0, 255, 200]),
        # of two greys that share their upper eight bits one is transparent
        (png(3, 16, 0, struct.pack(">3H", 0, 0x5A00, 0x5A01), transparent(0x5A00)), [0, 255, 90]),
        (png(2, 16, 4, struct.pack(">4H", 0x4000, 0xFFFF, 0x4000, 0)), [64, 255]),
    ],
)
def test_transparent_greys_become_white(data: bytes, wanted: list[int]) -> None:
    assert greys(data) == wanted


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (
            png(3, 16, 2, struct.pack(">9H", 0x1234, 0, 0, 0xFF00, 0, 0, 0, 0, 0xFF00)),
            [(18, 0, 0), RED, BLUE],
        ),
        (
            png(
                2,
                16,
                2,
                struct.pack(">6H", 0x1234, 0, 0, 0xFF00, 0, 0),
                transparent(0x1234, 0, 0),
            ),
            [WHITE, RED],
        ),
        # of two colours that share their upper eight bits one is transparent
        (
            png(2, 16, 2, struct.pack(">6H", 7, 7, 7, 9, 9, 9), transparent(7, 7, 7)),
            [WHITE, (0, 0, 0)],
        ),
        (png(2, 8, 2, bytes([1, 2, 3, 255, 0, 0]), transparent(1, 2, 3)), [WHITE, RED]),
        (
            png(2, 16, 6, struct.pack(">8H", 0x4000, 0x8000, 0, 0xFFFF, 0, 0, 0, 0)),
            [(64, 128, 0), WHITE],
        ),
        (
            png(
                3, 8, 3, bytes([0, 1, 2]), chunk(b"PLTE", THREE_COLOURS) + chunk(b"tRNS", b"\xff\0")
            ),
            [RED, WHITE, BLUE],
        ),
        (
            png(
                4,
                4,
                3,
                bytes([0x01, 0x20]),
                chunk(b"PLTE", THREE_COLOURS) + chunk(b"tRNS", b"\xff\0\x80"),
            ),
            [RED, WHITE, (127, 127, 255), RED],
        ),
    ],
)
def test_colours(data: bytes, wanted: list[tuple[int, ...]]) -> None:
    assert colours(data) == wanted


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_printing_colours(format: str) -> None:
    image = Image.new("CMYK", (16, 1), (0, 255, 255, 0))
    assert set(colours(stored(image, format))) == {RED}


def test_a_gif_with_a_transparent_colour() -> None:
    image = Image.new("P", (3, 1))
    image.putpalette(THREE_COLOURS)
    image.putdata([0, 1, 2])
    assert colours(stored(image, "GIF", transparency=1)) == [RED, WHITE, BLUE]


@pytest.mark.parametrize(
    "data",
    [
        tiff(32, False, struct.pack("<3f", 0, 0.5, 1), numbers=3),
        tiff(32, False, struct.pack("<3I", 0, 90, 200)),
        tiff(16, False, struct.pack("<3h", -1, 90, 200), numbers=2),
    ],
)
def test_numbers_without_a_known_range_are_refused(data: bytes) -> None:
    with pytest.raises(ImageRejectedError, match="black and white are not known"):
        decode(data, Reshaping("thumbnail", 64))


def in_planes(bits: int, photometric: int, planes: Sequence[bytes], width: int = 2) -> bytes:
    """A TIFF of one row whose channels lie one after the other."""
    tags = {258: (SHORT, *(bits for _ in planes)), 262: (SHORT, photometric), 284: (SHORT, 2)}
    size = {256: (LONG, width), 257: (LONG, 1), 277: (SHORT, len(planes))}
    more = {338: (SHORT, 2)} if photometric == 1 else {}
    return tiff_of({**tags, **size, **more}, planes)


def test_channels_that_lie_apart_are_read_or_refused() -> None:
    eight = in_planes(8, 2, [bytes([255, 0]), bytes([0, 0]), bytes([0, 255])])
    assert colours(eight) == [RED, BLUE]
    # Pillow takes each 16 bits for two pixels, and without a word
    sixteen = in_planes(16, 2, [bytes(4), bytes([255, 255, 0, 0]), bytes(4)])
    with pytest.raises(ImageRejectedError, match="channels of the TIFF file lie apart"):
        colours(sixteen)


def test_a_palette_of_8_bits_in_a_tiff_is_no_black() -> None:
    # red of all 256 colours, then green, then blue; the rule is 16 bits
    palette = [0] * 768
    palette[0], palette[256 + 1], palette[512 + 2] = 255, 255, 255
    tags = {256: (LONG, 3), 257: (LONG, 1), 258: (SHORT, 8), 262: (SHORT, 3), 277: (SHORT, 1)}
    old = tiff_of({**tags, 320: (SHORT, *palette)}, [bytes([0, 1, 2])])
    new = tiff_of({**tags, 320: (SHORT, *(257 * value for value in palette))}, [bytes([0, 1, 2])])
    assert colours(old) == colours(new) == [RED, GREEN, BLUE]


def test_the_canvas_around_the_first_frame_of_a_gif_is_white() -> None:
    image = Image.new("P", (1, 1), 0)
    image.putpalette([255, 0, 0])
    data = stored(image, "GIF")
    # a canvas of three pixels; the frame is the one in the middle
    canvas = data[:6] + struct.pack("<HH", 3, 1) + data[10:]
    frame = canvas.index(b",", 13)
    moved = canvas[: frame + 1] + struct.pack("<H", 1) + canvas[frame + 3 :]
    assert colours(moved) == [WHITE, RED, WHITE]
