"""The page that ``shelfwise inspect`` writes."""

from __future__ import annotations

import json
from pathlib import Path

from shelfwise.disk.files import write_text_atomically
from shelfwise.reports.distributions import draw_distributions
from shelfwise.reports.page import ImageLookup, Json, thumbnail, write_page


def write_inspection(inspection: Json, folder: Path, images: ImageLookup) -> Path:
    """Write ``index.html``, ``figure_2.svg`` and ``inspect.json`` into `folder` (made if need be).

    Args:
        inspection: source; what :func:`~shelfwise.catalog.reading.reading_summary.summarize_reading` tells;
            images, coverage, note; the statistics, as
            :meth:`~shelfwise.catalog.statistics.Statistics.to_dict` gives them; and examples.
        images: from a product's id to its image, or None.

    Returns:
        The page's path.
    """
    text = json.dumps(inspection, indent=2, ensure_ascii=False, default=str)
    write_text_atomically(folder / "inspect.json", text)
    examples = []
    for example in inspection.get("examples", ()):
        # inspect.json holds the path, and the page the image itself
        examples.append({**example, "thumbnail": thumbnail(images(example["id"]))})
    drawings = draw_distributions(inspection["statistics"], folder)
    view = {"inspection": inspection, "examples": examples, **drawings}
    return write_page("inspect.html.j2", view, folder)
