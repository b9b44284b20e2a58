"""The report of a run, as one web page that needs no network, no server and no other file.

Styles, drawings (SVG) and images (base64) are inside the page. Every text of the catalogue is escaped. The
page's own policy forbids it to load anything, and to run any script but the one that sorts its tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from shelfwise.disk.files import write_text_atomically
from shelfwise.reports import paper_tables as tables
from shelfwise.reports import plots
from shelfwise.reports.distributions import draw_distributions
from shelfwise.reports.page import (
    ImageLookup,
    Json,
    template_environment,
    thumbnail,
    tuning_source,
    write_page,
)
from shelfwise.reports.pretrained_parts import pretrained_parts, provenance_facts

CALIBRATION_ERRORS = {
    "ece_width_top": "ECE, bins of equal width",
    "ece_mass_top": "ECE, bins of equal mass",
    "brier_top": "Brier score",
    "ece_width": "ECE of all labels, bins of equal width",
    "ece_mass": "ECE of all labels, bins of equal mass",
    "brier": "Brier score of all labels",
}

RULES = {
    "global": "at a threshold tuned {where}",
    "per_label": "at thresholds tuned label by label {where}",
    "per_product": "by the set of labels with the largest expected F1",
}
"""How a run decides which labels a product gets, by its setting ``threshold``."""

MAX_LABELS = 12
"""Labels shown of one wrong product; more are counted."""


def write_report(results: Json, folder: Path, images: ImageLookup) -> Path:
    """Write ``index.html``, the report of a run, and ``figure_2.svg`` into `folder` (made if need be).

    Args:
        results: the content of ``results.json``.
        images: from a product's id to its image, or None; what is no image is left out.

    Returns:
        The page's path.
    """
    labels = results.get("labels")
    mistakes = [_mistake_view(mistake, images) for mistake in results.get("mistakes", ())]
    disagreements = []
    for found in results.get("disagreements", ()):
        image = thumbnail(images(found["id"]))
        disagreements.append({**found, "thumbnail": image})
    # results.json holds what the plug-ins report of themselves; the page shows the names first
    parts = {}
    facts = {}
    for name, member in results["members"].items():
        parts[name] = pretrained_parts(member.get("provenance"))
        facts[name] = provenance_facts(member.get("provenance"))
    view = {
        "results": results,
        "products": tables.product_counts(results["data"]),
        "refit_sentence": tables.refit_sentence(results),
        **_rule(results),
        **_systems_view(results),
        "decisions": _calibration_view(results.get("decisions")),
        "scatter": Markup(plots.label_scatter(labels)) if labels else None,  # nosec B704 # SVG
        "mistakes": mistakes,
        "disagreements": disagreements,
        **draw_distributions(results["data"], folder),
        **_timings(results),
        "parts": parts,
        "facts": facts,
        "settings": json.dumps(results.get("settings", {}), indent=2, ensure_ascii=False),
    }
    return write_page("report.html.j2", view, folder)


def write_markdown(results: Json, folder: Path) -> Path:
    """Write ``results.md`` into `folder`: the headline, the notes, and the paper's tables."""
    final = results["decide_with"]
    errors = results["errors"]["columns"]
    view = {
        "results": results,
        "products": tables.product_counts(results["data"]),
        "refit_sentence": tables.refit_sentence(results),
        "chosen": results["systems"].get(final, {}),
        "tables": {
            "Table 1: single modalities": tables.table_1(results),
            "Table 3: fused modalities": tables.table_3(results),
            "Tables 2 and 4: labels missed most (missed/total)": tables.error_markdown(errors),
        },
        **_rule(results),
    }
    # escapes would be shown as they are, so the text is made safe as a whole below
    template = template_environment(autoescape=False).get_template("results.md.j2")
    text = template.render(view)
    path = folder / "results.md"
    # Markdown lets HTML through, and the templates have none of their own
    write_text_atomically(path, text.replace("<", "&lt;"))
    return path


def _rule(results: Json) -> dict[str, Any]:
    """How the run decides: in words, and which of the two measured figures is the headline."""
    rule = results.get("settings", {}).get("threshold", "global")
    tuned_on = tuning_source(results["data"])
    words = (
        f"at a threshold of {rule:g}" if rule not in RULES else RULES[rule].format(where=tuned_on)
    )
    headline = {"f1": "micro_f1_tuned", "metrics": "tuned"}
    # only a run that decides at 0.5 is judged by it
    if rule == 0.5:
        headline = {"f1": "micro_f1", "metrics": "at_0.5"}
    return {"headline": headline, "rule": words, "tuned_on": tuned_on}


def _systems_view(results: Json) -> dict[str, Any]:
    """The systems by kind, the final one, and the best figures."""
    systems = results["systems"]
    singles: dict[str, Json] = {}
    fused: dict[str, Json] = {}
    not_run: dict[str, str] = {}
    for name, system in systems.items():
        if "not_run" in system:
            not_run[name] = system["not_run"]
        # a member alone needs no policy
        elif system.get("policy") is None:
            singles[name] = system
        else:
            fused[name] = system
    ran = {**singles, **fused}
    final = results["decide_with"]
    return {
        "singles": singles,
        "fused": fused,
        "not_run": not_run,
        "chosen": ran.get(final, {}),
        "best": {key: _best(ran, key) for key in ("micro_f1", "micro_f1_tuned")},
        "paper": {**tables.TABLE_1, **tables.TABLE_3},
        "bars": Markup(plots.system_bars(systems, final)),  # nosec B704 # SVG
    }


def _best(systems: Mapping[str, Json], key: str) -> float:
    """The largest of one figure among the systems that have it."""
    # a figure that could not be counted is None in a file, and may be nan before it is written
    values = [system.get(key) for system in systems.values()]
    known = [value for value in values if value is not None and not math.isnan(value)]
    return max(known, default=0.0)


def _calibration_view(decisions: Json | None) -> dict[str, Any] | None:
    """The final system's calibration, drawn and as rows of (what, before, after); None where it has none."""
    if not decisions:
        return None
    before = decisions["before"]
    after = decisions["after"]
    errors = []
    for name, words in CALIBRATION_ERRORS.items():
        errors.append((words, before[name], after[name]))
    return {
        **decisions,
        "drawing": Markup(plots.reliability_curves(before["curve"], after["curve"])),  # nosec B704 # SVG
        "errors": errors,
    }


def _mistake_view(mistake: Json, images: ImageLookup) -> dict[str, Any]:
    """One worst mistake with its image and a row a label: missed, then wrong, then right ones."""
    members = mistake.get("members", {})
    # scores that are all 0 mean an absent field (see the conventions of shelfwise.core.types)
    present = {name: scores for name, scores in members.items() if scores and any(scores.values())}
    columns = {"final system": mistake["scores"], **present}
    # a single member's scores are the final system's as well: a second column would repeat them
    if len(present) == 1:
        columns = present
    truth = set(mistake["truth"])
    kinds = {
        "missed": mistake["missed"],
        "wrong": mistake["wrong"],
        "right": [label for label in mistake["decided"] if label in truth],
    }
    rows = []
    for kind, labels in kinds.items():
        for label in labels:
            scores = [column.get(label) for column in columns.values()]
            rows.append((kind, label, scores))
    return {
        **mistake,
        "columns": list(columns),
        "rows": rows[:MAX_LABELS],
        "more": max(len(rows) - MAX_LABELS, 0),
        "absent": [name for name in members if name not in present],
        "thumbnail": thumbnail(images(mistake["id"])),
    }


def _timings(results: Json) -> dict[str, Any]:
    """Seconds by stage, and in sum by member and system, the longest first.

    A stage is called KIND.NAME or KIND.NAME.FOLD, where NAME is a member or a system.
    """
    # each stage as it is, and the sums that a reader wants first
    stages = [(timing["stage"], timing["seconds"]) for timing in results.get("timings", ())]
    sums: dict[str, float] = {}
    for stage, seconds in stages:
        owner = _stage_owner(stage, results["systems"])
        sums[owner] = sums.get(owner, 0.0) + seconds
    longest_first = sorted(sums.items(), key=lambda item: -item[1])
    return {"stages": stages, "timings": longest_first}


def _stage_owner(stage: str, systems: Json) -> str:
    """The member or system that a stage belongs to; the stage itself where none is known."""
    _, _, rest = stage.partition(".")
    # a name may have dots of its own, so the fold is cut off at the last one
    without_fold, _, _ = rest.rpartition(".")
    for name in (rest, without_fold):
        if name in systems:
            return name
    return stage
