"""Metrics, thresholds and bootstrap of many products and labels, beside scikit-learn.

python benchmarks/counting.py [--scale S]

Scale 1 is 1,000,000 products with 1,000 labels, three true ones a product, and float32 scores that put F1
near 0.66. It needs 8 GB.

What is compared, and how much of it scikit-learn does:
    * decisions: precision, recall and F1 in four averages, exact matches and Hamming loss; all of it.
    * threshold, thresholds_per_label: the largest F1 of ``precision_recall_curve``; on at most 40 million
      scores, on 50 of the labels.
    * bootstrap, bootstrap_macro: ``f1_score`` of one resample of a thousand.
    * ranking: ``label_ranking_average_precision_score``, ``ndcg_score`` at 1, 3 and 5 and
      ``average_precision_score``, macro and micro; on at most 20,000 products, 50 labels, 40 million scores.
      It lacks our figures at k, whose time counts against us.
Where scikit-learn does a share, its time is divided by the share. Sorting all would take it longer than that.

Both must find the same. scikit-learn gives products without a label a ranking precision of 1, and we leave
them out: it gets only those with a label. Its thresholds are the lowest accepted score, ours lie midway to
the next, so their F1 is compared. On a share of the products, ``best_f1``, ``lrap``, ``ndcg_at_5`` and
``map_micro`` are those of the share.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
from timing import Clock, in_turn, parser, ratios, write

PRODUCTS, LABELS, RESAMPLES = 1_000_000, 1_000, 1_000
FEW_LABELS, FEW_PRODUCTS, FEW_SCORES = 50, 20_000, 40_000_000  # that scikit-learn is given at most


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.1, repeats=2)
    options.add_argument("--labels", type=int, default=LABELS)
    args = options.parse_args()
    if args.child:
        child(args.child, round(PRODUCTS * args.scale), args.labels)
        return
    runs = in_turn(
        __file__,
        {name: [None, "--labels", args.labels] for name in ("shelfwise", "scikit-learn")},
        args,
    )
    phases = [name for name in runs["shelfwise"][0] if name.startswith(("seconds_", "cpu_"))]
    compared = {
        f"scikit-learn over ours, {name}": ratios(runs, "shelfwise", "scikit-learn", name)
        for name in phases
    }
    write("counting", args, runs, {name: ratio for name, ratio in compared.items() if ratio})


def child(system: str, products: int, labels: int) -> None:
    """One system on the same made-up products."""
    targets, scores = make(products, labels)
    clock = Clock()
    decided = scores >= np.float32(0.6)
    {"shelfwise": with_shelfwise, "scikit-learn": with_scikit_learn}[system](
        clock, targets, scores, decided
    )
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
        logits = (
            1.5 * rng.standard_normal((some.stop - start, labels), np.float32)
            + np.log(share / (1 - share))
            - 1
        )
        scores[some] = 1 / (1 + np.exp(-(logits + np.float32(6.5) * targets[some])))
    return targets, scores


def with_shelfwise(clock: Clock, targets: Any, scores: Any, decided: Any) -> None:
    from shelfwise.decision.thresholds import best_threshold, per_label_thresholds
    from shelfwise.metrics.bootstrap import bootstrap_interval
    from shelfwise.metrics.multilabel import decision_metrics
    from shelfwise.metrics.ranking import average_precision, ranking_metrics

    found = clock.time("decisions", lambda: decision_metrics(targets, decided))
    threshold = clock.time("threshold", lambda: best_threshold(targets, scores))
    own = clock.time(
        "thresholds_per_label", lambda: per_label_thresholds(targets, scores, shrink=0.0)
    )
    clock.time("bootstrap", lambda: bootstrap_interval(targets, decided, "micro_f1", RESAMPLES))
    clock.time(
        "bootstrap_macro", lambda: bootstrap_interval(targets, decided, "macro_f1", RESAMPLES)
    )
    ranking = clock.time("ranking", lambda: ranking_metrics(targets, scores))
    clock.note(**{name: found[name] for name in ("micro_f1", "macro_f1", "hamming_loss")})
    clock.note(**{name: ranking[name] for name in ("lrap", "ndcg_at_5", "map_micro")})
    labels, products, _ = shares(targets)
    clock.note(
        map_labels=float(np.mean([average_precision(targets[:, i], scores[:, i]) for i in labels]))
    )
    clock.note(
        best_f1=f1(targets[products], scores[products], threshold),
        labels_f1=mean_f1(targets, scores, labels, own[labels]),
    )


def with_scikit_learn(clock: Clock, targets: Any, scores: Any, decided: Any) -> None:
    from sklearn import metrics

    def decisions() -> Any:
        averages = ("micro", "macro", "weighted", "samples")
        found = {
            name: metrics.precision_recall_fscore_support(
                targets, decided, average=name, zero_division=0
            )[2]
            for name in averages
        }
        return (
            found,
            metrics.accuracy_score(targets, decided),
            metrics.hamming_loss(targets, decided),
        )

    f1s, _, wrong = clock.time("decisions", decisions)
    clock.note(micro_f1=f1s["micro"], macro_f1=f1s["macro"], hamming_loss=wrong)
    labels, pooled, products = shares(targets)
    by_label, by_pool = len(labels) / targets.shape[1], len(targets[pooled]) / len(targets)
    threshold = clock.time(
        "threshold", lambda: best(targets[pooled].ravel(), scores[pooled].ravel()), by_pool
    )
    own = clock.time(
        "thresholds_per_label",
        lambda: [best(targets[:, i], scores[:, i]) for i in labels],
        by_label,
    )
    clock.note(
        best_f1=f1(targets[pooled], scores[pooled], threshold),
        labels_f1=mean_f1(targets, scores, labels, own),
    )
    rows = np.random.default_rng(0).integers(len(targets), size=len(targets))
    for phase, average in (("bootstrap", "micro"), ("bootstrap_macro", "macro")):
        resample = partial(
            metrics.f1_score, targets[rows], decided[rows], average=average, zero_division=0
        )
        clock.time(phase, resample, 1 / RESAMPLES)
    truth, given = targets[products], scores[products]
    by_product = len(truth) / np.count_nonzero(targets.any(axis=1))
    lrap = clock.time(
        "ranking", lambda: metrics.label_ranking_average_precision_score(truth, given), by_product
    )
    ndcg = [
        clock.time("ranking", lambda k=k: metrics.ndcg_score(truth, given, k=k), by_product)
        for k in (1, 3, 5)
    ]
    macro = clock.time(
        "ranking",
        lambda: [metrics.average_precision_score(targets[:, i], scores[:, i]) for i in labels],
        by_label,
    )
    micro = clock.time(
        "ranking",
        lambda: metrics.average_precision_score(targets[pooled].ravel(), scores[pooled].ravel()),
        by_pool,
    )
    clock.note(lrap=lrap, ndcg_at_5=ndcg[-1], map_labels=float(np.mean(macro)), map_micro=micro)


def shares(targets: Any) -> tuple[Any, slice, Any]:
    """The share of the work that scikit-learn gets.

    Returns:
        Labels, among those in use; products whose scores are pooled; and products, among those with a label.
    """
    labels, products = np.flatnonzero(targets.any(axis=0)), np.flatnonzero(targets.any(axis=1))
    pooled = slice(None, None, -(-targets.size // FEW_SCORES))
    return (
        labels[:: -(-len(labels) // FEW_LABELS)],
        pooled,
        products[:: -(-len(products) // FEW_PRODUCTS)],
    )


def f1(targets: Any, scores: Any, threshold: float) -> float:
    """F1 of all decisions at one threshold."""
    given = scores >= np.float64(threshold)
    return (
        2
        * float(np.count_nonzero(given & targets))
        / (np.count_nonzero(given) + np.count_nonzero(targets))
    )


def mean_f1(targets: Any, scores: Any, labels: Any, thresholds: Any) -> float:
    """The mean F1 of some labels, each at its own threshold."""
    return float(
        np.mean(
            [f1(targets[:, i], scores[:, i], t) for i, t in zip(labels, thresholds, strict=True)]
        )
    )


def best(targets: Any, scores: Any) -> float:
    """The threshold with the largest F1 on scikit-learn's curve."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(targets, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[f1[:-1].argmax()])


if __name__ == "__main__":
    sys.exit(main())
