"""What closing labels under their ancestors does to F1 and hierarchical F1.

python benchmarks/taxonomy.py CATALOG [--test CATALOG] [--min-count N] [--mode path|flat] [--seeds 0,1,2]

The mean of two linear text classifiers decides with one threshold tuned on validation products. Its decisions
are taken as they are, closed under their ancestors, and replaced by the most probable consistent set. One
JSON line a seed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command_line import described

from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.decision.thresholds import decide
from shelfwise.metrics.hierarchical import hierarchical_metrics
from shelfwise.metrics.multilabel import decision_metrics
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.training.dataset import prepare_data
from shelfwise.training.fit import fit_model


def main() -> None:
    """Read the command line, measure, print."""
    parser = described(__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--min-count", type=int)
    parser.add_argument("--mode", choices=["path", "flat"], default="path")
    parser.add_argument("--seeds", default="0")
    args = parser.parse_args()
    for seed in map(int, args.seeds.split(",")):
        print(
            json.dumps(
                measure(
                    args.catalog, args.test, {"mode": args.mode, "min_count": args.min_count}, seed
                )
            ),
            flush=True,
        )


def measure(catalog: Path, test: Path | None, labels: dict[str, Any], seed: int) -> dict[str, Any]:
    """Figures of the three ways to decide, on one split."""
    members = {
        field: {"modality": "text_linear", "field": field} for field in ("title", "description")
    }
    mean = {"systems": {"mean": {"policy": "mean"}}, "decide_with": "mean", "consistency": "none"}
    config = Config.parse({"seed": seed, "labels": labels, "members": members, **mean})
    context = Context(seed=seed)
    task = prepare_data(catalog, config, test, context)
    model = fit_model(task.training_set, task.labels, config, context)
    learnt = task.training_set.catalog.take(task.training_set.train).column("categories")
    taxonomy = Taxonomy.of(task.labels, learnt)
    scores, threshold = (
        model.scores(model.predict_members(task.test, context)),
        model.thresholds["mean"],
    )
    decided = decide(scores, threshold)
    ways = {
        "plain": decided,
        "closed": taxonomy.close_under_ancestors(decided),
        "likeliest": taxonomy.most_probable_consistent(scores, threshold),
    }
    truth = task.test_targets > 0
    figures = {
        name: {
            "micro_f1": decision_metrics(truth, way)["micro_f1"],
            **hierarchical_metrics(truth, way, taxonomy.close_under_ancestors),
        }
        for name, way in ways.items()
    }
    return {"seed": seed, "labels": len(task.labels.names), "test": len(truth), **figures}


if __name__ == "__main__":
    main()
