"""Pictures of the catalogue, for browsers: only images, and only from the catalogue's folder."""

from __future__ import annotations

from fastapi.responses import Response

from shelfwise.core.catalog import Catalog
from shelfwise.service.answers.problems import Problem
from shelfwise.vision.image_io import ImageRejectedError, is_first_of_several, read_image

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
    content = _content(catalog, row)
    kind = _kind(content)
    if kind is None:
        raise Problem(404, "no-image", "this product has no image that a browser can show")
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=3600"})


def shows_more_than_the_model_sees(catalog: Catalog, row: int) -> bool:
    """Whether the picture of a product has several frames, of which a model sees the first."""
    return is_first_of_several(_content(catalog, row))


def _content(catalog: Catalog, row: int) -> bytes:
    """What the product's picture holds; nothing where it has none, or none that may be read."""
    [source] = catalog.take([row]).image_sources()
    if source is None:
        return b""
    try:
        return read_image(source)
    except ImageRejectedError:
        return b""


def _kind(content: bytes) -> str | None:
    """The media type, by what the file holds: its name may say anything."""
    for start, kind in _STARTS.items():
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None
