"""What a product costs in `Categorizer.label`, by how many are given at a time.

python benchmarks/small_batches.py MODEL CATALOG.jsonl [--before OTHER/src] [--rounds 5] [--out FILE]

Titles and descriptions of 500 products, one thread, processor time. With `--before` another version's code
labels the same products, in processes taken in turn; ratios are of one round each, and the median and the
range of the rounds are given.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

SIZES = (1, 8, 32, 500)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

CHILD = """
import json, sys, time
from shelfwise import Categorizer
model = Categorizer.load(sys.argv[1])
products = json.loads(sys.stdin.read())
for size in (1, 8, 32):
    list(model.label(products[:size]))
found = {}
for size in map(int, sys.argv[2].split(",")):
    # as many calls as take about as long, whatever the size
    count = min(len(products), max(64, 8 * size))
    started = time.process_time()
    for first in range(0, count, size):
        list(model.label(products[first : first + size]))
    found[size] = 1000 * (time.process_time() - started) / count
print(json.dumps(found))
"""


def main() -> None:
    """Measure, print the figures as JSON, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("catalog", type=Path, help="JSON lines with titles and descriptions")
    parser.add_argument("--before", type=Path, help="folder src of another version")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    products = texts_of(args.catalog, max(SIZES))
    rounds: dict[str, list[dict[str, float]]] = {"now": [], "before": []}
    for _ in range(args.rounds):
        rounds["now"].append(measured(args.model, products, None))
        if args.before:
            rounds["before"].append(measured(args.model, products, args.before))
    found = {
        "milliseconds_a_product": {name: medians(one) for name, one in rounds.items() if one},
        "of_all_at_once": {
            name: [round(one["500"] / one["32"], 2) for one in measurements]
            for name, measurements in rounds.items()
            if measurements
        },
        "load_average": os.getloadavg()[0],
    }
    if args.before:
        pairs = list(zip(rounds["now"], rounds["before"], strict=True))
        found["now_over_before"] = {
            size: spread([now[size] / before[size] for now, before in pairs])
            for size in map(str, SIZES)
        }
    text = json.dumps(found, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n", "utf-8")


def texts_of(path: Path, count: int) -> list[dict[str, str]]:
    """Title and description of the first products that have both."""
    found: list[dict[str, str]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
                texts = {name: record[name] for name in ("title", "description")}
            except (ValueError, KeyError, TypeError):
                # a broken line is not what is measured
                continue
            if all(isinstance(text, str) for text in texts.values()) and len(found) < count:
                found.append(texts)
    return found


def measured(model: Path, products: list[dict[str, str]], source: Path | None) -> dict[str, float]:
    """Milliseconds of processor time a product, by the size of a call, in a process of its own."""
    environment = {**os.environ, **ONE_THREAD}
    if source is not None:
        environment["PYTHONPATH"] = str(source.resolve())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(model), ",".join(map(str, SIZES))],
        input=json.dumps(products),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def medians(measurements: list[dict[str, float]]) -> dict[str, float]:
    return {
        size: round(statistics.median(one[size] for one in measurements), 3)
        for size in measurements[0]
    }


def spread(ratios: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


if __name__ == "__main__":
    main()
