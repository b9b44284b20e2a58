"""Examples in the API's description; a test sends every one of them."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any


def _small_png() -> str:
    """A PNG of 8 x 8 grey pixels, in base64."""
    rows = b"".join(b"\x00" + bytes([40 * (y % 5) + 30]) * 8 for y in range(8))
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        checksum = zlib.crc32(kind + data)
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))
    return base64.b64encode(b"".join(parts)).decode()


CATEGORIZE: dict[str, dict[str, Any]] = {
    "a title": {"value": {"products": [{"id": "A-1", "title": "Mug with a handle"}]}},
    "two products with a promise": {
        "value": {
            "products": [
                {"id": "A-1", "title": "Mug with a handle", "price": 12.5},
                {
                    "id": "A-2",
                    "description": "Laces for boots",
                    "related": {"also_bought": ["A-1"]},
                },
            ],
            "precision": 0.9,
            "top": 3,
        }
    },
    "with an image": {
        "value": {"products": [{"title": "Grey tile", "image": {"data": _small_png()}}]}
    },
    "with each member's score": {
        "value": {"products": [{"title": "Snare drum"}], "reasons": "members"}
    },
}

SIMILAR: dict[str, dict[str, Any]] = {
    "five": {"value": {"product": {"title": "Mug with a handle"}, "k": 5}}
}

EXPLAIN: dict[str, dict[str, Any]] = {
    "members": {"value": {"product": {"title": "Mug with a handle"}}},
    "words": {"value": {"product": {"title": "Mug with a handle"}, "evidence": True}},
}

CHANGE_MODEL: dict[str, dict[str, Any]] = {"tomorrow's": {"value": {"path": "model-2"}}}
