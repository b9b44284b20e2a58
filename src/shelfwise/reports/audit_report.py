"""What an audit found, as files: a page to look at, and two tables of the same lines to be filled in."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shelfwise.catalog.corrections_file import DELIMITER, escape_formula
from shelfwise.reports.page import Pictures, thumbnail, write_page

Json = Mapping[str, Any]

SHOWN = 100
"""Products on the page; the tables have all."""

SMALL = 120
"""Longest side of a neighbour's picture, in pixels."""

COLUMNS = ("id", "title", "suspicion", "given", "add", "remove", "suggested", "decision", "labels")


def write_findings(
    summary: Json, findings: Sequence[Json], folder: Path, pictures: Pictures
) -> dict[str, str]:
    """Write ``audit.jsonl``, ``audit.csv`` and ``index.html`` into `folder` (made if need be).

    Args:
        summary: what :func:`shelfwise.commands.audit.audit_catalog` counts.
        findings: the listed products, most suspicious first: id, title, suspicion, given, suggested, add, remove, evidence
            by label, and a decision that is None until a person has made it.
        pictures: from a product's id to its picture's file, or None.

    Returns:
        Where they are: "corrections", "table" and "page".
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines, table = folder / "audit.jsonl", folder / "audit.csv"
    lines.write_text("".join(json.dumps(finding, ensure_ascii=False) + "\n" for finding in findings), "utf-8")
    with table.open(
        "w", encoding="utf-8-sig", newline=""
    ) as file:  # the mark tells spreadsheets that it is UTF-8
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({name: _cell(finding.get(name)) for name in COLUMNS} for finding in findings)
    view = {
        "summary": summary,
        "findings": [_view(finding, pictures) for finding in findings[:SHOWN]],
        "listed": len(findings),
    }
    return {
        "corrections": str(lines),
        "table": str(table),
        "page": str(write_page("audit.html.j2", view, folder)),
    }


def _cell(value: Any) -> Any:
    """Labels as text, JSON where a name holds the separator; numbers short; texts so that no spreadsheet runs them."""
    if isinstance(value, list):
        plain = not any(DELIMITER in name or name.startswith("[") for name in value)
        return (
            escape_formula(f" {DELIMITER} ".join(value)) if plain else json.dumps(value, ensure_ascii=False)
        )
    if isinstance(value, str):
        return escape_formula(value)
    return f"{value:.4f}" if isinstance(value, float) else value


def _view(finding: Json, pictures: Pictures) -> dict[str, Any]:
    """One product as the page shows it: its picture, a row a doubtful label, and the neighbours that speak for the change."""
    evidence = finding["evidence"]
    members = list(dict.fromkeys(name for e in evidence.values() for name in e["members"]))
    near = {other["id"]: other for e in evidence.values() for other in (e["near"] or {}).get("shown", ())}
    return {
        **finding,
        "members": members,
        "kept": [name for name in finding["given"] if name not in set(finding["remove"])],
        "picture": thumbnail(pictures(finding["id"])),
        "near": [
            {**other, "picture": thumbnail(pictures(other["id"]), SMALL)} for other in list(near.values())[:3]
        ],
    }
