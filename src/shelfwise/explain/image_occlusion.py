"""Which part of an image matters: cover it region by region, and predict again.

Works for any classifier of images, through its predictions alone. A window of a third of the image slides
over it, so that every region is covered by several windows and no object falls between them. Source: Zeiler
and Fergus 2014, section 4.2. There the window is grey. Here it is the image itself, blurred until nothing can
be recognised, which looks less like an object of its own.

Dimensions: H, W pixels of an image; L labels.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shelfwise.core.image_sources import ImageSource
from shelfwise.vision.image_io import Pixels, read_image, shrink_image

CELLS = 8
"""Rows and columns of the map."""

WINDOW = 3
"""Rows and columns of the map that are covered at a time."""

MAX_SIDE = 384
"""Longer side of the copies, in pixels: more than most classifiers look at."""

WINDOWS = (CELLS - WINDOW + 1) ** 2
"""Windows on one image."""


def covered(image: Pixels) -> list[Pixels]:
    """:data:`WINDOWS` copies of an image (H, W, 3), each with one window blurred; row by row."""
    height, width = image.shape[:2]
    # a cell's worth of blur leaves colours, and no shape as large as the window
    radius = max(height, width) / CELLS
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    row_edges = _cell_edges(height)
    column_edges = _cell_edges(width)
    copies = []
    for row, column in _windows():
        rows = slice(row_edges[row], row_edges[row + WINDOW])
        columns = slice(column_edges[column], column_edges[column + WINDOW])
        # only the window is taken from the blurred image
        copy = image.copy()
        copy[rows, columns] = blurred[rows, columns]
        copies.append(copy)
    return copies


def importance(drops: NDArray[np.floating]) -> NDArray[np.float32]:
    """Maps (L, CELLS, CELLS) of how much each region matters for each of L labels.

    Args:
        drops: (WINDOWS, L) how far the score falls when the window of :func:`covered` is blurred.

    Returns:
        For every cell the mean drop over the windows that cover it; negative where the image is evidence
        against the label.
    """
    total = np.zeros((drops.shape[1], CELLS, CELLS))
    count = np.zeros((CELLS, CELLS))
    for drop, (row, column) in zip(drops, _windows(), strict=True):
        inside = (..., slice(row, row + WINDOW), slice(column, column + WINDOW))
        # cells at the edge lie in fewer windows than those in the middle, so they are counted
        total[inside] += drop[:, None, None]
        count[inside] += 1
    return (total / count).astype(np.float32)


def covered_images(source: ImageSource) -> list[bytes]:
    """The image of `source`, and its copies of :func:`covered`, as PNG files: 1 + :data:`WINDOWS` of them.

    Raises:
        ImageRejectedError: as :func:`~shelfwise.vision.image_io.decode_image`.
    """
    image = shrink_image(read_image(source), MAX_SIDE)
    return [_png(copy) for copy in (image, *covered(image))]


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    # least compression: the file is read once, a moment later
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _cell_edges(side: int) -> NDArray[np.int64]:
    """Where the cells begin along a side of so many pixels, and where the last one ends."""
    return np.linspace(0, side, CELLS + 1).round().astype(int)


def _windows() -> list[tuple[int, int]]:
    """The first row and column of each window, in cells."""
    steps = range(CELLS - WINDOW + 1)
    return [(row, column) for row in steps for column in steps]
