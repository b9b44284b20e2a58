"""Explaining products of a catalogue file: one page, and the same as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError
from shelfwise.explain.disagreement import contradictions
from shelfwise.explain.explanation import explain_products
from shelfwise.model.model import require_members
from shelfwise.model.predictor import Predictor

SHOWN = 12
"""Products explained where none are named: the first of the catalogue. A picture takes 37 predictions, and so does every word one."""


def explain_catalog(
    predictor: Predictor, source: Path, out: Path, context: Context, ids: Sequence[str] = ()
) -> dict[str, Any]:
    """Write ``index.html`` and ``explanations.jsonl`` into `out`: why products of `source` were given their labels.

    Each product has what its modalities contradict each other about, and each of its labels the members' contributions, the words and
    the place in the picture that carried it, and the training products it was learnt from (:mod:`shelfwise.explain.explanation`).

    Args:
        ids: of the products to explain; empty: the first 12 of the catalogue.

    Returns:
        How many were explained, and where the files are.

    Raises:
        BundleError: `predictor` is an exported model.
        CatalogError: `source` cannot be read, or has no product of that id.
    """
    model = require_members(predictor, "explain labels")
    from shelfwise.reports.explanation_report import (
        write_explanations,
    )  # jinja2, matplotlib: not for those who only predict

    catalog = read_catalog(source, model.config.catalog, context).catalog
    places = {name: row for row, name in enumerate(catalog.ids)}
    unknown = [name for name in ids if name not in places]
    if unknown:
        raise CatalogError(
            f"there is no product with the id {unknown[0]!r} in {source}; --id takes one of the catalogue's ids"
        )
    rows = np.array([places[name] for name in ids] if ids else range(min(SHOWN, len(catalog))), np.int64)
    part = catalog.take(rows)
    opposed = {
        row: sides for row, _, sides in contradictions(model, model.predict_members(part, context), len(part))
    }
    explained = [
        one.to_dict() | {"sides": opposed.get(row, [])}
        for row, one in enumerate(explain_products(model, part, context))
    ]
    page = write_explanations(explained, out, dict(zip(part.ids, part.image_paths(), strict=True)).get)
    data = out / "explanations.jsonl"
    data.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in explained), "utf-8")
    return {"products": len(explained), "page": str(page), "data": str(data)}
