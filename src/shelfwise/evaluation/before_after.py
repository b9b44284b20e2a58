"""What a change of the training products was worth: two models on the same test products, label by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from shelfwise.core.types import MultiHot
from shelfwise.metrics.bootstrap import paired_bootstrap
from shelfwise.metrics.multilabel import decision_metrics, per_label
from shelfwise.reports.paper_tables import markdown

FIGURES = ("micro_f1", "macro_f1", "micro_precision", "micro_recall")


def before_after(
    truth: MultiHot,
    before: MultiHot,
    after: MultiHot,
    names: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures before and after, and the labels whose F1 changed.

    Args:
        truth: (N, L) of the test products, at least one.
        before, after: decisions (N, L) of the two models.
        names: the L labels.
        resamples: for the interval of the difference in micro-F1 (paired bootstrap over products); 0 for none.

    Returns:
        "products"; "before" and "after" with :data:`FIGURES`; "difference" as
        :class:`~shelfwise.metrics.bootstrap.Comparison` has it, or None; "labels": label, before, after, change and
        total (test products that carry it), those that changed most first, unchanged ones left out.
    """
    figures = [
        {name: decision_metrics(truth, decided)[name] for name in FIGURES} for decided in (before, after)
    ]
    one, two = per_label(truth, before), per_label(truth, after)
    counted = zip(names, one["f1"].tolist(), two["f1"].tolist(), two["support"].tolist(), strict=True)
    rows = [
        {"label": name, "before": b, "after": a, "change": a - b, "total": total}
        for name, b, a, total in counted
        if a != b
    ]
    return {
        "products": len(truth),
        "before": figures[0],
        "after": figures[1],
        "difference": asdict(paired_bootstrap(truth, after, before, "micro_f1", resamples, seed))
        if resamples
        else None,
        "labels": sorted(rows, key=lambda row: (-abs(row["change"]), row["label"])),
    }


def before_after_markdown(found: Mapping[str, Any], top: int = 15) -> str:
    """The figures and the `top` labels that changed most, in Markdown, in percent."""
    overall = [
        [name.replace("_", "-").replace("f1", "F1"), *_cells(found["before"][name], found["after"][name])]
        for name in FIGURES
    ]
    labels = [
        [row["label"], *_cells(row["before"], row["after"]), str(row["total"])]
        for row in found["labels"][:top]
    ]
    text = markdown([f"on {found['products']} test products", "before", "after", "change"], overall)
    if (difference := found["difference"]) is not None:
        text += f"\n\n95 % interval of the change in micro-F1: {100 * difference['low']:+.2f} to {100 * difference['high']:+.2f}"
    return text + (
        "\n\n" + markdown(["label", "F1 before", "F1 after", "change", "test products"], labels)
        if labels
        else ""
    )


def _cells(before: float, after: float) -> list[str]:
    return [f"{100 * before:.2f}", f"{100 * after:.2f}", f"{100 * (after - before):+.2f}"]
