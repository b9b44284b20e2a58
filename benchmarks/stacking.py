"""Processor time of what follows the members: fusion policies, calibration, thresholds, limits.

python benchmarks/stacking.py CATALOG [--test FILE] [--preset quick] [--before SRC]

Trains once and tells the processor seconds of each part, with micro-F1 and macro-F1 on the test products. A
sample catalogue is written where CATALOG is `sample`. With `--before` the code in another source folder, such
as `src` of an older checkout, trains in turn, and the ratio is given. One thread, so that processor seconds
say what the work costs.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import Clock, ratios, run_child, write

PRODUCTS = 3000
"""Of the sample catalogue."""

PARTS = {
    "fit_members": "members",
    "_fit_systems": "systems",
    "_choose_final_system": "thresholds",
    "_fit_decision_rule": "decision_rule",
}
"""By the function of `shelfwise.training.fit` that does it."""

FIGURES = ("cpu_members", "cpu_systems", "cpu_thresholds", "cpu_decision_rule", "cpu_after_members")


def main() -> None:
    """Read the command line, measure, print."""
    args = options().parse_args()
    if args.child:
        child(args)
        return
    with tempfile.TemporaryDirectory() as folder:
        if str(args.catalog) == "sample":
            args.catalog = sample(Path(folder))
        sources = {"ours": Path(__file__).parents[1] / "src"}
        if args.before:
            sources["before"] = args.before
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sources}
        for _ in range(args.repeats):
            for name, source in sources.items():
                runs[name].append(measure(source, args))
    compared: dict[str, Any] = {}
    if args.before:
        compared = {
            f"before over ours, {figure}": ratios(runs, "ours", "before", figure)
            for figure in (*FIGURES, "cpu_train", "peak_mib")
        }
    write("stacking", args, runs, compared, {"preset": args.preset, "catalog": args.catalog.name})


def options() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("catalog", type=Path)
    made.add_argument("--test", type=Path)
    made.add_argument("--preset", default="quick")
    made.add_argument("--before", type=Path, help="src of the code to compare with")
    made.add_argument("--repeats", type=int, default=1)
    made.add_argument("--out", type=Path, default=Path("build/bench"))
    made.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    made.set_defaults(scale=1.0, threads=1)
    return made


def sample(folder: Path) -> Path:
    """The sample catalogue."""
    from shelfwise.catalog.sample import write_sample

    return write_sample(folder, PRODUCTS)


def measure(source: Path, args: Any) -> dict[str, Any]:
    """A training by the code in `source`, in a process of its own."""
    command = [sys.executable, __file__, str(args.catalog), "--preset", args.preset, "--child"]
    if args.test:
        command += ["--test", str(args.test)]
    os.environ["PYTHONPATH"] = str(source)
    return run_child(command, args.threads, minutes=60)


def child(args: Any) -> None:
    """Train, and print the figures."""
    from shelfwise.cli.terminal import cache_folder
    from shelfwise.commands.train import train
    from shelfwise.config import Config
    from shelfwise.core.cache_folder import opened_cache
    from shelfwise.core.types import Context
    from shelfwise.nn.memory import tune_malloc
    from shelfwise.training import fit

    tune_malloc()  # as the command line does
    clock = Clock()
    for name, part in PARTS.items():
        setattr(fit, name, timed(getattr(fit, name), clock, part))
    # one fit: fitting again on all products would only be the same once more
    config = Config.load(args.preset, None, {"refit": False})
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        context = Context(seed=config.seed, cache=opened_cache(cache_folder()))
        results = clock.time(
            "train", lambda: train(args.catalog, out, config, args.test, context=context)
        )
    after = sum(clock.figures[name] for name in FIGURES[1:4])
    clock.note(cpu_after_members=after, **quality(results))
    clock.finish()


def timed(work: Callable[..., Any], clock: Clock, part: str) -> Callable[..., Any]:
    """`work`, whose time is added to a part of the clock."""

    @functools.wraps(work)
    def wrapped(*given: Any, **named: Any) -> Any:
        return clock.time(part, lambda: work(*given, **named))

    return wrapped


def quality(results: dict[str, Any]) -> dict[str, float]:
    """F1 of the final system on the test products."""
    final = results["systems"][results["decide_with"]]
    names = ("micro_f1", "micro_f1_tuned", "macro_f1", "macro_f1_tuned")
    return {name: final[name] for name in names}


if __name__ == "__main__":
    main()
