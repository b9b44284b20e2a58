"""What calibration, thresholds and limits lose when they learn from a draw of the products.

One linear text member is fitted on a part of a catalogue, by default a third. The decision rule is fitted on
its scores of another part: on all of these products, and on draws of them. All are judged on the last part.

    python benchmarks/learning_draw.py CATALOG [--draws 10000,4000] [--repeats 3]
    python benchmarks/learning_draw.py CATALOG --parts 50000,1000000,200000 --draws 200000
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from command_line import described

PRECISION = 0.95


def main() -> None:
    """Fit the member, then a rule for every draw; print a line of JSON for each."""
    parser = described(__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--draws", default="10000,4000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--parts", help="products to fit on, to learn the rule from, and to judge on"
    )
    options = parser.parse_args()
    parts = [int(part) for part in options.parts.split(",")] if options.parts else None
    scores, targets, unseen, truth = member_scores(options.catalog, parts)
    print(json.dumps({"learnt from": len(targets), **judged(scores, targets, unseen, truth)}))
    from shelfwise.training.product_draw import draw_products

    for most in map(int, options.draws.split(",")):
        for seed in range(options.repeats):
            rows = draw_products(targets, most, seed)
            line = judged(scores[rows], targets[rows], unseen, truth)
            print(json.dumps({"learnt from": len(rows), "seed": seed, **line}), flush=True)


def member_scores(path: Path, sizes: list[int] | None) -> tuple[Any, Any, Any, Any]:
    """Scores and targets of the second part of the products, and of the last, by a model of the first."""
    from shelfwise.catalog.labels import LabelSet
    from shelfwise.catalog.reading.reader import read_catalog
    from shelfwise.config import LabelSettings
    from shelfwise.core.presence import fit_present, predict_present
    from shelfwise.core.types import Context, Examples
    from shelfwise.modalities.text_linear import TextLinear, TextLinearSettings

    catalog = read_catalog(path).catalog
    labels = LabelSet.fit(catalog.column("categories"), LabelSettings(min_count=20))
    targets = labels.encode(catalog.column("categories"))
    member = TextLinear(TextLinearSettings(), "title+description")
    inputs = member.prepare(catalog, Context())
    order = np.random.default_rng(0).permutation(len(catalog))
    parts = np.array_split(order, 3) if sizes is None else np.split(order, np.cumsum(sizes))
    first, second, third = (np.sort(part) for part in parts[:3])
    fit_present(member, Examples(inputs, targets).take(first), None, Context())
    predicted = [
        predict_present(member, inputs.take(rows), len(labels), Context()).probabilities
        for rows in (second, third)
    ]
    return predicted[0], targets[second], predicted[1], targets[third] > 0


def judged(scores: Any, targets: Any, unseen: Any, truth: Any) -> dict[str, Any]:
    """A rule of these scores, and its figures on products that nothing has seen."""
    from shelfwise.config import Config
    from shelfwise.decision.consistency import Consistency
    from shelfwise.decision.decision_rule import DecisionRule
    from shelfwise.metrics.calibration import TOP_LABELS, PooledDecisions, reliability
    from shelfwise.metrics.multilabel import decision_metrics
    from shelfwise.metrics.selective import ACCEPT

    config = Config.load("quick")
    rule, _ = DecisionRule.fit(scores, targets, config, Consistency("none", None))
    likely = rule.probabilities(unseen)
    found = decision_metrics(truth, rule.thresholds.decide(likely))
    accepted = rule.limits(PRECISION).sort(likely) == ACCEPT
    pooled = PooledDecisions.of(truth, likely, TOP_LABELS)
    return {
        "ece": round(reliability(pooled).error, 5),
        "micro_f1": round(found["micro_f1"], 4),
        "macro_f1": round(found["macro_f1"], 4),
        "accepted": int(accepted.sum()),
        "precision of these": round(float(truth[accepted].mean()), 4),
    }


if __name__ == "__main__":
    main()
