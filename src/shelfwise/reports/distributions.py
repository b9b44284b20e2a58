"""How products and labels are spread, drawn: part of the training report and of the inspection."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from shelfwise.disk.files import replacing
from shelfwise.reports import plots
from shelfwise.reports.figure_2 import figure_2
from shelfwise.reports.page import Json
from shelfwise.reports.svg import themed

FIGURE_2_TEXT = 20.0
"""Size of the text of Fig. 2 on a page, in points: it is drawn 10 inches wide and shown at half of that."""


def draw_distributions(statistics: Json, folder: Path) -> dict[str, Any]:
    """The drawings as elements of a page; also leaves ``figure_2.svg`` in `folder`.

    Args:
        statistics: as :meth:`~shelfwise.catalog.statistics.Statistics.to_dict` gives them.

    Returns:
        "figure_2" and "per_product"; None where there is nothing to draw.
    """
    drawings: dict[str, Any] = {"figure_2": None, "per_product": None}
    # a catalogue without labels has no bins to draw
    if counts := list(statistics.get("class_counts", {}).values()):
        with replacing(folder / "figure_2.svg") as temporary:
            figure_2(counts, temporary)
        drawing = themed(partial(figure_2, counts), "figure2", FIGURE_2_TEXT)
        drawings["figure_2"] = Markup(drawing)  # nosec B704 # SVG that matplotlib has escaped
    if sizes := statistics.get("products_with_labels"):
        # JSON has turned the keys into text
        numbers = {int(size): count for size, count in sizes.items()}
        drawing = plots.count_bars(numbers, "perproduct", "labels of one product")
        drawings["per_product"] = Markup(drawing)  # nosec B704 # SVG that matplotlib has escaped
    return drawings
