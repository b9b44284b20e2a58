"""Images that a program holds itself: contents of files, pictures of Pillow, absolute paths."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelfwise.errors import CatalogError

if TYPE_CHECKING:
    from PIL.Image import Image

_PNG_MODES = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"))
"""What PNG can hold without loss."""


def own_image(value: Any) -> bytes | str | None:
    """The content of an image file, or an absolute path; None where the value is for the reader to check.

    A file may not name what lies outside of its folder, but a program may use its own images.

    Args:
        value: bytes, a picture of Pillow, a path, the ``{"bytes", "path"}`` of the datasets library, or a
            list of these, of which the first counts.

    Raises:
        CatalogError: it is an array, of which nobody says how its numbers are to be seen.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    # relative ones are looked for below the root, by the reader
    if isinstance(value, str | Path):
        return str(value) if Path(value).is_absolute() else None
    if isinstance(value, Mapping):
        content = value.get("bytes")
        return own_image(value.get("path") if content is None else content)
    if isinstance(value, list | tuple):
        return own_image(value[0]) if value else None
    # asked of the value, so that Pillow is imported only where there are pictures
    if hasattr(value, "getbands"):
        return _encoded(value)
    if getattr(value, "ndim", 0) > 1:
        raise CatalogError(
            f"an image is an array of the shape {tuple(value.shape)}; give a path, the bytes of an image "
            "file, or a picture: PIL.Image.fromarray(array)"
        )
    return None


def _encoded(picture: Image) -> bytes:
    """The picture as the content of a PNG file, upright as a file's would be shown."""
    from PIL import ImageOps

    try:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode not in _PNG_MODES:
            upright = upright.convert("RGB")
        content = io.BytesIO()
        # time counts more than size: the bytes are decoded again soon
        upright.save(content, "PNG", compress_level=1)
    except (OSError, ValueError) as error:
        raise CatalogError(
            f"a picture of Pillow cannot be used ({error}); was its file closed before it was loaded? "
            "Call load() on it first, or give the path"
        ) from None
    return content.getvalue()
