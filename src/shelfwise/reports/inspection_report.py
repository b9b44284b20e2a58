"""The page that ``shelfwise inspect`` writes."""

from __future__ import annotations

import json
from pathlib import Path

from shelfwise.reports.page import Json, _path, thumbnail, write_page
from shelfwise.reports.training_report import _distributions


def write_inspection(inspection: Json, folder: Path) -> Path:
    """Write what ``shelfwise inspect`` found into `folder`: ``index.html``, ``figure_2.svg`` and ``inspect.json``.

    Args:
        inspection: source, format, records, accepted, quarantined, reasons, coverage, note, the statistics as
            :meth:`~shelfwise.catalog.statistics.Statistics.to_dict` gives them, and examples, whose ``image`` is a path
            that can be opened, or None.

    Returns:
        The page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inspect.json").write_text(
        json.dumps(inspection, indent=2, ensure_ascii=False, default=str), "utf-8"
    )
    view = {
        "inspection": inspection,
        "examples": [
            {**e, "picture": thumbnail(_path(e.get("image")))} for e in inspection.get("examples", ())
        ],
        **_distributions(inspection["statistics"], folder),
    }
    return write_page("inspect.html.j2", view, folder)
