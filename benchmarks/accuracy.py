"""Every table of the accuracy chapter of docs/results.md, measured.

python benchmarks/accuracy.py CATALOG [--test CATALOG] --min-count N --out DIR
    [--parts ablation,missing,curve,cost] [--peers DIR]

The preset `recommended` is trained once. Its members' scores of training products (out of fold) and of test
products are kept in DIR/stages. So only the fusion is fitted again, and a later call does only what is new.
Remove DIR/stages when the code has changed. DIR/accuracy.json has all figures, also of earlier calls on the
same split; DIR/accuracy.md has the tables and DIR/cost.svg a chart.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import accuracy_parts as parts
from accuracy_study import Study, digest_of_training_set
from accuracy_tables import cost_bars, markdown
from command_line import described

from shelfwise.config import Config
from shelfwise.errors import ShelfwiseError

MEASURES = {
    "ablation": parts.ablation,
    "missing": parts.missing,
    "curve": parts.curve,
    "cost": parts.cost,
}


def main() -> None:
    """Read the command line, measure part by part, write after each."""
    args = arguments()
    config = Config.load("recommended", changes={"labels": {"min_count": args.min_count}})
    try:
        study = Study.of(args.catalog, args.test, config, args.out)
        results = begun(study, args.out / "accuracy.json")
        measures = {name: MEASURES[name] for name in args.parts}
        if args.peers is not None:
            measures["peers"] = lambda study: parts.peers(study, args.peers)
        for name, measure in measures.items():
            print(f"{name} ...", flush=True)
            results["parts"][name] = {"command": command(name, args), **measure(study)}
            write(results, args.out)
    except ShelfwiseError as error:
        raise SystemExit(f"error: {error}") from None
    print((args.out / "accuracy.md").read_text("utf-8"))


def begun(study: Study, path: Path) -> dict[str, Any]:
    """The parts that an earlier call measured on the same split; none if it was another."""
    training_set = study.task.training_set
    sizes = {
        "labels": len(study.task.labels.names),
        "train": len(training_set.train),
        "test": len(study.task.test),
    }
    digests = {
        "lesson": digest_of_training_set(training_set, study.task.labels.names),
        "tested": study.task.test.fingerprint(),
    }
    data = {**sizes, **digests, "preset": study.config.preset}
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {"data": data, "parts": kept["parts"] if kept.get("data") == data else {}}


def write(results: dict[str, Any], folder: Path) -> None:
    """Leave accuracy.json, accuracy.md and the chart in `folder`."""
    (folder / "accuracy.json").write_text(
        json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False), "utf-8"
    )
    (folder / "accuracy.md").write_text(markdown(results), "utf-8")
    if "cost" in results["parts"]:
        (folder / "cost.svg").write_text(cost_bars(results["parts"]["cost"]), "utf-8")


def command(part: str, args: argparse.Namespace) -> str:
    """What makes one part."""
    words: list[Any] = ["python", "benchmarks/accuracy.py", args.catalog]
    words += [] if args.test is None else ["--test", args.test]
    words += [
        "--min-count",
        args.min_count,
        "--out",
        args.out,
        *(["--parts", "none", "--peers", args.peers] if part == "peers" else ["--parts", part]),
    ]
    return shlex.join(map(str, words))


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = described(__doc__)
    parser.add_argument("catalog", type=Path)
    parser.add_argument(
        "--test",
        type=Path,
        help="a test catalogue; without it a part of CATALOG is kept for the test, as in shelfwise train",
    )
    parser.add_argument("--min-count", type=int, required=True, help="products a label needs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--parts",
        type=known,
        default=list(MEASURES),
        help=f"comma-separated, or none; default: {','.join(MEASURES)}",
    )
    parser.add_argument(
        "--peers", type=Path, help="the --out of benchmarks/peers/run.py on the same split"
    )
    return parser.parse_args(sys.argv[1:] if words is None else words)


def known(text: str) -> list[str]:
    """The parts named in `text`."""
    names = [] if text == "none" else text.split(",")
    if unknown := [name for name in names if name not in MEASURES]:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown)}; known: {', '.join(MEASURES)}"
        )
    return names


if __name__ == "__main__":
    main()
