"""Which part of a picture matters: cover it piece by piece, and ask again.

Works for any classifier of pictures, through its answers alone. A window of a third of the picture slides over it, so that
every place is covered by several windows and no object falls between them. Source: Zeiler and Fergus 2014, section 4.2;
there the window is grey, here it is the picture itself, blurred until nothing can be recognised, which looks less like an
object of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from shelfwise.vision.image_io import Pixels, read_picture, shrink_picture

CELLS = 8
"""Rows and columns of the map."""

WINDOW = 3
"""Rows and columns of the map that are covered at a time."""

LONGEST = 384
"""Longer side of the copies, in pixels: more than most classifiers look at."""

PLACES = (CELLS - WINDOW + 1) ** 2
"""Windows on one picture."""


def covered(picture: Pixels) -> list[Pixels]:
    """:data:`PLACES` copies of a picture (H, W, 3), each with one window blurred; row by row."""
    height, width = picture.shape[:2]
    radius = max(height, width) / CELLS
    blurred = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
    rows, columns = (np.linspace(0, side, CELLS + 1).round().astype(int) for side in (height, width))
    copies = []
    for row, column in _windows():
        inside = slice(rows[row], rows[row + WINDOW]), slice(columns[column], columns[column + WINDOW])
        copy = picture.copy()
        copy[inside] = blurred[inside]
        copies.append(copy)
    return copies


def importance(drops: NDArray[np.floating]) -> NDArray[np.float32]:
    """Maps (L, CELLS, CELLS) of how much each place matters for each of L labels.

    Args:
        drops: (PLACES, L) how far the score falls when the window of :func:`covered` is blurred.

    Returns:
        For every cell the mean drop over the windows that cover it; negative where the picture speaks against the label.
    """
    total, count = np.zeros((drops.shape[1], CELLS, CELLS)), np.zeros((CELLS, CELLS))
    for drop, (row, column) in zip(drops, _windows(), strict=True):
        inside = (..., slice(row, row + WINDOW), slice(column, column + WINDOW))
        total[inside] += drop[:, None, None]
        count[inside] += 1
    return (total / count).astype(np.float32)


def covered_files(path: Path, folder: Path) -> list[str]:
    """Write the picture at `path`, and its copies of :func:`covered`, into `folder`; their 1 + :data:`PLACES` names.

    Raises:
        PictureRefused: as :func:`~shelfwise.vision.image_io.decode_picture`.
    """
    picture = shrink_picture(read_picture(path), LONGEST)
    names = [f"{number}.png" for number in range(1 + PLACES)]
    for name, copy in zip(names, [picture, *covered(picture)], strict=True):
        Image.fromarray(copy).save(folder / name, compress_level=1)
    return names


def _windows() -> list[tuple[int, int]]:
    steps = range(CELLS - WINDOW + 1)
    return [(row, column) for row in steps for column in steps]
