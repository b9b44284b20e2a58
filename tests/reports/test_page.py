"""Images in the report: small, of every kind, and never a reason to fail."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from shelfwise.reports.page import thumbnail


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no picture",
        b"\x89PNG\r\n\x1a\n broken",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_thumbnail_of_no_image(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    assert thumbnail(path) is None


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "CMYK", "1", "LA"])
def test_thumbnail_of_every_kind_of_image(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.tiff" if mode == "CMYK" else "x.png")
    Image.new(mode, (10, 400)).save(path)
    shown = thumbnail(path, size=100)
    assert shown is not None
    with Image.open(io.BytesIO(base64.b64decode(shown.split(",")[1]))) as image:
        assert max(image.size) == 100
