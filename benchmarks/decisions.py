"""How far a model's probabilities and guarantees hold on products with known categories.

python benchmarks/decisions.py MODEL TEST_CATALOG --out DIR [--splits 20]

Calibration error before and after, F1 under each threshold rule, and coverage at each target precision.
Limits are also fitted on random halves of the out-of-fold products, to see whether the guarantee holds on the
test products. DIR gets decisions.json and decisions.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from command_line import described

from shelfwise.catalog.filtering import usable_for_test
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.categorizer import Categorizer
from shelfwise.core.types import Context, Floats
from shelfwise.decision.decision_rule import PRECISIONS
from shelfwise.decision.selective_prediction import AcceptanceLimits
from shelfwise.decision.thresholds import Rule, Thresholds, decide
from shelfwise.metrics.calibration import calibration_figures
from shelfwise.metrics.multilabel import decision_metrics
from shelfwise.metrics.selective import ACCEPT, coverage_at_precision, queue_counts, queue_rates
from shelfwise.model.model import Model

RULES: tuple[Rule, ...] = ("fixed", "global", "per_label", "per_product")
ERRORS = ("ece_width", "ece_mass", "ece_width_top", "ece_mass_top", "brier_top")


def main() -> None:
    """Read the command line, measure, write the tables."""
    parser = described(__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=20)
    args = parser.parse_args()
    model = Categorizer.load(args.model).model_
    found = measure(model, args.test, args.splits)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "decisions.json").write_text(json.dumps(found, indent=1), "utf-8")
    text = markdown(found)
    (args.out / "decisions.md").write_text(text, "utf-8")
    print(text)


def measure(model: Model, test: Path, splits: int) -> dict[str, Any]:
    """Every figure, JSON-ready."""
    assert model.out_of_fold is not None, "this model kept no out-of-fold scores"
    assert model.decision_rule is not None
    catalog, _ = usable_for_test(
        read_catalog(test, model.config.catalog, Context()).catalog, model.out_of_fold.ids
    )
    answers = model.predict_members(catalog, Context(seed=model.config.seed))
    truth = model.labels.encode(catalog.column("categories")) > 0
    likely = model.scores(answers)
    out_of_fold = model.out_of_fold.dense()
    raw = calibration_figures(truth, model.raw_scores(answers, model.decide_with))
    calibrated = calibration_figures(truth, likely)
    return {
        "products": len(catalog),
        "calibration": model.decision_rule.calibration.method,
        "errors": {name: [raw[name], calibrated[name]] for name in ERRORS},
        "rules": {rule: _rule(rule, out_of_fold, likely, truth) for rule in RULES},
        "queues": {f"{p:g}": _queues(model, p, likely, truth) for p in PRECISIONS},
        "promises": {f"{p:g}": _promise(p, out_of_fold, likely, truth, splits) for p in PRECISIONS},
    }


def _rule(
    rule: Rule, out_of_fold: tuple[Floats, Floats], likely: Floats, truth: Any
) -> dict[str, float]:
    figures = decision_metrics(truth, decide(likely, Thresholds.fit(*out_of_fold, rule)))
    return {name: figures[name] for name in ("micro_f1", "macro_f1", "example_f1")}


def _queues(model: Model, precision: float, likely: Floats, truth: Any) -> dict[str, Any]:
    assert model.decision_rule is not None
    given = model.decide(likely)
    queued = model.decision_rule.queues(likely, given, precision)
    figures = queue_rates(queue_counts(truth, given, queued.labels, queued.products))
    return {**figures, "in_hindsight": coverage_at_precision(truth, likely, precision)["labels"]}


def _promise(
    precision: float, out_of_fold: tuple[Floats, Floats], likely: Floats, truth: Any, splits: int
) -> dict[str, Any]:
    """On how many random halves the accepted labels of the test products reach the target precision."""
    scores, targets = out_of_fold
    reached = []
    for seed in range(splits):
        half = np.random.default_rng(seed).permutation(len(scores))[: len(scores) // 2]
        thresholds = Thresholds.fit(scores[half], targets[half], "global")
        limits = AcceptanceLimits.fit(
            scores[half], targets[half], decide(scores[half], thresholds), precision
        )
        accepted = limits.sort(likely) == ACCEPT
        if accepted.any():
            reached.append(float(truth[accepted].mean()))
    return {
        "splits": splits,
        "proven": len(reached),
        "kept": sum(p >= precision for p in reached),
        "precision": reached,
    }


def markdown(found: dict[str, Any]) -> str:
    """The tables."""
    lines = ["| calibration error | scores | probabilities |", "|---|---|---|"]
    lines += [
        f"| {name} | {before:.4f} | {after:.4f} |"
        for name, (before, after) in found["errors"].items()
    ]
    lines += ["", "| rule | micro-F1 | macro-F1 | example-F1 |", "|---|---|---|---|"]
    lines += [
        f"| {rule} | {f['micro_f1']:.4f} | {f['macro_f1']:.4f} | {f['example_f1']:.4f} |"
        for rule, f in found["rules"].items()
    ]
    lines += [
        "",
        "| target precision | precision on test | true labels accepted | in hindsight "
        "| products accepted whole (their precision) | labels to review a product | kept on |",
        "|---|---|---|---|---|---|---|",
    ]
    for precision, queue in found["queues"].items():
        guarantee = found["promises"][precision]
        kept = (
            f"{guarantee['kept']} of {guarantee['proven']} halves"
            if guarantee["proven"]
            else f"nothing provable on {guarantee['splits']} halves"
        )
        if guarantee["proven"]:
            kept += f", least {min(guarantee['precision']):.3f}"
        lines.append(
            f"| {precision} | {queue['precision']:.3f} | {queue['accepted_true']:.1%} "
            f"| {queue['in_hindsight']:.1%} "
            f"| {queue['products_accepted']:.1%} ({queue['whole_precision']:.3f}) "
            f"| {queue['reviews']:.1f} | {kept} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
