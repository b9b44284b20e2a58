"""Thirty kinds of image files that no product should have, written into a folder."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.vision.test_image_io import bomb, photo, stored


def cut(form: str, rest: int) -> bytes:
    """A photo whose last bytes are missing."""
    return stored(photo(), form)[:-rest]


def scratched(form: str, start: int = 200) -> bytes:
    """A photo with a part of its data overwritten."""
    data = bytearray(stored(photo(), form))
    data[start : start + 200] = b"\xa5" * len(data[start : start + 200])
    return bytes(data)


def png_with_broken_exif() -> bytes:
    """A kind that ended a training once: the decoder trips over the orientation."""
    buffer = io.BytesIO()
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01"
    photo().save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def eps() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 60\n%%EndComments\n"


def giant_header() -> bytes:
    """A BMP that claims a billion pixels a side."""
    data = bytearray(stored(photo(), "BMP"))
    data[18:26] = (2**30).to_bytes(4, "little") * 2
    return bytes(data)


CONTENTS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "html": lambda: b"<!doctype html><title>404</title>",
    "json": lambda: b'{"error": "not found"}',
    "zeros": lambda: bytes(5_000),
    "noise": lambda: os.urandom(5_000),
    "text": lambda: b"image follows\n" * 100,
    "eps": eps,
    "svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "pdf": lambda: b"%PDF-1.7\n%%EOF",
    "ppm": lambda: stored(photo(), "PPM"),
    "dds": lambda: stored(photo().convert("RGBA"), "DDS"),
    "ico": lambda: stored(photo(), "ICO"),
    "one pixel": lambda: stored(Image.new("RGB", (1, 1))),
    "jpeg broken off": lambda: cut("JPEG", 300),
    "png broken off": lambda: cut("PNG", 300),
    "gif broken off": lambda: cut("GIF", 300),
    "bmp broken off": lambda: cut("BMP", 300),
    "tiff broken off": lambda: cut("TIFF", 300),
    "webp broken off": lambda: cut("WEBP", 20),
    "avif broken off": lambda: cut("AVIF", 20),
    "png header only": lambda: b"\x89PNG\r\n\x1a\n",
    "jpeg header only": lambda: b"\xff\xd8\xff\xe0",
    "png scratched": lambda: scratched("PNG", 60),
    "bomb of 30 megapixels": lambda: bomb(6_000, 5_000),
    "bomb of 144 megapixels": lambda: bomb(12_000, 12_000),
    "bmp of a billion pixels": giant_header,
}


def write_bad_images(folder: Path) -> dict[str, str]:
    """Write one file of each kind into `folder`; its name below that folder, by kind."""
    names = {}
    for number, (kind, content) in enumerate(CONTENTS.items()):
        names[kind] = f"bad{number}.jpg"
        (folder / names[kind]).write_bytes(content())
    names["missing"] = "nowhere.jpg"
    names["folder"] = "folder.jpg"
    (folder / names["folder"]).mkdir()
    names["pipe"] = "pipe.jpg"
    os.mkfifo(folder / names["pipe"])
    names["link out of the folder"] = "link.jpg"
    secret = folder.parent.parent / "secret.png"
    secret.write_bytes(stored(photo()))
    (folder / names["link out of the folder"]).symlink_to(secret)
    return names
