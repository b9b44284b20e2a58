"""A run, or a catalogue, as one web page that needs nothing else: no network, no server, no other file.

Styles, drawings (SVG) and pictures (base64) are inside the page. Every text of the catalogue is escaped, and the page's
own policy forbids it to load anything or to run any script but the one that sorts its tables.
"""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from shelfwise.reports import paper_tables as tables
from shelfwise.reports import plots
from shelfwise.reports.page import Json, Pictures, _environment, thumbnail, write_page
from shelfwise.reports.plots import figure_2

CALIBRATION_ERRORS = {
    "ece_width_top": "ECE, bins of equal width",
    "ece_mass_top": "ECE, bins of equal mass",
    "brier_top": "Brier score",
    "ece_width": "ECE over all labels, equal width",
    "ece_mass": "ECE over all labels, equal mass",
    "brier": "Brier score over all labels",
}

RULES = {
    "global": "a threshold tuned on validation products",
    "per_label": "thresholds tuned label by label on validation products",
    "per_product": "the set of labels with the largest expected F1",
}

LABELS_SHOWN = 12
"""Labels shown of one mistaken product; more are counted."""


def write_report(results: Json, folder: Path, pictures: Pictures) -> Path:
    """Write ``index.html``, the report of a run, into `folder` (made if need be), and the paper's Fig. 2 beside it.

    Args:
        results: the content of ``results.json``.
        pictures: from a product's id to its picture's file, or None; a file that is no picture is left out.

    Returns:
        The page's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    systems = results["systems"]
    ran = {name: system for name, system in systems.items() if "not_run" not in system}
    chosen = results["decide_with"]
    view = {
        "results": results,
        **_rule(results),
        "singles": {n: s for n, s in ran.items() if s.get("policy") is None},
        "fused": {n: s for n, s in ran.items() if s.get("policy") is not None},
        "not_run": {n: s["not_run"] for n, s in systems.items() if "not_run" in s},
        "paper": {**tables.TABLE_1, **tables.TABLE_3},
        "best": {
            key: max((_score(s.get(key)) for s in ran.values()), default=0.0)
            for key in ("micro_f1", "micro_f1_tuned", "macro_f1_tuned")
        },
        "chosen": ran.get(chosen, {}),
        "mistakes": [_mistake(m, pictures) for m in results.get("mistakes", ())],
        "disagreements": [
            {**d, "picture": thumbnail(pictures(d["id"]))} for d in results.get("disagreements", ())
        ],
        "timings": [(t["stage"], t["seconds"]) for t in results.get("timings", ())],
        "settings": json.dumps(results.get("settings", {}), indent=2, ensure_ascii=False),
        "bars": Markup(plots.system_bars(systems, chosen)),
        "decisions": _decisions(results.get("decisions")),
        "scatter": Markup(plots.label_scatter(results["labels"])) if results.get("labels") else None,
        **_distributions(results["data"], folder),
    }
    return write_page("report.html.j2", view, folder)


def write_markdown(results: Json, folder: Path) -> Path:
    """Write ``results.md`` into `folder`: the headline, the notes, Tables 1 and 3, and Tables 2 and 4 in one."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        _environment(autoescape=False)
        .get_template("results.md.j2")
        .render(
            results=results,
            chosen=results["systems"].get(results["decide_with"], {}),
            tables={
                "Table 1: one modality at a time": tables.table_1(results),
                "Table 3: modalities joined": tables.table_3(results),
                "Tables 2 and 4: most misclassified categories (missed/total)": tables.error_markdown(
                    results["errors"]["columns"]
                ),
            },
            **_rule(results),
        )
    )
    path = folder / "results.md"
    path.write_text(
        text.replace("<", "&lt;"), "utf-8"
    )  # Markdown lets HTML through; there is none of our own
    return path


def _rule(results: Json) -> dict[str, Any]:
    """By which threshold the run decides: in words, and which of the two measured figures is the headline."""
    rule = results.get("settings", {}).get("threshold", "global")
    headline = (
        {"f1": "micro_f1", "metrics": "at_0.5"}
        if rule == 0.5
        else {"f1": "micro_f1_tuned", "metrics": "tuned"}
    )
    return {
        "headline": headline,
        "rule": RULES[rule] if isinstance(rule, str) else f"a threshold of {rule:g}",
    }


def _decisions(decisions: Json | None) -> dict[str, Any] | None:
    """The deciding system's calibration, drawn and as rows of (what, before, after), and its queues; None where it was not calibrated."""
    if not decisions:
        return None
    before, after = decisions["before"], decisions["after"]
    return {
        **decisions,
        "drawing": Markup(plots.reliability_curves(before["curve"], after["curve"])),
        "errors": [(words, before[name], after[name]) for name, words in CALIBRATION_ERRORS.items()],
    }


def _mistake(mistake: Json, pictures: Pictures) -> dict[str, Any]:
    """One worst mistake with its picture and a row a label: missed ones first, then wrong ones, then right ones.

    A member whose scores are all 0 had nothing to judge by (see the conventions of :mod:`shelfwise.core.types`).
    """
    right = [label for label in mistake["decided"] if label in set(mistake["truth"])]
    kinds = (("missed", mistake["missed"]), ("wrong", mistake["wrong"]), ("hit", right))
    said = {
        name: scores for name, scores in mistake.get("members", {}).items() if any((scores or {}).values())
    }
    columns = (
        {**said, "joined": mistake["scores"]} if len(said) > 1 else said or {"joined": mistake["scores"]}
    )
    rows = [
        (kind, label, [scores.get(label) for scores in columns.values()])
        for kind, labels in kinds
        for label in labels
    ]
    return {
        **mistake,
        "columns": list(columns),
        "rows": rows[:LABELS_SHOWN],
        "more": max(len(rows) - LABELS_SHOWN, 0),
        "silent": [name for name in mistake.get("members", {}) if name not in said],
        "picture": thumbnail(pictures(mistake["id"])),
    }


def _distributions(statistics: Json, folder: Path) -> dict[str, Any]:
    """The drawings of how products and labels are spread; also leaves ``figure_2.svg`` in `folder`."""
    drawn: dict[str, Any] = {"figure_2": None, "per_product": None}
    if counts := list(statistics.get("class_counts", {}).values()):
        figure_2(counts, folder / "figure_2.svg")
        drawn["figure_2"] = Markup(plots.themed(partial(figure_2, counts), "figure2"))
    if sizes := statistics.get("products_with_labels"):
        numbers = {int(size): count for size, count in sizes.items()}  # JSON has turned the keys into text
        drawn["per_product"] = Markup(plots.count_bars(numbers, "perproduct", "labels of one product"))
    return drawn


def _score(value: float | None) -> float:
    return -1.0 if value is None or math.isnan(value) else value
