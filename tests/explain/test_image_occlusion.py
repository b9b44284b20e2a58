"""Covering an image region by region: all of it is covered, and the map points at what matters."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelfwise.explain.image_occlusion import (
    CELLS,
    MAX_SIDE,
    WINDOW,
    WINDOWS,
    covered,
    covered_images,
    importance,
)
from shelfwise.vision.image_io import ImageRejectedError


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (96, 64, 3), dtype=np.uint8)


def test_each_copy_differs_in_its_window_only(noise: np.ndarray) -> None:
    copies = covered(noise)
    assert len(copies) == WINDOWS == (CELLS - WINDOW + 1) ** 2
    changed = np.stack([(copy != noise).any(axis=2) for copy in copies])
    assert changed.any(axis=0).all(), "no place of the image is left out"
    for mask in changed:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert np.ptp(rows) + 1 == 96 * WINDOW // CELLS
        assert np.ptp(columns) + 1 == 64 * WINDOW // CELLS
    assert changed[0, 0, 0]
    assert changed[-1, -1, -1]


def test_the_map_against_a_slow_obvious_one() -> None:
    drops = np.random.default_rng(1).normal(size=(WINDOWS, 3))
    maps = importance(drops)
    side = CELLS - WINDOW + 1
    for label in range(3):
        for row in range(CELLS):
            for column in range(CELLS):
                over = [
                    drops[top * side + left, label]
                    for top in range(side)
                    for left in range(side)
                    if top <= row < top + WINDOW and left <= column < left + WINDOW
                ]
                assert maps[label, row, column] == pytest.approx(np.mean(over), abs=1e-5)


def test_a_classifier_of_one_corner_is_found_out() -> None:
    image = np.zeros((80, 80, 3), np.uint8)
    image[60:, 60:] = 255
    drops = (
        np.array([[image[60:, 60:].mean() - copy[60:, 60:].mean()] for copy in covered(image)])
        / 255
    )
    found = importance(drops)[0]
    assert np.unravel_index(found.argmax(), found.shape) == (CELLS - 1, CELLS - 1)
    assert found[0, 0] == pytest.approx(0, abs=0.02)


def test_files_keep_the_aspect_and_begin_with_the_whole_image(tmp_path: Path) -> None:
    Image.new("RGB", (50, 100), "navy").save(tmp_path / "tall.png")
    images = covered_images(tmp_path / "tall.png")
    assert len(images) == 1 + WINDOWS
    assert covered_images((tmp_path / "tall.png").read_bytes()) == images
    with Image.open(io.BytesIO(images[0])) as whole:
        assert whole.size == (MAX_SIDE // 2, MAX_SIDE)
        assert whole.getpixel((0, 0)) == (0, 0, 128)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no")
    with pytest.raises(ImageRejectedError, match="not an image"):
        covered_images(tmp_path / "no.png")
    with pytest.raises(ImageRejectedError, match="not an image"):
        covered_images(b"no")
