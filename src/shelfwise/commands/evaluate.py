"""``shelfwise evaluate``: score a model on products whose categories are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelfwise.catalog.filtering import usable_for_test
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Context
from shelfwise.evaluation.caveats import caveats, unknown_labels
from shelfwise.evaluation.evaluate import score_system
from shelfwise.model.predictor import Predictor

FIGURES = (
    "micro_f1",
    "micro_f1_tuned",
    "macro_f1",
    "macro_f1_tuned",
    "threshold",
    "seconds_predict",
)
"""What comes first, of the final system's entry."""


def score_catalog(model: Predictor, source: Path, context: Context) -> dict[str, Any]:
    """The final system's figures on the labelled products of `source`, at 0.5 and at its tuned threshold.

    Raises:
        CatalogError: `source` cannot be read, or has no product with categories.
    """
    everything = read_catalog(source, model.config.catalog, context).catalog
    catalog, left_out = usable_for_test(everything)
    answers = model.predict_members(catalog, context)
    truth = model.labels.encode(catalog.column("categories")) > 0
    entry, decided = score_system(model, model.decide_with, answers, truth)
    unknown = unknown_labels(catalog, model.labels).to_dict(truth, decided)
    metrics = entry["metrics"]
    figures: dict[str, Any] = {
        "products": len(catalog),
        "left_out": left_out,
        "system": model.decide_with,
    }
    figures |= {name: entry[name] for name in FIGURES}
    figures["unknown_labels"] = unknown
    figures["notes"] = caveats(unknown, None)
    # both rules report the same figures, so each name ends in its rule
    for rule in ("at_0.5", "tuned"):
        figures |= {f"{name}_{rule}": value for name, value in metrics[rule].items()}
    figures |= metrics["ranking"]
    # only a model with a taxonomy has hierarchical figures
    figures |= metrics.get("hierarchical", {})
    return figures
