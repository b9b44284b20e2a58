"""Explanations as web pages: words and regions of the image that support a label are marked.

The input is the JSON of :meth:`shelfwise.explain.explanation.Explanation.to_dict`. So a page can also be made
of explanations that were kept in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shelfwise.core.image_sources import ImageSource
from shelfwise.reports.page import THUMBNAIL, ImageLookup, Json, jpeg_address, thumbnail, write_page
from shelfwise.vision.image_io import ImageRejectedError, Pixels, read_image, shrink_image

MIN_STRENGTH = 0.15
"""Words that matter less than this share of the most important one are not marked."""

STRONG_DROP = 0.05
"""A drop of the score that counts as strong in itself. Where all words matter less, none is marked fully."""

GLOW_COLOUR = (214, 40, 40)


def write_explanations(explained: Sequence[Json], folder: Path, images: ImageLookup) -> Path:
    """Write ``index.html`` into `folder` (made if need be): every product with the reasons for its labels.

    Args:
        explained: what :meth:`~shelfwise.explain.explanation.Explanation.to_dict` gives, a product each.
        images: from a product's id to its image, or None.
    """
    products = [evidence_view(product, images(product["id"])) for product in explained]
    has_regions = any(reason["heat"] for product in products for reason in product["reasons"])
    view = {"products": products, "has_regions": has_regions}
    return write_page("explanation.html.j2", view, folder)


def evidence_view(explained: Json, image: ImageSource | None) -> dict[str, Any]:
    """One product as the macro ``reasons`` of ``evidence.html.j2`` shows it; other pages may show it too.

    Returns:
        id, thumbnail (a ``data:`` address or None) and texts; sides, what two members disagree about; and
        reasons, one a label: score, contributions from large to small, members' scores, near, heat (a
        ``data:`` address or None), and texts in pieces ``(text, strength)``, strength in [-1, 1] or None.
    """
    pixels = _pixels(image)
    texts = explained["texts"]
    reasons = []
    for label, reason in explained["reasons"].items():
        view = _reason_view(reason, texts, pixels)
        reasons.append({"label": label, **view})
    return {
        "id": explained["id"],
        "texts": texts,
        "thumbnail": thumbnail(image),
        "reasons": reasons,
        "sides": explained.get("sides", []),
    }


def _reason_view(reason: Json, texts: Json, pixels: Pixels | None) -> dict[str, Any]:
    """What supports one label."""
    # a model without image members says nothing of the image
    importance = reason["picture"]
    image = None
    if pixels is not None and importance is not None:
        image = heat(pixels, np.array(importance))
    pieces = {}
    for field, text in texts.items():
        words = _relative(reason["words"], field)
        pieces[field] = marked(text, words)
    contributions = reason["contributions"].items()
    return {
        "score": reason["score"],
        "contributions": sorted(contributions, key=lambda item: -item[1]),
        "members": reason["members"],
        "texts": pieces,
        "heat": image,
        "near": reason["near"],
    }


def marked(text: str, words: Sequence[Json]) -> list[tuple[str, float | None]]:
    """A text in pieces: words with their strength, and what stands between them with None.

    >>> marked("a red mug", [{"start": 2, "end": 5, "weight": 0.01}, {"start": 6, "end": 9, "weight": 1.0}])
    [('a red ', None), ('mug', 1.0)]
    """
    pieces: list[tuple[str, float | None]] = []
    done = 0
    for word in words:
        start = word["start"]
        end = word["end"]
        if abs(word["weight"]) >= MIN_STRENGTH:
            pieces.append((text[done:start], None))
            pieces.append((text[start:end], word["weight"]))
            done = end
    pieces.append((text[done:], None))
    # two marked words side by side leave an empty text between them
    return [piece for piece in pieces if piece[0]]


def heat(image: Pixels, importance: NDArray[np.floating]) -> str:
    """The image as a ``data:`` address, grey where nothing matters and glowing where the importance is high.

    Args:
        image: (H, W, 3).
        importance: (8, 8), the drop of the score without each region.
    """
    height, width = image.shape[:2]
    # where every region matters little, the largest drop must not look like a strong one
    strongest = max(float(importance.max()), STRONG_DROP)
    coarse = (importance / strongest).clip(0, 1)
    smooth = Image.fromarray(coarse.astype(np.float32))
    smooth = smooth.resize((width, height), Image.Resampling.BICUBIC)
    # bicubic interpolation may leave [0, 1]
    glow = np.asarray(smooth).clip(0, 1)[:, :, None]
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    # what matters keeps its colours, the rest fades to a light grey
    base = grey * 0.75 + 64 + glow * (image - grey * 0.75 - 64)
    mixed = base + 0.35 * glow * (np.array(GLOW_COLOUR) - base)
    pixels = mixed.clip(0, 255).astype(np.uint8)
    return jpeg_address(Image.fromarray(pixels))


def _relative(words: Sequence[Json], field: str) -> list[dict[str, Any]]:
    """The words of one field, weighted by the largest of all fields, or by :data:`STRONG_DROP`."""
    # of all fields together, so that the fields can be compared
    weights = [abs(word["weight"]) for word in words]
    strongest = max([STRONG_DROP, *weights])
    relative = []
    for word in words:
        if word["field"] == field:
            relative.append({**word, "weight": word["weight"] / strongest})
    return relative


def _pixels(source: ImageSource | None) -> Pixels | None:
    """The image, small; None where there is none that can be used."""
    if source is None:
        return None
    try:
        return shrink_image(read_image(source), THUMBNAIL)
    except ImageRejectedError:
        return None
