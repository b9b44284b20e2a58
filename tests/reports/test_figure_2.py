"""Fig. 2 of the paper: its bins, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from shelfwise.errors import LabelError
from shelfwise.reports.figure_2 import figure_2, histogram


def test_bins_are_the_papers() -> None:
    heights, edges = histogram([558, 600, 2919, 37102])
    np.testing.assert_allclose(edges, np.linspace(558, 37102, 20))
    assert heights.sum() == 4
    assert heights[0] == 2
    assert heights[-1] == 1
    assert histogram([5, 5, 5])[0].sum() == 3


def test_figure_is_svg_the_same_every_time_and_leaves_settings_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    for name in ("a.svg", "b.svg"):
        figure_2([3, 5, 8, 400], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert (root.get("width"), root.get("height")) == ("720pt", "288pt")
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert "Number of products in each category" in text
    assert "Number of categories" in text
    assert "<dc:date>" not in text
    assert dict(matplotlib.rcParams) == before


def test_no_categories_no_figure(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no category"):
        figure_2([], tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())
