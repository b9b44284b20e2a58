"""Pictures of the catalogue, for browsers: only images, and only from the catalogue's folder."""

from __future__ import annotations

from fastapi.responses import Response

from shelfwise.core.catalog import Catalog, EmbeddedImage, ImageFile, ImageSource
from shelfwise.service.problems import Problem

MAX_BYTES = 25_000_000

_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
}


def picture(catalog: Catalog, row: int) -> Response:
    """The picture of one product.

    Raises:
        Problem: it has none, or none that may be shown.
    """
    source = catalog.take([row]).image_sources()[0]
    content = source.read() if isinstance(source, EmbeddedImage) else _content(source)
    kind = _kind(content)
    if kind is None:
        raise Problem(404, "no-picture", "this product has no picture that a browser can show")
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=3600"})


def _content(source: ImageSource | None) -> bytes:
    """What the file holds; nothing where it is not below the catalogue's folder, or too large."""
    if not isinstance(source, ImageFile):
        return b""
    try:
        path = (source.root / source.name).resolve(strict=True)
        # a link or .. may lead elsewhere
        if not path.is_relative_to(source.root.resolve()) or path.stat().st_size > MAX_BYTES:
            return b""
        return path.read_bytes()
    except (OSError, ValueError):
        return b""


def _kind(content: bytes) -> str | None:
    """The media type, by what the file holds: its name may say anything."""
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
