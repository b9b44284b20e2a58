"""How time and memory grow with products, labels and members.

python benchmarks/growth.py [--scale S]

At scale 1 to 1,000,000 products, 10,000 labels and 5 members. Where one of them grows, the others stay at
20,000 products, 100 labels and 1 member. Each point is a run in a process of its own, from a file of
generated products on: read it, prepare its texts, fit a text CNN a member (titles and descriptions in turn)
and predict, tune thresholds, measure, and with several members fit ridge and policy and fuse.

What is cut: networks train for one epoch, titles have 6 words and descriptions 15, intervals rest on 100
resamples, and nothing is cross-fitted. No point has many products and many labels, as members predict dense
float32 scores: a million products by 10,000 labels are 40 GB.

A time that grows in proportion has an exponent of 1. Exponents are of processor seconds, between the two
largest sizes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from timing import Clock, parser, run_child, write

SIZES = {
    "products": (1_000, 10_000, 100_000, 1_000_000),
    "labels": (100, 1_000, 10_000),
    "members": (1, 2, 3, 5),
}
BASE = {"products": 20_000, "labels": 100, "members": 1}
MOST_RIDGE_INPUTS = 1_000
"""A ridge solves for (members x labels)^2 numbers, for every set of members."""
OWN_WORDS, COMMON_WORDS, BLOCK = 3, 2_000, 10_000
RESAMPLES = 100
LEAST_SECONDS = 0.2
"""What takes less says nothing of how it grows."""


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.02, repeats=1)
    options.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.child:
        child(**args.point)
        return
    runs: dict[str, list[dict[str, Any]]] = {}
    grown: dict[str, Any] = {}
    for dimension, sizes in SIZES.items():
        reached = [
            size
            for i, size in enumerate(sizes)
            if dimension == "members" or i < 2 or size <= sizes[-1] * args.scale
        ]
        points = [measure({**BASE, dimension: size}, args) for size in reached]
        runs |= {
            f"{size:,} {dimension}": [point] for size, point in zip(reached, points, strict=True)
        }
        grown |= {
            f"exponent in {dimension}, {name}": value
            for name, value in exponents(reached[-2:], points[-2:]).items()
        }
    write("growth", args, runs, grown)


def measure(point: dict[str, int], args: Any) -> dict[str, Any]:
    """Figures of one point."""
    command = [
        sys.executable,
        __file__,
        "--child",
        "shelfwise",
        "--point",
        json.dumps(point),
        "--threads",
        str(args.threads),
    ]
    return run_child(command, args.threads, minutes=30)


def exponents(sizes: list[int], points: list[dict[str, Any]]) -> dict[str, float]:
    """How processor time grows from one size to the next, by phase and in all."""
    first, second = (
        {name: value for name, value in point.items() if name.startswith("cpu_")}
        for point in points
    )
    named = {
        name: (first[name], second[name])
        for name in first.keys() & second.keys()
        if second[name] > LEAST_SECONDS
    }
    named["cpu_in_all"] = (sum(first.values()), sum(second.values()))  # 0 where a point failed
    return {
        name: math.log(b / a) / math.log(sizes[1] / sizes[0])
        for name, (a, b) in sorted(named.items())
        if a and b
    }


def child(products: int, labels: int, members: int) -> None:
    """One point."""
    from shelfwise.nn.memory import tune_malloc

    tune_malloc()  # as the command line does
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "products.jsonl"
        make(path, products, labels)
        catalog, targets = clock.time("read", lambda: read(path))
    outputs = answers(clock, catalog, targets, members)
    scores = outputs.scores[:, 0]
    if members > 1:
        scores = fused(clock, outputs, targets)
    figures = clock.time("decide", lambda: decide(scores, targets))
    clock.note(**figures)
    clock.finish()


def make(path: Path, products: int, labels: int) -> None:
    """A file of products with three labels each; every label has some words of its own among common ones."""
    rng = np.random.default_rng(0)
    words = np.array([letters(i) for i in range(OWN_WORDS * labels + COMMON_WORDS)], dtype=object)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, products, BLOCK):
            count = min(BLOCK, products - start)
            chosen = (labels * rng.random((count, 3)) ** 2).astype(np.int64)
            own = OWN_WORDS * chosen + rng.integers(OWN_WORDS, size=(count, 3))
            common = OWN_WORDS * labels + (COMMON_WORDS * rng.random((count, 15)) ** 2).astype(
                np.int64
            )
            texts = words[np.concatenate([own, common], axis=1)].tolist()
            for i, (mine, text) in enumerate(zip(chosen.tolist(), texts, strict=True), start):
                paths = [[f"label {label}"] for label in mine]
                described = " ".join([*text[:3], *text[6:]])
                record = {
                    "id": str(i),
                    "title": " ".join(text[:6]),
                    "description": described,
                    "categories": paths,
                }
                file.write(json.dumps(record) + "\n")


def letters(number: int) -> str:
    """A word of its own for every number."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}") + "x"


def read(path: Path) -> tuple[Any, Any]:
    """The catalogue and its targets (N, L)."""
    from shelfwise.catalog.labels import LabelSet
    from shelfwise.catalog.reading.reader import read_catalog
    from shelfwise.config import CatalogSettings, LabelSettings

    catalog = read_catalog(path, CatalogSettings()).catalog
    categories = catalog.column("categories")
    return catalog, LabelSet.fit(categories, LabelSettings(min_count=1)).encode(categories)


def answers(clock: Clock, catalog: Any, targets: Any, members: int) -> Any:
    """What the members say of the products that they learnt from."""
    from shelfwise.core.presence import fit_present, predict_present
    from shelfwise.core.types import Context, Examples, MemberOutputs
    from shelfwise.modalities.text_cnn import TextCnn

    settings = TextCnn.Settings.model_validate(
        {"embedding": "rand", "training": {"epochs": 1, "loss": "bce"}}
    )
    predictions = []
    for number in range(members):
        member = TextCnn(settings, ("title", "description")[number % 2])
        inputs = clock.time("prepare", lambda member=member: member.prepare(catalog, Context()))
        context = Context(seed=number)
        clock.time(
            "fit",
            lambda member=member, inputs=inputs, context=context: fit_present(
                member, Examples(inputs, targets), None, context
            ),
        )
        predictions.append(
            clock.time(
                "predict",
                lambda member=member, inputs=inputs: predict_present(
                    member, inputs, targets.shape[1], Context()
                ),
            )
        )
    return MemberOutputs.stack(predictions)


def fused(clock: Clock, outputs: Any, targets: Any) -> Any:
    """The policy's scores; a ridge is fitted beside it, where its sums are not too many."""
    from shelfwise.core.types import Context
    from shelfwise.fusion.policy import Policy
    from shelfwise.fusion.ridge import Ridge

    if outputs.scores[0].size <= MOST_RIDGE_INPUTS:
        clock.time(
            "ridge",
            lambda: Ridge(Ridge.Settings()).fit(outputs, targets, None, Context()).fuse(outputs),
        )
    policy = Policy(Policy.Settings.model_validate({"training": {"epochs": 1, "loss": "bce"}}))
    return clock.time("policy", lambda: policy.fit(outputs, targets, None, Context()).fuse(outputs))


def decide(scores: Any, targets: Any) -> dict[str, float]:
    """Thresholds, figures and an interval."""
    from shelfwise.decision.thresholds import best_threshold, decide, per_label_thresholds
    from shelfwise.metrics.bootstrap import bootstrap_interval
    from shelfwise.metrics.multilabel import decision_metrics
    from shelfwise.metrics.ranking import ranking_metrics

    truth = targets > 0
    decided = decide(scores, best_threshold(truth, scores))
    per_label_thresholds(truth, scores, shrink=10.0)
    bootstrap_interval(truth, decided, "micro_f1", RESAMPLES)
    return {
        "micro_f1": decision_metrics(truth, decided)["micro_f1"],
        "lrap": ranking_metrics(truth, scores)["lrap"],
    }


if __name__ == "__main__":
    main()
