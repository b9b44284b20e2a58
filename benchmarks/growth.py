"""How time and memory grow with products, labels and members: python benchmarks/growth.py [--scale S]

At scale 1 to 1,000,000 products, 10,000 labels and 5 members. Each point is one run of ours in a process of its own: decisions,
thresholds and ranking of counting.py, fusion of fusing.py; where one dimension grows, the others stay at 20,000 products, 100 labels
and 3 members.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from timing import parser, run_child, write

HERE = Path(__file__).parent
PRODUCTS, LABELS, MEMBERS = (1_000, 10_000, 100_000, 1_000_000), (100, 1_000, 10_000), (1, 2, 3, 5)
BASE = {"products": 20_000, "labels": 100, "members": 3}
MOST_RIDGE_LABELS = 1_000
"""A ridge solves for (members x labels)^2 numbers: 10,000 labels would take terabytes of arithmetic."""


def main() -> None:
    """Read the command line, measure, print."""
    args = parser(__doc__, scale=0.02, repeats=1).parse_args()
    runs: dict[str, list[dict[str, Any]]] = {}
    for dimension, sizes in (("products", PRODUCTS), ("labels", LABELS), ("members", MEMBERS)):
        full = max(sizes)
        for size in sizes if dimension == "members" else [n for n in sizes if n <= max(full * args.scale, min(sizes))]:
            point = {**BASE, dimension: size}
            for name, found in measure(point, args).items():
                runs.setdefault(f"{name}, {size:,} {dimension}", []).append(found)
    write("growth", args, runs, {})


def measure(point: dict[str, int], args: Any) -> dict[str, dict[str, Any]]:
    """Figures of both benchmarks at one point."""
    counting = ["counting.py", "shelfwise", point["products"] / 1_000_000, "--labels", point["labels"]]
    found = {"counting": counting}
    if point["labels"] <= MOST_RIDGE_LABELS:
        for policy in ("ridge", "policy"):
            more = ["--labels", point["labels"], "--members", point["members"]]
            found[policy] = ["fusing.py", f"ours-{policy}", point["products"] / 1_000_000, *more]
    return {name: once(args, *given) for name, given in found.items()}


def once(args: Any, script: str, system: str, scale: float, *further: Any) -> dict[str, Any]:
    command = [sys.executable, HERE / script, "--child", system, "--scale", scale, "--threads", args.threads, *further]
    return run_child([str(part) for part in command], args.threads, minutes=60)


if __name__ == "__main__":
    main()
