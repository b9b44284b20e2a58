"""Metrics, thresholds and bootstrap of many products and labels beside scikit-learn: python benchmarks/counting.py [--scale S]

Scale 1 is 1,000,000 products with 1,000 labels, three true ones a product, and float32 scores that put F1 near 0.66. Of what scikit-learn
does label by label, or resample by resample, only a share is run and its time multiplied: figures named ``..._each`` are for one.
At scale 1 its ranking metrics and its curve of all scores pooled need more memory than most machines have, and are left out.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from timing import Clock, in_turn, parser, ratios, write

PRODUCTS, LABELS, RESAMPLES = 1_000_000, 1_000, 1_000
POOLED_LIMIT = 200_000_000  # cells that scikit-learn may sort at once


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.1, repeats=2)
    options.add_argument("--labels", type=int, default=LABELS)
    args = options.parse_args()
    if args.child:
        child(args.child, round(PRODUCTS * args.scale), args.labels)
        return
    runs = in_turn(__file__, {name: [None, "--labels", args.labels] for name in ("shelfwise", "scikit-learn")}, args)
    phases = [name for name in runs["shelfwise"][0] if name.startswith(("seconds_", "cpu_"))]
    compared = {f"scikit-learn over ours, {name}": ratios(runs, "shelfwise", "scikit-learn", name) for name in phases}
    write("counting", args, runs, {name: ratio for name, ratio in compared.items() if ratio})


def child(system: str, products: int, labels: int) -> None:
    """One system on the same made-up products."""
    targets, scores = make(products, labels)
    clock = Clock()
    decided = scores >= np.float32(0.6)
    {"shelfwise": with_shelfwise, "scikit-learn": with_scikit_learn}[system](clock, targets, scores, decided)
    clock.finish()


def make(products: int, labels: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Targets (N, L) bool, some labels a hundred times as common as others, and scores (N, L)."""
    rng = np.random.default_rng(0)
    share = np.exp(-np.linspace(0, 5, labels)).astype(np.float32)
    share *= min(3.0, labels / 4) / share.sum()
    targets, scores = np.empty((products, labels), bool), np.empty((products, labels), np.float32)
    for start in range(0, products, 10_000):
        some = slice(start, min(products, start + 10_000))
        targets[some] = rng.random((some.stop - start, labels), np.float32) < share
        logits = 1.5 * rng.standard_normal((some.stop - start, labels), np.float32) + np.log(share / (1 - share)) - 1
        scores[some] = 1 / (1 + np.exp(-(logits + np.float32(6.5) * targets[some])))
    return targets, scores


def with_shelfwise(clock: Clock, targets: Any, scores: Any, decided: Any) -> None:
    from shelfwise.decision.thresholds import best_threshold, per_label_thresholds
    from shelfwise.evaluation.bootstrap import bootstrap_interval
    from shelfwise.evaluation.metrics import decision_metrics, ranking_metrics

    found = clock.time("decisions", lambda: decision_metrics(targets, decided))
    threshold = clock.time("threshold", lambda: best_threshold(targets, scores))
    own = clock.time("thresholds_per_label", lambda: per_label_thresholds(targets, scores, shrink=0.0))
    clock.time("bootstrap", lambda: bootstrap_interval(targets, decided, "micro_f1", RESAMPLES))
    clock.time("bootstrap_macro", lambda: bootstrap_interval(targets, decided, "macro_f1", RESAMPLES))
    ranking = clock.time("ranking", lambda: ranking_metrics(targets, scores))
    clock.note(micro_f1=found["micro_f1"], macro_f1=found["macro_f1"], best=threshold, labels_best=float(own.mean()), lrap=ranking["lrap"])


def with_scikit_learn(clock: Clock, targets: Any, scores: Any, decided: Any) -> None:
    from sklearn import metrics

    averages = ("micro", "macro", "weighted", "samples")
    by_average = {
        name: clock.time("decisions", lambda name=name: metrics.f1_score(targets, decided, average=name, zero_division=0))
        for name in averages
    }
    some = range(0, targets.shape[1], max(1, targets.shape[1] // 50))
    own = clock.time("few_labels", lambda: [best(targets[:, i], scores[:, i]) for i in some if targets[:, i].any()])
    rows = np.random.default_rng(0).integers(len(targets), size=len(targets))
    resample = lambda average: metrics.f1_score(targets[rows], decided[rows], average=average, zero_division=0)  # noqa: E731
    clock.time("one_resample", lambda: resample("micro"))
    clock.time("one_resample_macro", lambda: resample("macro"))
    figures = clock.figures
    for kind in ("seconds", "cpu"):
        figures[f"{kind}_thresholds_per_label"] = figures[f"{kind}_few_labels"] * targets.shape[1] / len(some)
        figures[f"{kind}_bootstrap"] = figures[f"{kind}_one_resample"] * RESAMPLES
        figures[f"{kind}_bootstrap_macro"] = figures[f"{kind}_one_resample_macro"] * RESAMPLES
    clock.note(micro_f1=by_average["micro"], macro_f1=by_average["macro"], labels_best=float(np.mean(own)))
    if targets.size <= POOLED_LIMIT:
        clock.note(best=clock.time("threshold", lambda: best(targets.ravel(), scores.ravel())))
        clock.note(lrap=clock.time("ranking", lambda: metrics.label_ranking_average_precision_score(targets, scores)))


def best(targets: Any, scores: Any) -> float:
    """The threshold with the largest F1 on scikit-learn's curve."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(targets, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[f1[:-1].argmax()])


if __name__ == "__main__":
    sys.exit(main())
