"""Labelling by `label`, with its own workers and with Ray's, and by one process of `predict`.

    shelfwise sample --products 50000 --no-images --out SAMPLE
    shelfwise ingest SAMPLE/catalog.jsonl --out SHARDS
    python benchmarks/labelling.py MODEL SAMPLE/catalog.jsonl SHARDS FOLDER --rounds 2

Products a second, without what a command takes to start: of `label` from its first finished part to its last
one, of `predict` what the whole file takes longer than its first 2,000 lines. The three take turns. The parts
of both engines are compared, byte by byte.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from itertools import islice
from pathlib import Path

WORKERS = 2
TOP = 10
FIRST_LINES = 2000


def main() -> None:
    """Measure, and print a table and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("catalog", type=Path, help="the products of the shards, as JSON lines")
    parser.add_argument("shards", type=Path)
    parser.add_argument("folder", type=Path, help="where the labels go")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(args.rounds):
        for engine in ("local", "ray"):
            out = args.folder / engine
            shutil.rmtree(out, ignore_errors=True)
            rates[engine].append(label_rate(args.model, args.shards, out, engine))
        rates["predict"].append(predict_rate(args.model, args.catalog, args.folder))
        print(
            {name: [round(rate) for rate in values] for name, values in rates.items()}, flush=True
        )
    refuse_different_parts(args.folder / "local", args.folder / "ray")
    median = {name: statistics.median(values) for name, values in rates.items()}
    print("| | products a second |\n|---|---|")
    for name, rate in median.items():
        print(f"| {name} | {rate:,.0f} |")
    print(f"local / predict: {median['local'] / median['predict']:.2f}")
    print(f"ray / local: {median['ray'] / median['local']:.2f}")


def label_rate(model: Path, shards: Path, out: Path, engine: str) -> float:
    """Products a second between the first and the last finished part."""
    run(
        "label", model, shards, "--out", out, "--engine", engine, "--workers", WORKERS, "--top", TOP
    )
    finished = []
    for entry in (out / "ledger").glob("*.json"):
        rows = json.loads(entry.read_text("utf-8"))["rows"]
        finished.append((entry.stat().st_mtime, rows))
    finished.sort()
    # those of the first part were labelled before the clock starts
    rows = sum(rows for _, rows in finished[1:])
    return float(rows / (finished[-1][0] - finished[0][0]))


def predict_rate(model: Path, catalog: Path, folder: Path) -> float:
    """Products a second beyond the first of the file."""
    first = folder / "first.jsonl"
    with catalog.open("rb") as lines:
        first.write_bytes(b"".join(islice(lines, FIRST_LINES)))
        further = sum(1 for _ in lines)
    seconds = []
    for part in (first, catalog):
        started = time.monotonic()
        run("predict", model, part, "--out", folder / "predictions.jsonl", "--top", TOP)
        seconds.append(time.monotonic() - started)
    return further / (seconds[1] - seconds[0])


def refuse_different_parts(one: Path, other: Path) -> None:
    """Fail where the parts of two runs are not the same bytes."""
    names = sorted(path.name for path in one.glob("part-*"))
    same, different, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    assert names, "no part was written"
    assert same == names, f"different parts: {different + missing}"
    print(f"{len(same)} parts, the same bytes from both engines")


def run(*words: object) -> None:
    """Run a command of shelfwise to its end."""
    command = [sys.executable, "-m", "shelfwise", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
