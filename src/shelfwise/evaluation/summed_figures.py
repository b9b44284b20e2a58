"""The figures of ``shelfwise evaluate``, from sums over products, and the lines that tell them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shelfwise.core.counted import counted
from shelfwise.evaluation.caveats import UnknownLabels, caveats
from shelfwise.model.evaluation_sums import EvaluationSums

RULES = ("_at_0.5", "_tuned")
"""What the names of figures end in that depend on a threshold."""

FIGURES = (
    "micro_f1",
    "micro_f1_tuned",
    "macro_f1",
    "macro_f1_tuned",
    "threshold",
    "seconds_predict",
)
"""What comes first, of the final system."""

OTHER = (
    "products",
    "quarantined",
    "left_out",
    "system",
    "unknown_labels",
    "notes",
    "faults",
    *FIGURES,
)
"""What is told in a sentence, or stands among the figures by another name."""


@dataclass(frozen=True)
class Circumstances:
    """What is known of an evaluation besides its sums.

    Args:
        system: the final one.
        threshold: its tuned one.
        seconds: what the prediction took, of all workers together.
        quarantined: records that could not be read.
        average_precisions: ``map_macro`` and ``map_micro``; None where they could not be counted.
        notes: sentences on what the figures leave unsaid.
        faults: sentences on what should have been evaluated, and was not.
    """

    system: str
    threshold: float
    seconds: float
    quarantined: int
    average_precisions: Mapping[str, float | None]
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def summed_figures(sums: EvaluationSums, found: Circumstances) -> dict[str, Any]:
    """All figures by name, JSON-ready."""
    by_rule = {"at_0.5": sums.at_half.figures(), "tuned": sums.tuned.figures()}
    labels = UnknownLabels.of_counts(sums.labels.unknown, sums.labels.total)
    unknown = labels.to_dict(sums.labels.counts())
    figures: dict[str, Any] = {
        "products": sums.products,
        "quarantined": found.quarantined,
        "left_out": sums.left_out,
        "system": found.system,
        "micro_f1": by_rule["at_0.5"]["micro_f1"],
        "micro_f1_tuned": by_rule["tuned"]["micro_f1"],
        "macro_f1": by_rule["at_0.5"]["macro_f1"],
        "macro_f1_tuned": by_rule["tuned"]["macro_f1"],
        "threshold": found.threshold,
        "seconds_predict": found.seconds,
        "unknown_labels": unknown,
        "notes": [*caveats(unknown, None), *found.notes],
        "faults": list(found.faults),
    }
    # both rules report the same figures, so each name ends in its rule
    for rule, values in by_rule.items():
        figures |= {f"{name}_{rule}": value for name, value in values.items()}
    figures |= {**sums.ranking.figures(), **found.average_precisions}
    figures |= {**sums.calibration.figures(""), **sums.top_calibration.figures("_top")}
    # only a model with a taxonomy has hierarchical figures
    if sums.hierarchical is not None:
        figures |= sums.hierarchical.figures()
    return figures


def figure_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`summed_figures` returns, as lines for a terminal."""
    yield (
        f"{counted(figures['products'], 'product')}; final system: {figures['system']}, "
        f"tuned threshold {_shown(figures['threshold'])}, {figures['seconds_predict']:.1f} seconds"
    )
    if figures["quarantined"]:
        yield f"left out: {counted(figures['quarantined'], 'record')} that cannot be read"
    for reason, count in figures["left_out"].items():
        yield f"left out: {counted(count, 'product')}: {reason}"
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
    for fault in figures["faults"]:
        yield f"not evaluated: {fault}"
    for note in figures["notes"]:
        yield f"note: {note}"


def _shown(value: Any) -> str:
    """A figure; one that could not be counted is a dash."""
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
