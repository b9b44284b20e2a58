"""Explanations as web pages: the words that carried a label marked, the place in the picture that did so lit up.

What is given is the JSON of :meth:`shelfwise.explain.explanation.Explanation.to_dict`, so that a page can be made of explanations
that were kept in a file.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelfwise.reports.page import THUMBNAIL, Pictures, thumbnail, write_page
from shelfwise.vision.image_io import ImageRejectedError, Pixels, read_picture, shrink_picture

Json = Mapping[str, Any]

FAINTEST = 0.15
"""Words that matter less than this share of the most important one are not marked."""

DECISIVE = 0.05
"""A fall of the score that counts as strong in itself: where no single word matters as much, none is marked as if it did."""

GLOW = (214, 40, 40)


def write_explanations(explained: Sequence[Json], folder: Path, pictures: Pictures) -> Path:
    """Write ``index.html`` into `folder` (made if need be): every product with the reasons for its labels.

    Args:
        explained: what :meth:`~shelfwise.explain.explanation.Explanation.to_dict` gives, a product each.
        pictures: from a product's id to its picture's file, or None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return write_page(
        "explanation.html.j2", {"products": [evidence_view(e, pictures(e["id"])) for e in explained]}, folder
    )


def evidence_view(explained: Json, path: Path | None) -> dict[str, Any]:
    """One product as the macro ``reasons`` of ``evidence.html.j2`` shows it; other pages may show it too.

    Returns:
        id, picture (a ``data:`` address or None), texts, and for each label: score, contributions from large to small,
        texts in pieces ``(text, strength)`` with strength in [-1, 1] or None, heat (a ``data:`` address or None), near; sides, what two
        members contradict each other about, if they do.
    """
    pixels = _pixels(path)
    reasons = [
        {
            "label": label,
            "score": reason["score"],
            "contributions": sorted(reason["contributions"].items(), key=lambda item: -item[1]),
            "members": reason["members"],
            "texts": {
                field: marked(text, _relative(reason["words"], field))
                for field, text in explained["texts"].items()
            },
            "heat": None
            if pixels is None or reason["picture"] is None
            else heat(pixels, np.array(reason["picture"])),
            "near": reason["near"],
        }
        for label, reason in explained["reasons"].items()
    ]
    return {
        "id": explained["id"],
        "texts": explained["texts"],
        "picture": thumbnail(path),
        "reasons": reasons,
        "sides": explained.get("sides", []),
    }


def marked(text: str, words: Sequence[Json]) -> list[tuple[str, float | None]]:
    """A text in pieces: words with their strength, and what stands between them with None.

    >>> marked("a red mug", [{"start": 2, "end": 5, "weight": 0.01}, {"start": 6, "end": 9, "weight": 1.0}])
    [('a red ', None), ('mug', 1.0)]
    """
    pieces: list[tuple[str, float | None]] = []
    done = 0
    for word in words:
        if abs(word["weight"]) >= FAINTEST:
            pieces += [
                (text[done : word["start"]], None),
                (text[word["start"] : word["end"]], word["weight"]),
            ]
            done = word["end"]
    return [piece for piece in [*pieces, (text[done:], None)] if piece[0]]


def heat(picture: Pixels, importance: NDArray[np.floating]) -> str:
    """The picture (H, W, 3) as a ``data:`` address, glowing where the importance (8, 8) is high; grey where nothing matters."""
    height, width = picture.shape[:2]
    strongest = max(float(importance.max()), DECISIVE)
    smooth = Image.fromarray((importance / strongest).clip(0, 1).astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    glow = np.asarray(smooth).clip(0, 1)[:, :, None]
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    base = grey * 0.75 + 64 + glow * (picture - grey * 0.75 - 64)  # what matters keeps its colours
    mixed = base + 0.35 * glow * (np.array(GLOW) - base)
    buffer = io.BytesIO()
    Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _relative(words: Sequence[Json], field: str) -> list[dict[str, Any]]:
    """The words of one field, their weights as shares of the most important word's of all fields, or of :data:`DECISIVE`."""
    strongest = max([DECISIVE, *(abs(word["weight"]) for word in words)])
    return [{**word, "weight": word["weight"] / strongest} for word in words if word["field"] == field]


def _pixels(path: Path | None) -> Pixels | None:
    if path is None:
        return None
    try:
        return shrink_picture(read_picture(path), THUMBNAIL)
    except ImageRejectedError:
        return None
