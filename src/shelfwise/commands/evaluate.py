"""``shelfwise evaluate``: score a model on products whose categories are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shelfwise.catalog.filtering import usable_for_test
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Context
from shelfwise.evaluation.evaluate import score_system
from shelfwise.model.predictor import Predictor


def score_catalog(model: Predictor, source: Path, context: Context) -> dict[str, Any]:
    """The deciding system's figures on the labelled products of `source`: at 0.5, and at the threshold in the bundle."""
    catalog, left_out = usable_for_test(read_catalog(source, model.config.catalog, context).catalog)
    answers = model.predict_members(catalog, context)
    entry, _ = score_system(
        model, model.decide_with, answers, model.labels.encode(catalog.column("categories")) > 0
    )
    shown = ("micro_f1", "micro_f1_tuned", "macro_f1", "macro_f1_tuned", "threshold", "seconds_predict")
    flat = {
        f"{name}_{rule}": value
        for rule in ("at_0.5", "tuned")
        for name, value in entry["metrics"][rule].items()
    }
    return {
        "products": len(catalog),
        "left_out": left_out,
        "system": model.decide_with,
        **{name: entry[name] for name in shown},
        **flat,
        **entry["metrics"]["ranking"],
        **entry["metrics"].get("hierarchical", {}),
    }
