"""The report's drawings: true numbers, the page's colours, nothing left behind."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from shelfwise.reports import plots

EVIL = "<script>alert('x')</script> $x_1$ &"


@pytest.fixture
def systems() -> dict[str, Any]:
    wide = {
        "micro_f1": 0.63,
        "micro_f1_interval": [0.62, 0.64],
        "micro_f1_tuned": 0.68,
        "micro_f1_tuned_interval": [0.67, 0.69],
    }
    return {
        EVIL: wide,
        "max": {
            "micro_f1": 0.6841,
            "micro_f1_interval": None,
            "micro_f1_tuned": 0.7341,
            "micro_f1_tuned_interval": None,
        },
        "description": {"not_run": "no product has one"},
    }


@pytest.fixture
def labels() -> list[dict[str, Any]]:
    rows = [{"label": f"L{i}", "support": 10 + i, "f1": 0.9} for i in range(6)]
    return [
        *rows,
        {"label": EVIL, "support": 50, "f1": 0.1},
        {"label": "Never tested", "support": 0, "f1": 0.0},
    ]


def words(svg: str) -> set[str]:
    """The texts of a drawing, which must be well-formed."""
    root = ElementTree.fromstring(svg)
    return {
        "".join(element.itertext()).strip()
        for element in root.iter()
        if element.tag.endswith("text")
    }


def test_bars_show_the_numbers(systems: dict[str, Any]) -> None:
    shown = words(plots.system_bars(systems, "max"))
    assert {
        "63.0",
        "68.0",
        "68.4",
        "73.4",
        "\N{BLACK RIGHT-POINTING SMALL TRIANGLE} max",
        plots.shorten(EVIL),
    } <= shown
    assert "description" not in shown


def test_scatter_names_what_costs_most(labels: list[dict[str, Any]]) -> None:
    shown = words(plots.label_scatter(labels, named=1))
    assert plots.shorten(EVIL) in shown
    assert not {row["label"] for row in labels} & shown


def test_scatter_of_no_label() -> None:
    assert "F1, %" in words(
        plots.label_scatter([{"label": "Never tested", "support": 0, "f1": 0.0}])
    )


def test_names_that_would_cover_each_other_are_moved_apart() -> None:
    heights = np.array([50.0, 10.0, 51.0, 52.0])
    placed = plots.spread_out(heights, 5)
    assert placed.tolist() == [50.0, 10.0, 55.0, 60.0]
    assert heights.tolist() == [50.0, 10.0, 51.0, 52.0]
    assert plots.spread_out(np.array([]), 5).tolist() == []


def test_count_bars_are_on_whole_numbers() -> None:
    shown = words(plots.count_bars({1: 5, 4: 2}, "sizes", "labels of one product"))
    assert {"labels of one product", "products", "1", "2", "3", "4"} <= shown
    assert "1.5" not in shown


def test_reliability_has_a_dot_for_every_bin() -> None:
    before = {"score": [0.1, 0.5, 0.9], "frequency": [0.0, 0.4, 0.7], "count": [50.0, 10.0, 20.0]}
    after = {"score": [0.2, 0.8], "frequency": [0.2, 0.8], "count": [60.0, 20.0]}
    drawing = plots.reliability_curves(before, after)
    assert {"score", "share of right labels", "before calibration", "after calibration"} <= words(
        drawing
    )
    dots = [
        group
        for group in ElementTree.fromstring(drawing).iter()
        if "PathCollection" in group.get("id", "")
    ]
    assert [
        len([element for element in group.iter() if element.get("clip-path")]) for group in dots
    ][:2] == [
        3,
        2,
    ]


def test_reliability_of_nothing() -> None:
    none: dict[str, Any] = {"score": [], "frequency": [], "count": []}
    assert "after calibration" in words(plots.reliability_curves(none, none))


def test_drawings_take_the_page_s_colours(
    systems: dict[str, Any], labels: list[dict[str, Any]]
) -> None:
    svg = plots.system_bars(systems, "max") + plots.label_scatter(labels)
    assert "#01010" not in svg
    for colour in ("currentColor", "var(--accent", "var(--soft", "var(--warn", "var(--line"):
        assert colour in svg


def test_two_drawings_share_no_id() -> None:
    first, second = (plots.count_bars({1: 5}, name, "x") for name in ("a", "b"))
    ids = [
        {e.get("id") for e in ElementTree.fromstring(svg).iter()} - {None}
        for svg in (first, second)
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_matplotlib_is_left_as_it_was(
    systems: dict[str, Any], labels: list[dict[str, Any]]
) -> None:
    before = dict(mpl.rcParams)
    plots.system_bars(systems, "max")
    plots.label_scatter(labels)
    assert dict(mpl.rcParams) == before
