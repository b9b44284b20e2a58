"""Other people's systems on the same split and labels as shelfwise.

python benchmarks/peers/run.py CATALOG [--test CATALOG | --folds K] --min-count N --out DIR
    [--rivals a,b,c] [--ours MODEL] [--preset NAME]

Each rival runs in a virtual environment of its own, made on first use. DIR/task holds the task, and
DIR/answers the predictions (kept, so that a later call runs only what is new). DIR/scores has one file a
system with the scores of every test product. DIR/peers.json and DIR/peers.md are the table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from environments import Arena, RivalFailed
from preparing import Bench, cross_validation, hold_out, write_bench
from rivals import RIVALS, Rival, bundle, preset
from standings import Scored, differences, markdown, pooled, row_of, save_scores

from shelfwise.config import Config
from shelfwise.errors import LabelError, ShelfwiseError


def main() -> None:
    """Read the command line, measure, write the table."""
    args = arguments()
    config = Config.load(
        "recommended",
        changes={} if args.min_count is None else {"labels": {"min_count": args.min_count}},
    )
    try:
        bench = (
            cross_validation(args.catalog, config, args.folds)
            if args.folds
            else hold_out(args.catalog, config, args.test)
        )
    except ShelfwiseError as error:
        raise SystemExit(f"error: {error}") from None
    systems = {name: RIVALS[name] for name in args.rivals}
    systems |= {f"ours-{path.name}": bundle(path) for path in args.ours} | {
        f"ours-{name}": preset(name) for name in args.preset
    }
    key = write_bench(bench, args.out / "task")
    arena = Arena(
        args.out / "task", key, args.out / "answers", args.environments, args.minutes, args.threads
    )
    results = measure(bench, systems, arena, config)
    results["data"] |= {
        "source": str(args.catalog),
        "test_source": str(args.test or ""),
        "min_count": args.min_count,
    }
    (args.out / "peers.json").write_text(json.dumps(results, ensure_ascii=False, indent=1), "utf-8")
    (args.out / "peers.md").write_text(markdown(results), "utf-8")
    print(markdown(results))


def measure(
    bench: Bench, systems: Mapping[str, Rival], arena: Arena, config: Config
) -> dict[str, Any]:
    """Run and score every system; one that fails is a row with its reason."""
    resamples, seed = config.evaluation.bootstrap, config.seed
    rows: dict[str, dict[str, Any]] = {}
    scored: dict[str, Scored] = {}
    for name, rival in systems.items():
        print(f"{name} ...", flush=True)
        try:
            found = pooled(
                bench, [arena.answer(name, rival, fold) for fold in range(len(bench.folds))]
            )
        except (RivalFailed, LabelError) as error:
            rows[name] = {"title": rival.title, "fields": rival.fields, "not_run": str(error)}
            print(f"  not run: {error}", flush=True)
            continue
        scored[name] = found
        rows[name] = row_of(rival, found, bench.targets[found.rows], resamples, seed)
        save_scores(bench, found, arena.out.parent / "scores" / f"{name}.npz")
    tested = np.sort(np.concatenate([fold.test for fold in bench.folds]))
    ours = [name for name in scored if systems[name].folder == "ours"]
    margins = {
        mine: {
            name: differences(scored[mine], scored[name], bench.targets[tested], resamples, seed)
            for name in scored
            if name not in ours
        }
        for mine in ours
    }
    return {"data": describe(bench, arena), "systems": rows, "margins": margins}


def describe(bench: Bench, arena: Arena) -> dict[str, Any]:
    """How large the task is; of several folds, the mean sizes."""
    parts = ("train", "validation")
    sizes = {
        part: round(np.mean([len(getattr(fold, part)) for fold in bench.folds])) for part in parts
    }
    tested = sum(len(fold.test) for fold in bench.folds)
    return {
        **sizes,
        "test": tested,
        "labels": len(bench.labels),
        "folds": len(bench.folds),
        "threads": arena.threads,
        "task": arena.key,
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path)
    divided = parser.add_mutually_exclusive_group()
    divided.add_argument(
        "--test",
        type=Path,
        help="a test catalogue; without it a part of CATALOG is kept back, as in shelfwise train",
    )
    divided.add_argument(
        "--folds",
        type=int,
        help="test on every product of CATALOG once, by K-fold cross-validation",
    )
    parser.add_argument("--min-count", type=int, help="products a label needs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--rivals",
        type=known,
        default=list(RIVALS),
        help=f"comma-separated, or none; default: {','.join(RIVALS)}",
    )
    parser.add_argument(
        "--ours",
        type=Path,
        action="append",
        default=[],
        help="a model trained on CATALOG; may be repeated",
    )
    parser.add_argument(
        "--preset",
        action="append",
        default=[],
        help="a preset of ours, trained here on the same rows; may be repeated",
    )
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path("build/peers"),
        help="folder of the virtual environments",
    )
    parser.add_argument("--minutes", type=float, default=10, help="a system may take in one fold")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.folds and args.ours:
        parser.error(
            "--ours is a model of one split; with --folds name a --preset, which is trained in every fold"
        )
    return args


def known(text: str) -> list[str]:
    """The rivals' names in `text`."""
    names = [] if text == "none" else text.split(",")
    if unknown := [name for name in names if name not in RIVALS]:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown)}; known: {', '.join(RIVALS)}"
        )
    return names


if __name__ == "__main__":
    main()
