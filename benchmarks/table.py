"""The table of the paper's systems: python benchmarks/table.py NAME=MODEL ... (`shelfwise train` folders)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shelfwise.reports.paper_tables import TABLE_1, TABLE_3

ROWS = [*TABLE_1, *TABLE_3]


def main() -> None:
    """Print micro-F1 at 0.5 / tuned of every system, one column a run, beside the paper's own figures."""
    runs = dict(argument.split("=", 1) for argument in sys.argv[1:])
    results = {
        name: json.loads(Path(folder, "report", "results.json").read_text("utf-8"))
        for name, folder in runs.items()
    }
    print("| system | " + " | ".join(f"`{name}`" for name in runs) + " | the paper, on Amazon |")
    print("|---|" + "---|" * (len(runs) + 1))
    for row in ROWS:
        cells = [
            cell(result["systems"].get(row, {"not_run": "not in this preset"}))
            for result in results.values()
        ]
        print(f"| {row} | " + " | ".join(cells) + f" | {({**TABLE_1, **TABLE_3})[row]} |")
    print(
        "| minutes, all in all | "
        + " | ".join(f"{result['seconds'] / 60:.1f}" for result in results.values())
        + " | |"
    )


def cell(system: dict[str, object]) -> str:
    """Micro-F1 at 0.5 / tuned, in percent."""
    if "not_run" in system:
        return f"not run: {system['not_run']}"
    return f"{100 * float(str(system['micro_f1'])):.1f} / {100 * float(str(system['micro_f1_tuned'])):.1f}"


if __name__ == "__main__":
    main()
