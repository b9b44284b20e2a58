"""Decisions as files: for training, for spreadsheets, for other tools, and the catalogue itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi.responses import Response

from shelfwise.catalog.corrections_file import DELIMITER
from shelfwise.catalog.written_lines import escape_formula
from shelfwise.disk.files import json_text
from shelfwise.review.database.decision_rows import Decision, Labels
from shelfwise.review.exports.catalog_export import same_catalog
from shelfwise.review.workspace import Workspace
from shelfwise.service.answers.problems import Problem


@dataclass(frozen=True)
class Export:
    """One kind of file.

    Args:
        title: on its button.
        purpose: what it is for.
        ending: of its name.
        media_type: of its content.
        write: makes the content.
    """

    title: str
    purpose: str
    ending: str
    media_type: str
    write: Callable[[Workspace], bytes]


def export(workspace: Workspace, name: str) -> Response:
    """A file to be downloaded.

    Raises:
        Problem: there is no export of that name, or the catalogue cannot be written back.
    """
    if name not in EXPORTS:
        known = ", ".join(EXPORTS)
        raise Problem(422, "unknown-format", f"the formats are {known}", field="format")
    kind = EXPORTS[name]
    content = kind.write(workspace)
    source = Path(workspace.products.catalog.source)
    # the catalogue comes back under both of its endings, .csv.gz
    packed = source.suffix if source.suffix.lower() == ".gz" else ""
    within = Path(source.name.removesuffix(packed))
    ending = within.suffix + packed if name == "catalog" else kind.ending
    filename = f"{within.stem}.reviewed{ending}"
    disposition = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
    return Response(
        content, media_type=kind.media_type, headers={"content-disposition": disposition}
    )


def decided_labels(workspace: Workspace) -> dict[str, Labels]:
    """By product, the labels it is to have: decided by people, or accepted while that is on."""
    products = workspace.products
    current = workspace.store.current()
    accepting, _ = workspace.store.acceptance()
    found: dict[str, Labels] = {}
    for row, identity in enumerate(products.ids):
        if workspace.queues.is_decided(row, current):
            found[identity] = current[identity].after
        # only while that is on: turned off, nothing is accepted without a person
        elif accepting and products.automatic[row]:
            found[identity] = products.suggestion(row)
    return found


def _people(workspace: Workspace) -> Iterator[Decision]:
    """What stands, of products that the catalogue has: what people decided, not what was accepted."""
    current = workspace.store.current()
    for row, identity in enumerate(workspace.products.ids):
        if workspace.queues.is_decided(row, current):
            yield current[identity]


def _corrections(workspace: Workspace) -> bytes:
    lines = []
    for decision in _people(workspace):
        labels = list(decision.after)
        # to train, an empty list is a decision too
        lines.append(json_text({"id": decision.product, "labels": labels}) + "\n")
    return "".join(lines).encode()


def _table(workspace: Workspace) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "labels", "before", "suggested", "reviewer", "queue", "decided_at"])
    for decision in _people(workspace):
        # in the order of the header
        sets = (decision.after, decision.before, decision.suggested)
        cells = [
            decision.product,
            *(DELIMITER.join(labels) for labels in sets),
            decision.reviewer,
            decision.reason,
            decision.decided_at,
        ]
        writer.writerow([escape_formula(cell) for cell in cells])
    return text.getvalue().encode()


def _label_studio(workspace: Workspace) -> bytes:
    """Tasks with every decision as an annotation: second opinions are kept."""
    tasks: dict[str, dict[str, object]] = {}
    annotations: dict[str, list[dict[str, object]]] = {}
    products = workspace.products
    for decision in workspace.store.all_decisions():
        row = products.row_of.get(decision.product)
        # a decision about a product that this catalogue has no more
        if row is None:
            continue
        data = {"id": decision.product, "title": products.titles[row]}
        tasks.setdefault(decision.product, {"data": data})
        annotations.setdefault(decision.product, []).append(
            {
                "result": [_choices(decision.after)],
                "completed_by": {"email": decision.reviewer},
                "created_at": decision.decided_at,
                "was_cancelled": decision.state != "decided",
            }
        )
    for opinion in workspace.opinions.all():
        # two annotations of one task are what Label Studio measures agreement by
        if opinion.product in annotations:
            annotations[opinion.product].append(
                {
                    "result": [_choices(opinion.second_labels)],
                    "completed_by": {"email": opinion.second_by},
                    "was_cancelled": False,
                }
            )
    listed = [{**task, "annotations": annotations[name]} for name, task in tasks.items()]
    return json_text(listed).encode()


def _choices(labels: Labels) -> dict[str, object]:
    value = {"choices": list(labels)}
    return {"from_name": "labels", "to_name": "title", "type": "choices", "value": value}


def _history(workspace: Workspace) -> bytes:
    rows = [json_text(asdict(row)) + "\n" for row in workspace.store.all_decisions()]
    return "".join(rows).encode()


def _catalog(workspace: Workspace) -> bytes:
    return same_catalog(workspace.products, decided_labels(workspace))


EXPORTS = {
    "catalog": Export(
        "The catalogue",
        "the same file, with only the category column changed",
        "",
        "application/octet-stream",
        _catalog,
    ),
    "jsonl": Export(
        "For training",
        "give it to shelfwise train --corrections",
        ".jsonl",
        "application/x-ndjson",
        _corrections,
    ),
    "csv": Export("Table", "for a spreadsheet; no cell is a formula", ".csv", "text/csv", _table),
    "labelstudio": Export(
        "Label Studio",
        "tasks with every decision, second opinions too",
        ".json",
        "application/json",
        _label_studio,
    ),
    "history": Export(
        "All rows",
        "undone ones too, with who, when and which model",
        ".jsonl",
        "application/x-ndjson",
        _history,
    ),
}
"""By the name in the address."""
