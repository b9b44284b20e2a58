"""Images from hostile files: every refusal has a reason, every mode becomes RGB."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shelfwise.vision.image_io import (
    ImageRejectedError,
    Resizing,
    decode_image,
    digest_image,
    read_image,
    too_many_pixels,
)

RESIZING = Resizing(32)


def stored(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photo(width: int = 90, height: int = 60) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


def bomb(width: int, height: int) -> bytes:
    """A small, valid PNG of width x height black pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an image"),
        (b"<html>404</html>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (stored(photo(), "PPM"), "not an image"),
        (stored(photo(), "GIF")[:-200], "broken off"),
        (stored(photo(), "BMP")[:-200], "broken off"),
        (stored(photo(), "TIFF")[:-200], "broken off"),
        (stored(photo(), "AVIF")[:-20], "broken off"),
        (b"\x89PNG\r\n\x1a\n broken", "only begins like PNG"),
        (stored(Image.new("RGB", (1, 1))), "single pixel"),
        (stored(photo(), "JPEG")[:-200], "broken off"),
        (stored(photo(), "PNG")[:-200], "broken off"),
        (stored(photo(), "WEBP")[:-20], "broken off|not an image"),
        (bomb(6000, 5000), "more than 25,000,000"),
        (bomb(9000, 9000), "more than 25,000,000"),
        (bomb(12000, 12000), "more than 25,000,000"),
        (bomb(15000, 15000), "more than 25,000,000"),
    ],
)
def test_unusable_images_are_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRejectedError, match=reason):
        decode_image(data, RESIZING)


def test_bombs_are_refused_before_they_are_decoded() -> None:
    resource = pytest.importorskip("resource")
    data = bomb(12000, 12000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageRejectedError):
        decode_image(data, RESIZING)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_only_images_of_too_many_pixels_are_called_so() -> None:
    large = [bomb(6000, 5000), bomb(15000, 15000)]
    # the rest of each is not looked at, whatever is wrong with it
    others = [b"", b"no image", stored(photo())[:-200], stored(Image.new("RGB", (1, 1)))]
    reasons = too_many_pixels([*large, *others])
    assert [reason is not None for reason in reasons] == [True, True, False, False, False, False]
    assert all("more than 25,000,000" in str(reason) for reason in reasons[:2])


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = (
        Image.fromarray(np.full((8, 8), 65535, np.uint16))
        if mode == "I;16"
        else Image.new("RGB", (8, 8), "white").convert(mode)
    )
    data = stored(image, "JPEG" if mode == "CMYK" else "PNG")
    pixels = decode_image(data, RESIZING)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels.min() >= 254


def test_sixteen_bits_keep_their_greys() -> None:
    grey = Image.fromarray(np.full((8, 8), 128 << 8, np.uint16))
    assert np.all(decode_image(stored(grey), RESIZING) == 128)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": image.getpixel((0, 0))} if mode == "P" else {}
    assert decode_image(stored(image, **options), RESIZING).min() == 255


def test_stretch_letterbox_and_crop() -> None:
    image = Image.new("RGB", (90, 30), "black")
    image.paste("red", (0, 0, 30, 30))
    data = stored(image)
    stretched, boxed, cropped = (
        decode_image(data, Resizing(30, fit)) for fit in ("stretch", "letterbox", "crop")
    )
    assert tuple(stretched[15, 2]) == (255, 0, 0)
    assert tuple(boxed[2, 15]) == (255, 255, 255)
    assert tuple(boxed[15, 2]) == (255, 0, 0)
    assert cropped.max() == 0


def test_large_jpegs_are_decoded_small_and_alike() -> None:
    image = photo(1600, 1200)
    small = decode_image(stored(image, "JPEG", quality=95), Resizing(64)).astype(int)
    exact = decode_image(stored(image, "PNG"), Resizing(64)).astype(int)
    assert np.abs(small - exact).mean() < 3


def test_a_turned_photo_stands_upright() -> None:
    image = Image.new("RGB", (40, 40), "black")
    image.paste("white", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half a circle
    assert decode_image(stored(image, "JPEG", exif=exif), RESIZING)[-1].min() > 240


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    format=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]),
    at=st.floats(0, 0.999),
    byte=st.integers(0, 255),
    cut=st.booleans(),
)
def test_damage_is_survived(format: str, at: float, byte: int, cut: bool) -> None:
    data = bytearray(stored(photo(24, 24), format))
    place = int(at * len(data))
    data[place] = byte
    try:
        pixels = decode_image(bytes(data[:place] if cut else data), RESIZING)
    except ImageRejectedError:  # any other error fails the test
        return
    assert pixels.shape == (32, 32, 3)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, reason in [
        (tmp_path / "none.jpg", "no such file"),
        (tmp_path, "cannot be read"),
        (Path("a\0b"), "cannot be read"),
    ]:
        with pytest.raises(ImageRejectedError, match=reason):
            read_image(path)
    (tmp_path / "large.jpg").write_bytes(bytes(100))
    monkeypatch.setattr("shelfwise.vision.image_files.MAX_BYTES", 99)
    with pytest.raises(ImageRejectedError, match="100 bytes"):
        digest_image(tmp_path / "large.jpg")


@pytest.mark.parametrize("side", [9000, 12000, 15000])
def test_nothing_warns_of_a_bomb(side: int) -> None:
    """Pillow's own warning, made an error here, would come in place of the reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageRejectedError, match="more than 25,000,000"):
            decode_image(bomb(side, side), RESIZING)
