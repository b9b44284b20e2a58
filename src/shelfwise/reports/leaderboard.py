"""The leaderboard of a comparison: which system is worth its cost, as data, Markdown and one web page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from shelfwise.reports import plots
from shelfwise.reports.page import DASH, duration, percent, write_page

Json = Mapping[str, Any]


def write_leaderboard(results: Json, folder: Path) -> None:
    """Write ``results.json``, ``leaderboard.md`` and ``index.html`` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(
        json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False), "utf-8"
    )
    (folder / "leaderboard.md").write_text(leaderboard_markdown(results), "utf-8")
    rows = {name: results["systems"][name] for name in results["leaderboard"]}
    view = {
        "results": results,
        "rows": rows,
        "not_run": {
            name: system["not_run"] for name, system in results["systems"].items() if "not_run" in system
        },
        "best": max((row["micro_f1"] for row in rows.values()), default=0.0),
        "plot": Markup(plots.themed(partial(_draw_pareto, rows), "pareto", 10.0)) if rows else None,
        "size": size,
        "settings": json.dumps(results["settings"], indent=2, ensure_ascii=False),
    }
    write_page("compare.html.j2", view, folder)


def leaderboard_markdown(results: Json) -> str:
    """The leaderboard as a Markdown table, with the systems that were not run below it."""
    data = results["data"]
    head = (
        "system",
        "micro-F1 tuned",
        "at 0.5",
        "macro-F1 tuned",
        "below the best",
        "to fit",
        "products / s",
        "memory",
        "size",
        "weights",
    )
    lines = [
        f"{data['train']} products to learn from, {data['validation']} to tune on, {data['test']} to test on; {data['labels']} labels.\n",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    lines += [
        "| " + " | ".join(_cells(name, results["systems"][name])) + " |" for name in results["leaderboard"]
    ]
    missing = [
        f"- {name}: {system['not_run']}" for name, system in results["systems"].items() if "not_run" in system
    ]
    notes = "\n".join([*_similar(results), *(f"- {note}" for note in results["notes"])])
    text = (
        "\n".join(lines)
        + "\n"
        + ("\nNot run:\n\n" + "\n".join(missing) + "\n" if missing else "")
        + f"\n{notes}\n"
    )
    return text.replace("<", "&lt;")  # Markdown lets HTML through; there is none of our own


def size(count: float | None) -> str:
    """Bytes in words.

    >>> size(812), size(1.53e6), size(None)
    ('812 B', '1.5 MB', '–')
    """
    if count is None:
        return DASH
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _similar(results: Json) -> list[str]:
    """How well similar products are found, as a line of Markdown; none where that was not measured."""
    figures = results.get("similar") or {}
    if not figures.get("products"):
        return []
    shares = (f"{name} {percent(share)} %" for name, share in figures.items() if "@" in name)
    return [f"- Similar products, by the features of {results['decide_with']}: {', '.join(shares)}."]


def _cells(name: str, row: Json) -> list[str]:
    low_high = row["micro_f1_tuned_interval"]
    interval = f" ({percent(low_high[0])}{DASH}{percent(low_high[1])})" if low_high else ""
    versus = row["versus_best"]
    below = (
        ""
        if versus is None
        else f"{percent(-versus['difference'])} ({percent(-versus['high'])}{DASH}{percent(-versus['low'])})"
    )
    weights = "; ".join([*row["weights"], *row["stand_ins"]]) or "none"
    return [
        name.replace("|", "\\|") + (" *" if row["pareto"] else ""),
        percent(row["micro_f1_tuned"]) + interval,
        percent(row["micro_f1"]),
        percent(row["macro_f1_tuned"]),
        below,
        duration(row["seconds_fit"]),
        f"{row['products_per_second']:,.0f}",
        size(row["peak_memory"]),
        size(row["size"]),
        weights.replace("|", "\\|"),
    ]


def _draw_pareto(rows: Mapping[str, Json], file: IO[bytes]) -> None:
    """F1 against the seconds it takes to fit (log scale); the systems that nothing beats in both are joined and named."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained", facecolor="none")
    axes = figure.subplots()
    seconds = np.maximum([row["seconds_fit"] for row in rows.values()], 1e-2)
    f1 = np.array([row["micro_f1_tuned"] for row in rows.values()]) * 100
    best = np.array([row["pareto"] for row in rows.values()])
    axes.scatter(seconds[~best], f1[~best], s=24, c=plots.SOFT, linewidths=0)
    order = np.flatnonzero(best)[np.argsort(seconds[best], kind="stable")]
    axes.plot(
        seconds[order], f1[order], "-o", color=plots.MAIN, markersize=5, linewidth=1, drawstyle="steps-post"
    )
    names = [plots.shorten(name).replace("$", r"\$") for name in rows]
    for i in order:
        axes.annotate(
            names[i], (seconds[i], f1[i]), (-4, 4), textcoords="offset points", fontsize=8, ha="right"
        )  # where nothing can be
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds to fit (log scale)")
    axes.set_ylabel("micro-F1 at the tuned threshold, %")
    axes.grid()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
