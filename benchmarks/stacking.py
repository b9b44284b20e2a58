"""Processor time of what follows the members: the fusion policy, cross-fitted, and the decision rule.

python benchmarks/stacking.py CATALOG [--test FILE] [--preset quick] [--before SRC]

Members are fitted once, and their out-of-fold scores and those of the test products are kept beside the
results. From these the final system of the preset is fitted on all products and on all but each fold, then
calibration, thresholds and limits. A later run of the same catalogue and preset reads the kept scores. With
`--before` the code in another source folder, such as `src` of an older checkout, does the same from the same
scores in turn, and the ratio is given. One thread, so that processor seconds say what the work costs.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from command_line import described
from timing import Clock, ratios, run_child, write

FIGURES = ("cpu_fit", "cpu_cross_fit", "cpu_decision_rule", "cpu_in_all", "peak_mib")


def main() -> None:
    """Read the command line, measure, print."""
    args = options().parse_args()
    if args.child:
        {"members": fit_members, "stacking": fit_stacking}[args.child](args)
        return
    here = Path(__file__).parents[1] / "src"
    if not scores_file(args).exists():
        scores_file(args).parent.mkdir(parents=True, exist_ok=True)
        failure = measure(here, "members", args).get("failure")
        if failure:
            raise SystemExit(failure)
    sources = {"ours": here} | ({"before": args.before} if args.before else {})
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sources}
    for _ in range(args.repeats):
        for name, source in sources.items():
            runs[name].append(measure(source, "stacking", args))
    compared: dict[str, Any] = {}
    if args.before:
        for figure in FIGURES:
            compared[f"before over ours, {figure}"] = ratios(runs, "ours", "before", figure)
    name = f"stacking-{scores_file(args).stem}"
    write(name, args, runs, compared, {"preset": args.preset, "catalog": str(args.catalog)})


def options() -> argparse.ArgumentParser:
    """The command line."""
    made = described(__doc__)
    made.add_argument("catalog", type=Path)
    made.add_argument("--test", type=Path, help="unset: a part of the catalogue")
    made.add_argument("--preset", default="quick")
    made.add_argument("--before", type=Path, help="src of the code to compare with")
    made.add_argument("--repeats", type=int, default=1)
    made.add_argument("--out", type=Path, default=Path("build/bench"))
    made.add_argument("--child", help=argparse.SUPPRESS)
    made.set_defaults(scale=1.0, threads=1)
    return made


def scores_file(args: Any) -> Path:
    """Where the members' scores are kept."""
    folder: Path = args.out
    return folder / f"{args.catalog.parent.name}-{args.catalog.stem}-{args.preset}.npz"


def measure(source: Path, child: str, args: Any) -> dict[str, Any]:
    """The figures of a child that runs the code in `source`."""
    command = [sys.executable, __file__, str(args.catalog), "--child", child]
    command += ["--preset", args.preset, "--out", str(args.out)]
    if args.test:
        command += ["--test", str(args.test)]
    os.environ["PYTHONPATH"] = str(source)
    return run_child(command, args.threads, minutes=90)


def fit_members(args: Any) -> None:
    """Fit the members of the final system, and keep what they predict."""
    from shelfwise.cli.terminal import cache_folder
    from shelfwise.config import Config
    from shelfwise.core.types import Context, MemberOutputs
    from shelfwise.disk.cache_folder import opened_cache
    from shelfwise.model.model import Model
    from shelfwise.training.checkpoints import Checkpoints
    from shelfwise.training.dataset import prepare_data
    from shelfwise.training.fit_members import fit_members
    from shelfwise.training.member_selection import adapt_to_catalog
    from shelfwise.training.time_budget import Budget
    from shelfwise.training.training_run import TrainingRun

    clock = Clock()
    config = Config.load(args.preset, None, {})
    context = Context(seed=config.seed, cache=opened_cache(cache_folder()))
    data = prepare_data(args.catalog, config, args.test, context)
    config = adapt_to_catalog(data.with_reading(config), data.training_set.catalog)
    budget = Budget.from_seconds(None, context)
    run = TrainingRun(data.training_set, config, context, Checkpoints(), skip_failures=True)
    fitted = clock.time("members", lambda: fit_members(run, budget)).members
    model = Model(config, data.labels, {name: one.member for name, one in fitted.items()})
    answers = model.predict_members(data.test, context, list(fitted)).predictions
    outputs = MemberOutputs.stack([one.out_of_fold for one in fitted.values()])
    test = MemberOutputs.stack([answers[name] for name in fitted])
    first = next(iter(fitted.values()))
    np.savez(
        scores_file(args),
        scores=outputs.scores,
        present=outputs.present,
        targets=data.training_set.targets[first.rows],
        folds=first.folds,
        labels=np.array(data.labels.names),
        test_scores=test.scores,
        test_present=test.present,
        test_targets=data.test_targets,
    )
    clock.finish()


def fit_stacking(args: Any) -> None:
    """Fit the final system of the preset and the decision rule from the kept scores."""
    from shelfwise.config import Config
    from shelfwise.core.types import MemberOutputs

    config = Config.load(args.preset, None, {})
    with np.load(scores_file(args)) as kept:
        arrays = dict(kept)
    outputs = MemberOutputs(arrays["scores"], arrays["present"], ())
    test = MemberOutputs(arrays["test_scores"], arrays["test_present"], ())
    # libraries are loaded, and the first step of a network is taken, before the clock starts
    fitted_policy(config, arrays, outputs, np.arange(min(100, len(outputs))), outputs)
    clock = Clock()
    whole = np.arange(len(outputs))
    policy = clock.time("fit", lambda: fitted_policy(config, arrays, outputs, whole, outputs))
    scores = clock.time("cross_fit", lambda: cross_fitted(config, arrays, outputs))
    truth = arrays["test_targets"] > 0
    figures = clock.time(
        "decision_rule",
        lambda: decided(config, arrays["targets"], scores, policy.fuse(test), truth),
    )
    parts = ("cpu_fit", "cpu_cross_fit", "cpu_decision_rule")
    clock.note(cpu_in_all=sum(clock.figures[part] for part in parts), **figures)
    clock.finish()


def fitted_policy(config: Any, arrays: Any, outputs: Any, rows: Any, met: Any) -> Any:
    """The final system's policy, fitted on some rows; it knows which sets of members it will meet."""
    from shelfwise.core.registry import make_policy
    from shelfwise.core.types import Context

    patterns = [tuple(row) for row in np.unique(met.present, axis=0).tolist() if any(row)]
    context = Context(config.seed, labels=tuple(arrays["labels"].tolist()))
    context = replace(context, patterns=tuple(patterns))
    policy = make_policy(config, config.decide_with)
    return policy.fit(outputs.take(rows), arrays["targets"][rows], None, context)


def cross_fitted(config: Any, arrays: Any, outputs: Any) -> Any:
    """Scores (N, L), each by a policy fitted on the other folds."""
    scores = np.zeros_like(outputs.scores[:, 0])
    for fold in np.unique(arrays["folds"]):
        held_out = np.flatnonzero(arrays["folds"] == fold)
        others = np.flatnonzero(arrays["folds"] != fold)
        met = outputs.take(held_out)
        scores[held_out] = fitted_policy(config, arrays, outputs, others, met).fuse(met)
    return scores


def decided(config: Any, targets: Any, scores: Any, test_scores: Any, truth: Any) -> Any:
    """Fit the rule on cross-fitted scores; F1 of its decisions about the test products."""
    from shelfwise.decision.consistency import Consistency
    from shelfwise.decision.decision_rule import DecisionRule
    from shelfwise.metrics.multilabel import decision_metrics

    rule, _ = DecisionRule.fit(scores, targets, config, Consistency("none", None))
    likely = rule.probabilities(test_scores)
    figures = {}
    for name, given in (("0.5", likely >= 0.5), ("tuned", rule.thresholds.decide(likely))):
        found = decision_metrics(truth, given)
        figures |= {f"micro_f1_{name}": found["micro_f1"], f"macro_f1_{name}": found["macro_f1"]}
    return figures


if __name__ == "__main__":
    main()
