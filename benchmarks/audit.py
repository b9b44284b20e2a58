"""How well the audit finds wrong labels.

python benchmarks/audit.py CATALOG [--test CATALOG] --out DIR [--seeds 0 1 2]

One label of 5 % of the training products is made wrong: dropped, added, or swapped for another, a third each.
Wrong labels are drawn by their frequency. The rest of the catalogue counts as right, which no real one is, so
the figures are a lower bound. Then a person is simulated, who corrects the first tenth of the list, and the
model is trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.config import Config
from shelfwise.core.types import Bools, Context, Floats
from shelfwise.decision.label_errors import LabelErrorDetector, suspicion
from shelfwise.decision.thresholds import decide
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.model.model import Model
from shelfwise.training.dataset import PreparedData, prepare_data
from shelfwise.training.fit import fit_model

KINDS = ("dropped", "added", "swapped")
QUICK: dict[str, Any] = {
    "decide_with": "text",
    "members": {"text": {"modality": "text_linear", "field": "title+description"}},
    "split": {"validation_fraction": 0},
    "stacking": {"fitted_on": "oof", "folds": 5},
}
Float64Array = NDArray[np.float64]


def main() -> None:
    """Print a table a seed, and leave all figures in ``audit.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--share", type=float, default=0.05, help="of the products to change")
    parser.add_argument("--min-count", type=int)
    args = parser.parse_args()
    config = Config.parse({**QUICK, "labels": {"min_count": args.min_count}})
    context = Context(seed=config.seed)
    task = prepare_data(args.catalog, config, args.test, context)
    clean = f1(fitted(task, task.training_set.targets, config, context), task, context)
    runs = [one_seed(task, config, context, clean, seed, args.share) for seed in args.seeds]
    mean = means(runs)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "audit.json").write_text(
        json.dumps({"command": vars(args), "runs": runs, "mean": mean}, indent=1, default=str),
        "utf-8",
    )
    for name, row in mean.pop("rankings").items():
        print(f"{name:32}", "  ".join(f"{key} {100 * value:5.1f}" for key, value in row.items()))
    for rule in clean:
        before, spoilt, corrected = (
            mean[f"{state}_{rule}"] for state in ("clean", "spoilt", "corrected")
        )
        share = (
            f"{100 * (corrected - spoilt) / (before - spoilt):.0f}% of it regained"
            if before > spoilt
            else "nothing lost"
        )
        print(
            f"micro-F1 {rule}: {before:.4f} with all labels right, {spoilt:.4f} with wrong ones, "
            f"{corrected:.4f} corrected; {share}"
        )
    print(
        {
            key: round(value, 3)
            for key, value in mean.items()
            if not key.startswith(("clean", "spoilt_", "corrected"))
        }
    )


def one_seed(
    task: PreparedData,
    config: Config,
    context: Context,
    clean: dict[str, float],
    seed: int,
    share: float,
) -> dict[str, Any]:
    """Change labels, train, audit, correct, train again."""
    truth = task.training_set.targets > 0
    given, kinds = with_wrong_labels(truth, share, np.random.default_rng(seed))
    spoilt = fitted(task, given.astype(np.float32), config, context)
    assert spoilt.out_of_fold is not None
    scores = spoilt.out_of_fold.dense()[0]
    started, everybody = time.process_time(), np.arange(len(given))
    detector = LabelErrorDetector.fit(scores, given)
    evidence = suspicion(detector.error_probabilities(scores, given, everybody))
    seconds = time.process_time() - started
    order = np.argsort(-evidence, kind="stable")
    first = order[: round(0.1 * len(order))]
    suggested = detector.suggested_labels(scores[first], given[first], everybody[first])
    corrected = given.copy()
    corrected[first] = truth[first]
    again = f1(fitted(task, corrected.astype(np.float32), config, context), task, context)
    measured = {"clean": clean, "spoilt": f1(spoilt, task, context), "corrected": again}
    found = kinds[first] > 0
    rankings = {
        "shelfwise": found_by(evidence, kinds),
        **{name: found_by(value, kinds) for name, value in rivals(scores, given).items()},
    }
    return {
        "seed": seed,
        "spoilt": int((kinds > 0).sum()),
        "rankings": rankings,
        "suggestion_exactly_right": float(
            (suggested[found] == truth[first][found]).all(axis=1).mean()
        ),
        "seconds_of_the_audit": seconds,
        **{
            f"{state}_{rule}": value
            for state, figures in measured.items()
            for rule, value in figures.items()
        },
    }


def with_wrong_labels(
    truth: Bools, share: float, rng: np.random.Generator
) -> tuple[Bools, NDArray[np.int64]]:
    """Targets with one label of some products made wrong.

    Returns:
        The targets, and how each product was changed (N,): 0 not at all, then the places in :data:`KINDS`,
        from 1.
    """
    rows = rng.choice(len(truth), round(share * len(truth)), replace=False)
    given, kinds, frequency = truth.copy(), np.zeros(len(truth), np.int64), truth.sum(axis=0)
    for place, row in enumerate(rows):
        kinds[row] = kind = place % 3 + 1
        if kind != 2:
            given[row, rng.choice(np.flatnonzero(truth[row]))] = False
        if kind != 1:
            others = np.where(truth[row], 0, frequency)
            given[row, rng.choice(len(others), p=others / others.sum())] = True
    return given, kinds


def found_by(evidence: Float64Array, kinds: NDArray[np.int64]) -> dict[str, float]:
    """Shares of the changed products that are found in the first 8 % and 10 % of the list.

    In the first 10 % also by kind, and the precision there.
    """
    order = np.argsort(-evidence, kind="stable")
    early, first = (kinds[order[: round(share * len(order))]] for share in (0.08, 0.1))
    shares = {
        "in_8%": (early > 0).sum() / (kinds > 0).sum(),
        "in_10%": (first > 0).sum() / (kinds > 0).sum(),
    }
    shares |= {
        name: (first == place).sum() / max((kinds == place).sum(), 1)
        for place, name in enumerate(KINDS, start=1)
    }
    return {
        name: float(share)
        for name, share in {**shares, "spoilt_of_listed": (first > 0).mean()}.items()
    }


def rivals(scores: Floats, given: Bools) -> dict[str, Float64Array]:
    """cleanlab's scores of the same out-of-fold scores, turned so that the largest is the most suspicious."""
    from cleanlab.multilabel_classification import get_label_quality_scores

    labels = [np.flatnonzero(row).tolist() for row in given]
    softmin = {"method": "softmin", "temperature": 0.1}
    return {
        "cleanlab (default)": -get_label_quality_scores(labels, scores),
        "cleanlab (softmin)": -get_label_quality_scores(labels, scores, aggregator_kwargs=softmin),
        "cleanlab (adjusted, softmin)": -get_label_quality_scores(
            labels, scores, adjust_pred_probs=True, aggregator_kwargs=softmin
        ),
    }


def fitted(task: PreparedData, targets: Floats, config: Config, context: Context) -> Model:
    """The model trained on these targets."""
    return fit_model(
        dataclasses.replace(task.training_set, targets=targets), task.labels, config, context
    )


def f1(model: Model, task: PreparedData, context: Context) -> dict[str, float]:
    """Micro-F1 on the test products, at the model's own threshold and at 0.5."""
    scores, truth = model.scores(model.predict_members(task.test, context)), task.test_targets > 0
    rules = {"tuned": model.threshold_of(model.decide_with), "at_0.5": 0.5}
    return {name: micro_f1(truth, decide(scores, threshold)) for name, threshold in rules.items()}


def means(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Every figure, averaged over the seeds."""
    names = runs[0]["rankings"]
    rankings = {
        n: {key: float(np.mean([run["rankings"][n][key] for run in runs])) for key in names[n]}
        for n in names
    }
    single = [key for key in runs[0] if key not in ("seed", "rankings")]
    return {
        "rankings": rankings,
        **{key: float(np.mean([run[key] for run in runs])) for key in single},
    }


if __name__ == "__main__":
    main()
