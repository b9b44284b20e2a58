"""What an audit found, as files: a page to look at, and two tables of the same lines to be filled in."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shelfwise.catalog.corrections_file import DELIMITER
from shelfwise.catalog.written_lines import escape_formula
from shelfwise.disk.files import json_text, replacing, write_json_lines
from shelfwise.reports.page import ImageLookup, Json, thumbnail, write_page

NEAR_COPIES = "near_copies.jsonl"
"""Groups of near-copies whose labels differ, one a line."""

MAX_PRODUCTS = 100
"""Products on the page; the tables have all."""

MAX_GROUPS = 50
"""Groups of near-copies on the page."""

MAX_COPIES = 12
"""Products of a group on the page."""

NEIGHBOUR_SIZE = 120
"""Longest side of a neighbour's image, in pixels."""

MAX_NEIGHBOURS = 3
"""Neighbours shown with a product."""

COLUMNS = ("id", "title", "suspicion", "given", "add", "remove", "suggested", "decision", "labels")


def write_findings(
    summary: Json,
    findings: Sequence[Json],
    copies: Sequence[Json],
    folder: Path,
    images: ImageLookup,
) -> dict[str, str]:
    """Write the tables, the list of near-copies and the page into `folder` (made if need be).

    Args:
        summary: what :func:`shelfwise.commands.audit.audit_catalog` counts.
        findings: the listed products, most suspicious first: id, title, suspicion, given, suggested, add,
            remove, evidence by label, and a decision that is None until a person has made it.
        copies: groups of near-copies that have different labels.
        images: from a product's id to its image, or None.

    Returns:
        Where they are: "corrections", "table", "near_copies" and "page".
    """
    # both files hold the same lines, and one of them is filled in
    lines = folder / "audit.jsonl"
    write_json_lines(lines, findings)
    table = folder / "audit.csv"
    _write_table(table, findings)
    near_copies = folder / NEAR_COPIES
    write_json_lines(near_copies, copies)
    view = {
        "summary": summary,
        "copies": [_copies_view(group, images) for group in copies[:MAX_GROUPS]],
        # the page shows the first ones, as it holds their images; the files have all
        "findings": [_finding_view(finding, images) for finding in findings[:MAX_PRODUCTS]],
        "listed": len(findings),
    }
    page = write_page("audit.html.j2", view, folder)
    return {
        "corrections": str(lines),
        "table": str(table),
        "near_copies": str(near_copies),
        "page": str(page),
    }


def _write_table(path: Path, findings: Sequence[Json]) -> None:
    # the byte order mark of utf-8-sig tells spreadsheets that the file is UTF-8
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for finding in findings:
            row = {name: _table_cell(finding.get(name)) for name in COLUMNS}
            writer.writerow(row)


def _table_cell(value: Any) -> Any:
    """One value as a spreadsheet may show it.

    Labels are text, or JSON where a name holds the separator. No text can run as a formula.
    """
    if isinstance(value, list):
        # joined, such names would be read back as other labels
        if any(DELIMITER in name or name.startswith("[") for name in value):
            return json_text(value)
        return escape_formula(f" {DELIMITER} ".join(value))
    if isinstance(value, str):
        return escape_formula(value)
    if isinstance(value, float):
        return f"{value:.4f}"
    return value


def _finding_view(finding: Json, images: ImageLookup) -> dict[str, Any]:
    """One product as the page shows it: image, doubtful labels, and neighbours that support the change."""
    members: dict[str, None] = {}
    neighbours: dict[str, Json] = {}
    for evidence in finding["evidence"].values():
        members |= dict.fromkeys(evidence["members"])
        near = evidence["near"] or {}
        # a neighbour may support several changes and is shown once
        neighbours |= {other["id"]: other for other in near.get("shown", ())}
    shown = []
    for other in list(neighbours.values())[:MAX_NEIGHBOURS]:
        image = thumbnail(images(other["id"]), NEIGHBOUR_SIZE)
        shown.append({**other, "thumbnail": image})
    # what stays after the suggested change
    removed = set(finding["remove"])
    kept = [name for name in finding["given"] if name not in removed]
    return {
        **finding,
        "members": list(members),
        "kept": kept,
        "thumbnail": thumbnail(images(finding["id"])),
        "near": shown,
    }


def _copies_view(group: Json, images: ImageLookup) -> dict[str, Any]:
    """A group of near-copies as the page shows it; those that differ from most come first."""
    products = sorted(group["products"], key=lambda product: not product["differs_from_most"])
    shown = []
    for product in products[:MAX_COPIES]:
        image = thumbnail(images(product["id"]), NEIGHBOUR_SIZE)
        shown.append({**product, "thumbnail": image})
    return {**group, "products": shown, "hidden": len(products) - len(shown)}
