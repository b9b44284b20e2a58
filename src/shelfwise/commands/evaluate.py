"""``shelfwise evaluate``: score a model on products whose categories are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    reading = read_catalog(source, model.config.catalog, context)
    catalog, left_out = usable_for_test(reading.catalog)
    answers = model.predict_members(catalog, context)
    truth = model.labels.encode(catalog.column("categories")) > 0
    entry, decided = score_system(model, model.decide_with, answers, truth)
    unknown = unknown_labels(catalog, model.labels).to_dict(truth, decided)
    metrics = entry["metrics"]
    figures: dict[str, Any] = {
        "products": len(catalog),
        "quarantined": len(reading.quarantine),
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


RULES = ("_at_0.5", "_tuned")
"""What the names of figures end in that depend on a threshold."""

OTHER = ("products", "quarantined", "left_out", "system", "unknown_labels", "notes", *FIGURES)
"""What is told in a sentence, or stands among the figures by another name."""


def figure_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`score_catalog` returns, as lines for a terminal."""
    yield (
        f"{figures['products']:,} products; final system: {figures['system']}, "
        f"tuned threshold {_shown(figures['threshold'])}, {figures['seconds_predict']:.1f} seconds"
    )
    if figures["quarantined"]:
        yield f"left out: {figures['quarantined']:,} records that cannot be read"
    for reason, count in figures["left_out"].items():
        yield f"left out: {count:,} products: {reason}"
    yield f"{'':26}{'at 0.5':>8}{'tuned':>8}"
    for name in figures:
        stem = name.removesuffix(RULES[0])
        if stem != name:
            # macro_f1 and its like have a tuned figure of that name, too
            yield f"{stem:26}{figures[name]:8.4f}{figures[stem + RULES[1]]:8.4f}"
    yield ""
    for name, value in figures.items():
        if name not in OTHER and not name.endswith(RULES):
            yield f"{name:26}{_shown(value):>8}"
    for note in figures["notes"]:
        yield f"note: {note}"


def _shown(value: Any) -> str:
    """A figure; one that could not be counted is a dash."""
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
