"""The forms of ``shapes.toml``: where their points lie."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.catalog.sample.paints import COLORS, FIXED_PAINTS, PAINT_NUMBERS, palette
from shelfwise.catalog.sample.shapes import _part, load_shapes


def test_every_shape_has_parts_near_the_square() -> None:
    for name, parts in load_shapes().items():
        points = np.concatenate([part.points for part in parts])
        assert points.min() > -10, name
        assert points.max() < 110, name


@pytest.mark.parametrize("line", ["body sym 0 10 30 20 20 80", "body symblob 0 10 30 20 20 80"])
def test_half_an_outline_is_mirrored(line: str) -> None:
    points = _part(line).points
    mirrored = points[::-1] * (-1, 1) + (100, 0)
    np.testing.assert_allclose(points, mirrored)


@pytest.mark.parametrize(("form", "width"), [("blob", 0), ("curve", 3)])
def test_smooth_curves_pass_through_their_points(form: str, width: int) -> None:
    corners = np.array([[10.0, 10], [60, 20], [80, 70], [20, 90]])
    numbers = [*([width] if width else []), *corners.ravel().tolist()]
    part = _part(f"body {form} {' '.join(map(str, numbers))}")
    assert part.width == width
    np.testing.assert_allclose(part.points[::8], corners)


def test_boxes_and_rings_keep_within_their_measures() -> None:
    box = _part("body box 10 20 60 90 5").points
    assert (*box.min(axis=0), *box.max(axis=0)) == pytest.approx((10, 20, 60, 90))
    ring = _part("dark ring 50 40 10 20 3")
    assert ring.width == 3
    np.testing.assert_allclose(np.hypot(*((ring.points - (50, 40)) / (10, 20)).T), 1)


def test_the_palette_has_a_colour_for_every_paint() -> None:
    colors = np.frombuffer(
        palette(COLORS["red"], COLORS["blue"], COLORS["white"]), np.uint8
    ).reshape(-1, 4)
    assert len(colors) == 1 + len(PAINT_NUMBERS)
    assert colors[0].tolist() == [0, 0, 0, 0]
    assert tuple(colors[PAINT_NUMBERS["body"], :3]) == COLORS["red"]
    assert tuple(colors[PAINT_NUMBERS["wood"], :3]) == FIXED_PAINTS["wood"]
    assert tuple(colors[PAINT_NUMBERS["ink"], :3]) == COLORS["white"]
