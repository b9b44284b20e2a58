"""How a file was read, in words: which column is which field and why, and the first products."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.columns.rival_columns import how_to_take
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.reader import CatalogStream, ReadResult
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.counted import counted

MAX_SHOWN = 5
"""Products shown, as the model will see them."""

MAX_REASONS = 5
"""Reasons told why records were set aside, the commonest."""

MAX_NAMES = 20
"""Further columns listed on a terminal."""

USUAL = "its name is usual for this field"
"""Why most columns are the fields that they are."""

NO_NAME = "(no name)"
"""A column without a name, such as the index that pandas writes."""

SEVERAL = {
    "levels": "the levels of one path",
    "labels": "one label a column",
    "indicators": "one label a column of 0 and 1",
    "paths": "one path a column",
    "growing": "the path down to each level",
}
"""What several columns are that make up the categories, by the kind of their combination."""


@dataclass(frozen=True)
class ReadFacts:
    """What is told of a file that was read, in one piece or as a stream.

    Args:
        accepted: number of products.
        refused: kind of fault -> number of records.
        first: the first products, :data:`MAX_SHOWN` of them or more where there are so many.
        format, encoding, delimiter, notes, reading: as in
            :class:`~shelfwise.catalog.reading.reader.ReadResult`.
    """

    accepted: int
    refused: Mapping[str, int]
    first: Catalog
    format: str
    encoding: str | None
    delimiter: str | None
    notes: Mapping[str, int]
    reading: FileReading

    @classmethod
    def of(cls, read: ReadResult) -> ReadFacts:
        """Those of a file that was read in one piece."""
        return cls(
            accepted=len(read.catalog),
            refused=Counter(record.kind for record in read.quarantine),
            first=read.catalog.take(range(min(MAX_SHOWN, len(read.catalog)))),
            format=read.format,
            encoding=read.encoding,
            delimiter=read.delimiter,
            notes=read.notes,
            reading=read.reading,
        )

    @classmethod
    def of_stream(cls, stream: CatalogStream, first: Catalog) -> ReadFacts:
        """Those of a stream that has come to its end."""
        return cls(
            accepted=stream.accepted,
            refused=stream.refused,
            first=first,
            format=stream.source.name,
            encoding=stream.source.encoding,
            # tables only
            delimiter=getattr(stream.source.form, "delimiter", None),
            notes=stream.notes,
            reading=stream.reading,
        )


def summarize_reading(read: ReadFacts, config: Config) -> dict[str, Any]:
    """What a person checks before training.

    Args:
        read: the file as it was read.
        config: tells which columns were named in the settings, and how paths become labels.

    Returns:
        format, encoding and delimiter of the file; records, accepted, quarantined and reasons (kind ->
        number); columns (field -> column), fields (field, column and why); rivals (column and why), those
        that could be a field, too; further, the other columns; evidence, notes, and first_products.
    """
    refused = Counter(read.refused)
    return {
        "format": read.format,
        "encoding": read.encoding,
        "delimiter": read.delimiter,
        "records": read.accepted + refused.total(),
        "accepted": read.accepted,
        "quarantined": refused.total(),
        "reasons": dict(refused.most_common()),
        "columns": dict(read.reading.columns),
        "fields": _fields(read, config),
        "rivals": _rivals(read),
        "further": _further(read),
        "evidence": list(read.reading.evidence),
        "notes": dict(read.notes),
        "first_products": _first_products(read, config),
    }


def reading_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`summarize_reading` returns, as lines for a terminal."""
    records = counted(found["records"], "record")
    yield f"{records}: {found['accepted']:,} accepted, {found['quarantined']:,} quarantined"
    for reason, count in list(found["reasons"].items())[:MAX_REASONS]:
        yield f"  {count} x {reason}"
    yield _file_line(found)
    yield "fields and their columns:"
    for field in found["fields"]:
        # several columns have a sentence of their own below
        if field["why"] in SEVERAL.values():
            continue
        # the usual case needs no words
        why = "" if field["why"] == USUAL else f": {field['why']}"
        yield f"  {field['field']} = {field['column']}{why}"
    for sentence in found["evidence"]:
        yield f"  {sentence}"
    for column in found["rivals"]:
        yield f"  not taken: {column['column']}: {column['why']}"
    if found["further"]:
        yield f"  kept as further columns: {_listed(found['further'])}"
    for note, count in found["notes"].items():
        yield f"note: {count} x {note}"
    shown = len(found["first_products"])
    yield f"the first {shown} products:" if shown != 1 else "the first product:"
    for product in found["first_products"]:
        labels = f"[{', '.join(product['labels'])}]" if product["labels"] else "(no labels)"
        yield f"  {product['id']}  {product['title'] or '(no title)'}  {labels}"


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MAX_NAMES
    shown = [name or NO_NAME for name in names[:MAX_NAMES]]
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _file_line(found: Mapping[str, Any]) -> str:
    parts = [f"read as {found['format']}"]
    if found["encoding"] is not None:
        parts.append(f"encoding {found['encoding']}")
    if found["delimiter"] is not None:
        parts.append(f"separator {json.dumps(found['delimiter'])}")
    return ", ".join(parts)


def _fields(read: ReadFacts, config: Config) -> list[dict[str, str]]:
    """Each field with its column, and why it is that one."""
    combined = read.reading.category_columns
    fields = []
    for field, column in read.reading.columns.items():
        # several columns make up the categories, and not the one that has the name
        if field == "categories" and combined is not None:
            continue
        why = USUAL
        if config.catalog.columns.get(field) == column:
            why = "named in the settings"
        elif read.reading.chosen.get(field) == column:
            why = "chosen by what it holds"
        fields.append({"field": field, "column": column or NO_NAME, "why": why})
    if combined is not None:
        names = _listed(combined.names)
        fields.append({"field": "categories", "column": names, "why": SEVERAL[combined.kind]})
    return fields


def _rivals(read: ReadFacts) -> list[dict[str, str]]:
    """Columns that could be a field that another column has, and how to take them."""
    chosen = read.reading.columns
    combined = read.reading.category_columns
    fields_of = {synonym: field for field, names in SYNONYMS.items() for synonym in names}
    rivals = []
    for name in _unused(read):
        field = fields_of.get(normal_name(name))
        if field is None and _is_told_as_rival(read, name):
            field = "categories"
        if field is None:
            continue
        winner = chosen.get(field)
        if field == "categories" and combined is not None:
            winner = _listed(combined.names)
        # the index that pandas writes is nobody's choice
        if not name:
            continue
        fix = f"to take this one, write under [catalog]: {_line(field, name)}"
        rivals.append({"column": name, "why": f"could be {field} too; {winner} is taken; {fix}"})
    return rivals


def _further(read: ReadFacts) -> list[str]:
    """Columns that could be no field."""
    usual = {synonym for names in SYNONYMS.values() for synonym in names}
    names = [name for name in _unused(read) if normal_name(name) not in usual]
    return [name for name in names if not _is_told_as_rival(read, name)]


def _is_told_as_rival(read: ReadFacts, name: str) -> bool:
    """Whether a column could be the categories by what it holds, as ``Type`` of Shopify."""
    return any(how_to_take("categories", name) in sentence for sentence in read.reading.rivals)


def _unused(read: ReadFacts) -> list[str]:
    """Columns that are none of the fields."""
    combined = read.reading.category_columns
    used = set(read.reading.columns.values())
    used.update(combined.names if combined is not None else ())
    return [name for name in read.reading.names if name not in used]


def _line(field: str, column: str) -> str:
    """The line of a settings file that takes this column."""
    return f"columns = {{ {field} = {json.dumps(column, ensure_ascii=False)} }}"


def _first_products(read: ReadFacts, config: Config) -> list[dict[str, Any]]:
    """The first products as a model will see them."""
    part = read.first.take(range(min(MAX_SHOWN, len(read.first))))
    columns = [part.column(name) for name in ("title", "categories", "image")]
    shown = []
    for identity, title, categories, image in zip(part.ids, *columns, strict=True):
        labels = sorted(flatten(categories, config.labels.mode))
        shown.append({"id": identity, "title": title, "labels": labels, "image": image})
    return shown
