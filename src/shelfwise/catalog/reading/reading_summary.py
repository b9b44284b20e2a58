"""How a file was read, in words: which column is which field and why, and the first products."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.column_mapping import normal_name
from shelfwise.catalog.reading.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.config import Config

MAX_SHOWN = 5
"""Products shown, as the model will see them."""

MAX_REASONS = 5
"""Reasons told why records were set aside, the commonest."""


def summarize_reading(read: ReadResult, config: Config) -> dict[str, Any]:
    """What a person checks before training.

    Args:
        read: the file as it was read.
        config: tells which columns were named in the settings, and how paths become labels.

    Returns:
        format, encoding and delimiter of the file; records, accepted, quarantined and reasons (kind ->
        number); columns (field -> column), fields (field, column and why), passed_over (column and why),
        evidence, notes, and first_products.
    """
    reasons = Counter(record.kind for record in read.quarantine)
    return {
        "format": read.format,
        "encoding": read.encoding,
        "delimiter": read.delimiter,
        "records": read.records,
        "accepted": len(read.catalog),
        "quarantined": len(read.quarantine),
        "reasons": dict(reasons.most_common()),
        "columns": dict(read.reading.columns),
        "fields": _fields(read, config),
        "passed_over": _passed_over(read),
        "evidence": list(read.reading.evidence),
        "notes": dict(read.notes),
        "first_products": _first_products(read, config),
    }


def reading_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`summarize_reading` returns, as lines for a terminal."""
    yield f"{found['records']} records: {found['accepted']} accepted, {found['quarantined']} quarantined"
    for reason, count in list(found["reasons"].items())[:MAX_REASONS]:
        yield f"  {count} x {reason}"
    yield _file_line(found)
    for field in found["fields"]:
        yield f"  {field['field']} = {field['column']}: {field['why']}"
    for sentence in found["evidence"]:
        yield f"  {sentence}"
    for column in found["passed_over"]:
        yield f"  passed over: {column['column']}: {column['why']}"
    for note, count in found["notes"].items():
        yield f"note: {count} x {note}"
    yield f"the first {len(found['first_products'])} products:"
    for product in found["first_products"]:
        labels = ", ".join(product["labels"]) or "(no labels)"
        yield f"  {product['id']}  {product['title'] or '(no title)'}  [{labels}]"


def _file_line(found: Mapping[str, Any]) -> str:
    parts = [f"read as {found['format']}"]
    if found["encoding"] is not None:
        parts.append(f"encoding {found['encoding']}")
    if found["delimiter"] is not None:
        parts.append(f"separator {json.dumps(found['delimiter'])}")
    return ", ".join(parts)


def _fields(read: ReadResult, config: Config) -> list[dict[str, str]]:
    """Each field with its column, and why it is that one."""
    combined = read.reading.category_columns
    fields = []
    for field, column in read.reading.columns.items():
        # several columns make up the categories, and not the one that has the name
        if field == "categories" and combined is not None:
            continue
        why = "its name is usual for this field"
        if config.catalog.columns.get(field) == column:
            why = "named in the settings"
        fields.append({"field": field, "column": column, "why": why})
    if combined is not None:
        kinds = {"levels": "the levels of one path", "indicators": "one label a column of 0 and 1"}
        names = ", ".join(combined.names)
        fields.append({"field": "categories", "column": names, "why": kinds[combined.kind]})
    return fields


def _passed_over(read: ReadResult) -> list[dict[str, str]]:
    """Columns that are none of the fields, and why."""
    chosen = read.reading.columns
    combined = read.reading.category_columns
    used = set(chosen.values())
    used.update(combined.names if combined is not None else ())
    fields_of = {synonym: field for field, names in SYNONYMS.items() for synonym in names}
    passed_over = []
    for name in read.reading.names:
        if name in used:
            continue
        why = "kept as a column of its own; no field has this name"
        rival = fields_of.get(normal_name(name))
        if rival is not None:
            winner = chosen.get(rival)
            if rival == "categories" and combined is not None:
                winner = ", ".join(combined.names)
            why = f"could be {rival} too; {winner} comes first; to take this one: " + _line(
                rival, name
            )
        passed_over.append({"column": name, "why": why})
    return passed_over


def _line(field: str, column: str) -> str:
    """The line of a settings file that takes this column."""
    return f"columns = {{ {field} = {json.dumps(column, ensure_ascii=False)} }}"


def _first_products(read: ReadResult, config: Config) -> list[dict[str, Any]]:
    """The first products as a model will see them."""
    part = read.catalog.take(range(min(MAX_SHOWN, len(read.catalog))))
    columns = [part.column(name) for name in ("title", "categories", "image")]
    shown = []
    for identity, title, categories, image in zip(part.ids, *columns, strict=True):
        labels = sorted(flatten(categories, config.labels.mode))
        shown.append({"id": identity, "title": title, "labels": labels, "image": image})
    return shown
