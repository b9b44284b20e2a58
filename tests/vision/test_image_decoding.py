"""Images that lack their end, have several frames, lie on their side, or are lines."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shelfwise.vision.image_decoding import ImageRejectedError, Reshaping, decode
from shelfwise.vision.image_io import is_first_of_several

SMALL = Reshaping("stretch", 64)
WHOLE = Reshaping("thumbnail", 1000)

JPEGS = [
    {},
    {"progressive": True},
    {"quality": 95, "subsampling": 0},
    {"restart_marker_rows": 1},
]


def stored(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photo(mode: str) -> Image.Image:
    coarse = np.random.default_rng(1).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((300, 200), Image.Resampling.BICUBIC)
    return large.convert(mode)


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_without_its_end_marker_is_read(mode: str, options: dict[str, object]) -> None:
    whole = stored(photo(mode), "JPEG", **options)
    wanted = decode(whole, SMALL).pixels
    for missing in (1, 2):
        np.testing.assert_array_equal(decode(whole[:-missing], SMALL).pixels, wanted)


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_that_lacks_pixels_is_refused(mode: str, options: dict[str, object]) -> None:
    whole = stored(photo(mode), "JPEG", **options)
    for missing in (5, 6, 7, 8, 10, 13, 20, 50, 200, 1000, len(whole) // 2):
        with pytest.raises(ImageRejectedError, match="broken off"):
            decode(whole[:-missing], SMALL)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_of_several_frames_counts_and_is_told(format: str) -> None:
    red, blue = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    animated, still = stored(red, format, save_all=True, append_images=[blue]), stored(red, format)
    several = decode(animated, WHOLE)
    assert np.abs(several.pixels.astype(int) - (255, 0, 0)).max() <= 2
    assert several.several_frames
    assert not decode(still, WHOLE).several_frames
    assert is_first_of_several(animated)
    assert not is_first_of_several(still)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG acTL", stored(photo("L"), "JPEG")])
def test_what_is_no_animation_has_no_first_frame(content: bytes) -> None:
    assert not is_first_of_several(content)


def turned(pixels: NDArray[np.uint8], orientation: int) -> Image.Image:
    """The image as a camera stores it that is held so that EXIF says `orientation`."""
    turn = Image.Transpose
    undone = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }
    image = Image.fromarray(pixels)
    return image if orientation == 1 else image.transpose(undone[orientation])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_upright(format: str, orientation: int) -> None:
    wanted = np.zeros((32, 16, 3), np.uint8)
    wanted[:16, :8] = (255, 0, 0)
    wanted[:16, 8:] = (0, 255, 0)
    wanted[16:, :8] = (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = stored(turned(wanted, orientation), format, exif=exif, quality=95)
    found = decode(data, WHOLE).pixels
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).mean() < 8


def test_a_damaged_orientation_is_none() -> None:
    # an orientation of a kind that no number has
    entry = struct.pack("<HHIHH", 0x0112, 2, 400, 3, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    image = photo("RGB")
    for format in ("PNG", "JPEG"):
        found = decode(stored(image, format, exif=exif), WHOLE).pixels
        assert np.abs(found.astype(int) - np.asarray(image)).mean() < 5


@pytest.mark.parametrize("size", [(20_000, 20), (20, 20_000), (1000, 1), (1, 2)])
@pytest.mark.parametrize("shape", ["contain", "letterbox", "crop", "stretch", "thumbnail"])
def test_lines_have_pixels(size: tuple[int, int], shape: str) -> None:
    pixels = decode(stored(Image.new("RGB", size, "red"), "PNG"), Reshaping(shape, 384)).pixels  # type: ignore[arg-type]
    assert min(pixels.shape) >= 1
    assert (pixels == (255, 0, 0)).all(axis=2).any()


def test_a_letterbox_is_pillows() -> None:
    for size in ((90, 30), (31, 77), (64, 64)):
        image = photo("RGB").resize(size)
        wanted = ImageOps.pad(image, (48, 48), Image.Resampling.BICUBIC, color="white")
        found = decode(stored(image, "PNG"), Reshaping("letterbox", 48)).pixels
        np.testing.assert_array_equal(found, np.asarray(wanted))
