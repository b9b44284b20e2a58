"""Images whose files lie in the catalogue itself: as bytes, or as the text of a data URL."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

_DATA_URL = re.compile(r"\s*data:image/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.IGNORECASE)


def embedded_image(value: Any, notes: Counter[str]) -> bytes | None:
    """The content of an image file; None where the value holds none.

    Args:
        value: bytes; the ``{"bytes", "path"}`` of the datasets library, of which the bytes count; or a text
            that is a data URL in base64.
        notes: takes in what cannot be decoded.
    """
    if isinstance(value, bytes):
        # no bytes are no image
        return value or None
    if isinstance(value, Mapping):
        content = value.get("bytes")
        return content or None if isinstance(content, bytes) else None
    if not isinstance(value, str):
        return None
    start = _DATA_URL.match(value)
    if start is None:
        return None
    # written over several lines in some feeds
    encoded = "".join(value[start.end() :].split())
    try:
        return base64.b64decode(encoded, validate=True) or None
    except binascii.Error:
        notes["the image is a data URL that is no base64, so there is none"] += 1
        return None
