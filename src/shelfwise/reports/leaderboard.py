"""The leaderboard of a comparison: which system is worth its cost, as data, Markdown and one web page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from markupsafe import Markup

from shelfwise.disk.files import write_text_atomically
from shelfwise.reports.page import DASH, Json, duration, percent, tuning_source, write_page
from shelfwise.reports.paper_tables import markdown, product_counts
from shelfwise.reports.plots import LINE_HEIGHT, SMALL_TEXT, shorten, spread_out
from shelfwise.reports.svg import MAIN, SOFT, new_figure, save_svg, themed

COLUMNS = (
    "system",
    "micro-F1 tuned",
    "at 0.5",
    "macro-F1 tuned",
    "below the best",
    "to fit",
    "products / s",
    "memory",
    "size",
    "pre-trained parts",
)


PLOT_HEIGHT = 170.0
"""Distance between the worst and the best system in the drawing, in points."""


def write_leaderboard(results: Json, folder: Path) -> None:
    """Write ``results.json``, ``leaderboard.md`` and ``index.html`` into `folder`."""
    text = json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False)
    # data first: should the page fail, only the page is lost
    write_text_atomically(folder / "results.json", text)
    write_text_atomically(folder / "leaderboard.md", leaderboard_markdown(results))
    systems = results["systems"]
    rows = {name: systems[name] for name in results["leaderboard"]}
    f1 = [row["micro_f1"] for row in rows.values()]
    view = {
        "results": results,
        "rows": rows,
        "not_run": _not_run(results),
        "best": max(f1, default=0.0),
        "plot": _pareto_plot(rows),
        "unbeaten": sum(row["pareto"] for row in rows.values()),
        "pretrained": _users_of_parts(rows),
        # systems that share a part have the same note
        "stand_ins": list(
            dict.fromkeys(note for row in rows.values() for note in row["stand_ins"])
        ),
        "tuned_on": tuning_source(results["data"]),
        "size": size,
        "settings": json.dumps(results["settings"], indent=2, ensure_ascii=False),
    }
    write_page("compare.html.j2", view, folder)


def leaderboard_markdown(results: Json) -> str:
    """The leaderboard as a Markdown table, with the systems that were not run below it."""
    data = results["data"]
    systems = results["systems"]
    rows = [_cells(name, systems[name]) for name in results["leaderboard"]]
    blocks = [
        f"{product_counts(data)}; {data['labels']} labels.",
        markdown(COLUMNS, rows),
    ]
    missing = [f"- {name}: {reason}" for name, reason in _not_run(results).items()]
    if missing:
        blocks.append("Not run:")
        blocks.append("\n".join(missing))
    notes = [f"- {note}" for note in results["notes"]]
    blocks.append("\n".join([*_left_out_lines(results), *_similar_lines(results), *notes]))
    text = "\n\n".join(blocks) + "\n"
    # Markdown lets HTML through; there is none of our own
    return text.replace("<", "&lt;")


def size(count: float | None) -> str:
    """Bytes in words.

    >>> size(812), size(1.53e6), size(None)
    ('812 B', '1.5 MB', '–')
    """
    if count is None:
        return DASH
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB"):
        count /= 1000
        # two digits are enough, and a small number needs the one after the point
        if count < 10:
            return f"{count:.1f} {unit}"
        if count < 1000:
            return f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} GB"


def _not_run(results: Json) -> dict[str, str]:
    """The reason of every system that was not run."""
    systems = results["systems"].items()
    return {name: system["not_run"] for name, system in systems if "not_run" in system}


def _users_of_parts(rows: Mapping[str, Json]) -> dict[str, list[str]]:
    """Each pre-trained part, and the systems that use it."""
    users: dict[str, list[str]] = {}
    for name, row in rows.items():
        for part in row["weights"]:
            users.setdefault(part, []).append(name)
    return users


def _left_out_lines(results: Json) -> list[str]:
    """What could not be read or used, as lines of Markdown; none where there is nothing."""
    lines = []
    for name, count in results["data"]["quarantined"].items():
        if count:
            file = "quarantine.jsonl" if name == "catalog" else f"quarantine.{name}.jsonl"
            lines.append(f"- {count:,} records of the {name} could not be read: {file}.")
    for part, listed in results.get("refused", {}).items():
        if listed:
            lines.append(
                f"- {len(listed):,} fields of {part} products could not be used: refused.jsonl."
            )
    return lines


def _similar_lines(results: Json) -> list[str]:
    """How well similar products are found, as a line of Markdown; none where that was not measured."""
    figures = results.get("similar") or {}
    if not figures.get("products"):
        return []
    shares = [f"{name} {percent(share)} %" for name, share in figures.items() if "@" in name]
    return [
        f"- Similar products, by the features of {results['decide_with']}: {', '.join(shares)}."
    ]


def _cells(name: str, row: Json) -> list[str]:
    """One row of the Markdown table; a star marks a system that no other beats in F1 and in time to fit."""
    versus = row["versus_best"]
    # the best itself is compared with nothing
    below = ""
    if versus is not None:
        # turned round: how far below the best, so the interval's ends change places
        below = percent(0 - versus["difference"]) + _range((-versus["high"], -versus["low"]))
    return [
        name + (" *" if row["pareto"] else ""),
        percent(row["micro_f1_tuned"]) + _range(row["micro_f1_tuned_interval"]),
        percent(row["micro_f1"]),
        percent(row["macro_f1_tuned"]) + _range(row["macro_f1_tuned_interval"]),
        below,
        duration(row["seconds_fit"]),
        f"{row['products_per_second']:,.0f}",
        size(row["peak_memory"]),
        size(row["size"]),
        "; ".join([*row["weights"], *row["stand_ins"]]) or "none",
    ]


def _range(interval: Sequence[float] | None) -> str:
    """An interval in brackets; nothing where there is none."""
    return f" ({percent(interval[0])}{DASH}{percent(interval[1])})" if interval else ""


def _pareto_plot(rows: Mapping[str, Json]) -> Markup | None:
    """The systems by cost and F1, as an element of a page; None where none ran."""
    if not rows:
        return None
    plot = themed(partial(_draw_pareto, rows), "pareto", 10.0)
    return Markup(plot)  # nosec B704 # SVG that matplotlib has escaped


def _draw_pareto(rows: Mapping[str, Json], file: IO[bytes]) -> None:
    """F1 by seconds to fit (log scale). A line joins the systems that no other beats in both, with names."""
    figure, axes = new_figure(3.6)
    # a logarithm needs more than 0 seconds
    seconds = np.maximum([row["seconds_fit"] for row in rows.values()], 1e-2)
    f1 = np.array([row["micro_f1_tuned"] for row in rows.values()]) * 100
    best = np.array([row["pareto"] for row in rows.values()])
    axes.scatter(seconds[~best], f1[~best], s=24, c=SOFT, linewidths=0)
    # the line goes from the quickest system to the slowest
    quickest_first = np.argsort(seconds[best], kind="stable")
    order = np.flatnonzero(best)[quickest_first]
    line: dict[str, Any] = {
        "color": MAIN,
        "markersize": 5,
        "linewidth": 1,
        "drawstyle": "steps-post",
    }
    axes.plot(seconds[order], f1[order], "-o", **line)
    # a dollar sign would begin a formula, which the axis needs and a name must not
    names = [shorten(name).replace("$", r"\$") for name in rows]
    heights = f1[order] * PLOT_HEIGHT / max(np.ptp(f1), 1e-9)
    for row, height, free in zip(order, heights, spread_out(heights, LINE_HEIGHT), strict=True):
        # up and to the left of a system on the line, where no other can be
        axes.annotate(
            names[row],
            (seconds[row], f1[row]),
            xytext=(-4, 4 + free - height),
            textcoords="offset points",
            ha="right",
            fontsize=SMALL_TEXT,
        )
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds to fit (log scale)")
    axes.set_ylabel("micro-F1 at the tuned threshold, %")
    axes.grid()
    save_svg(figure, file)
