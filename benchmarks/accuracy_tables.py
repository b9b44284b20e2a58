"""The parts of the accuracy chapter as Markdown, and the bar chart of costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from matplotlib.figure import Figure

from shelfwise.reports.page import DASH
from shelfwise.reports.svg import themed

POINT = 0.01
"""By how much a model may be worse on products of some fields than the model of just these fields."""

F1 = ("micro-F1 tuned", "at 0.5", "macro-F1 tuned", "at 0.5")


def markdown(results: Mapping[str, Any]) -> str:
    """Every part that was measured, as a section with the command that makes it."""
    data = results["data"]
    size = (
        f"{data['labels']} labels; {data['train']:,} training and {data['test']:,} test products. "
        "F1 in percent. Decisions are at each system's own threshold, tuned on out-of-fold scores of its "
        "training products, or at 0.5. In brackets: 95 % bootstrap intervals, paired for differences."
    )
    sections = [size]
    for name, render in SECTIONS.items():
        if name in results["parts"]:
            part = results["parts"][name]
            sections.append(f"### {TITLES[name]}\n\n`{part['command']}`\n\n{render(part)}")
    return "\n\n".join(sections) + "\n"


def _ablation(part: Mapping[str, Any]) -> str:
    rows = [["the full system", *f1(part["full"]), DASH]]
    for name, row in part["rows"].items():
        rows.append(
            [name, f"not run: {row['not_run']}"]
            if "not_run" in row
            else [name, *f1(row), margin(row)]
        )
    return table(["", *F1, "minus the full system"], rows)


def _missing(part: Mapping[str, Any]) -> str:
    rows, worse, skipped = [], [], []
    for row in part["rows"]:
        name = " + ".join(row["known"]) + (
            f", and {', '.join(row['others'])}" if row["others"] else ""
        )
        if "not_run" in row:
            skipped.append(f"No model of {name}: {row['not_run']}.")
            continue
        rows.append([name, f1(row["full"])[0], f1(row["alone"])[0], margin(row["full"])])
        if row["full"]["difference"]["difference"] < -POINT:
            worse.append(name)
    verdict = f"Worse by more than a point: {'; '.join(worse) or 'none'}."
    head = [
        "given fields",
        "the full model",
        "a model trained on just these fields",
        "difference",
    ]
    return "\n\n".join([table(head, rows), " ".join([verdict, *skipped])])


def _curve(part: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{row['share']:.0%}",
            f"{row['products']:,}",
            *f1(row["full"])[:3:2],
            *f1(row["text"])[:3:2],
            margin(row["full"]),
        ]
        for row in part["rows"]
    ]
    head = [
        "of the products",
        "products",
        "the full system",
        "macro-F1",
        "text_linear, title + description",
        "macro-F1",
        "difference in micro-F1",
    ]
    return table(head, rows)


def _cost(part: Mapping[str, Any]) -> str:
    costs = {
        **part["rows"],
        "in all": {
            kind: sum(row[kind] for row in part["rows"].values()) for kind in ("seconds", "cpu")
        },
    }
    whole = costs["in all"]["cpu"]
    rows = [
        [name, f"{row['seconds']:,.0f} s", f"{row['cpu']:,.0f} s", f"{row['cpu'] / whole:.0%}"]
        for name, row in costs.items()
    ]
    return table(["", "seconds", "CPU seconds", "share"], rows)


def _peers(part: Mapping[str, Any]) -> str:
    order = sorted(part["rows"].values(), key=lambda row: -row["micro_f1_tuned"])
    rows = [["shelfwise", "all there are", *f1(part["full"]), DASH]]
    rows += [[row["title"], row["fields"], *f1(row), margin(row)] for row in order]
    return table(["system", "fields", *F1, "shelfwise minus it"], rows)


SECTIONS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "peers": _peers,
    "ablation": _ablation,
    "missing": _missing,
    "curve": _curve,
    "cost": _cost,
}
TITLES = {
    "peers": "Against what could be used instead",
    "ablation": "What each part is worth",
    "missing": "When fields are missing",
    "curve": "How many products it takes",
    "cost": "Where the time goes",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; short rows are filled up.

    >>> print(table(["a", "b"], [["x|y"]]))
    | a | b |
    |---|---|
    | x\\|y |  |
    """
    filled = [[*row, *[""] * (len(head) - len(row))] for row in rows]
    lines = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in (head, *filled)
    ]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def f1(figures: Mapping[str, Any]) -> list[str]:
    """Cells of :data:`F1`."""
    low, high = figures["micro_f1_tuned_interval"]
    return [
        f"{100 * figures['micro_f1_tuned']:.1f} ({100 * low:.1f} to {100 * high:.1f})",
        *(f"{100 * figures[name]:.1f}" for name in ("micro_f1", "macro_f1_tuned", "macro_f1")),
    ]


def margin(figures: Mapping[str, Any]) -> str:
    """A difference in tuned micro-F1, in points.

    >>> margin({"difference": {"difference": 0.012, "low": -0.001, "high": 0.02}})
    '+1.2 (-0.1 to +2.0)'
    """
    found = figures["difference"]
    return f"{100 * found['difference']:+.1f} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"


def cost_bars(part: Mapping[str, Any]) -> str:
    """CPU seconds by what they are for, as an SVG document of its own."""
    names, values = list(part["rows"]), [row["cpu"] for row in part["rows"].values()]

    def draw(file: IO[bytes]) -> None:
        figure = Figure(
            figsize=(7, 0.8 + 0.36 * len(names)), layout="constrained", facecolor="none"
        )
        axes = figure.subplots()
        axes.bar_label(axes.barh(names, values), fmt="%.0f", padding=3)
        axes.margins(x=0.1)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("CPU seconds")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})

    return themed(draw, "cost", 10.0)
