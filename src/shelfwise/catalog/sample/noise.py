"""Adds the faults that real catalogues have: missing fields, typos, mark-up, damaged images, broken lines."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np

from shelfwise.catalog.sample.products import pick

Record = dict[str, Any]

MISSING_SHARES = {"title": 0.03, "description": 0.05, "price": 0.06, "brand": 0.08, "related": 0.1}
"""Share of the products that lack a field."""

IMAGE_FAULT_SHARES = {"unnamed": 0.02, "lost": 0.02, "truncated": 0.0025, "text": 0.0015}
"""Share of the products whose image is not named, named but not there, cut off, or a text file."""

DUPLICATE_SHARE = 0.004
"""Lines that repeat an id, for each product."""

BROKEN_SHARE = 0.002
"""Lines that are no record, for each product."""

BROKEN_LINES = (
    b'{"id": "S-none-1", "title": "Unclosed Mug, "categories": [["Kitchen", "Mugs"]]}',
    b"504 Gateway Time-out",
    b'{"title": "Nameless Lamp", "categories": [["Home", "Lamps"]]}',
    b'{"id": "S-none-2", "title": "Caf\xe9 Set \xff\xfe", "categories": [["Kitchen", "Mugs"]]}',
    b'{"id": "S-none-3", "title": "Lettered Kite", "categories": {"kind": 7}}',
)


def with_faults(record: Record, rng: np.random.Generator) -> Record:
    """`record` with fields missing (absent, null or empty), typos, and HTML in its texts."""
    faulty = dict(record)
    for field in ("title", "description"):
        if rng.random() < 0.12:
            faulty[field] = _with_typo(faulty[field], rng)
    # dumps are often escaped once too often
    if rng.random() < 0.5:
        faulty["title"] = html.escape(faulty["title"])
    if rng.random() < 0.15:
        faulty["description"] = _with_markup(faulty["description"], rng)
    for field, share in MISSING_SHARES.items():
        if rng.random() < share:
            del faulty[field]
            # half of the missing fields are named all the same, with nothing in them
            if rng.random() < 0.5:
                is_text = field in ("title", "description")
                faulty[field] = "" if is_text and rng.random() < 0.5 else None
    return faulty


def _with_typo(text: str, rng: np.random.Generator) -> str:
    """Two letters swapped, one lost, or one doubled."""
    position = int(rng.integers(len(text) - 1))
    first = text[position]
    second = text[position + 1]
    typo = pick(rng, (second + first, second, first + first + second))
    return text[:position] + typo + text[position + 2 :]


def _with_markup(text: str, rng: np.random.Generator) -> str:
    """The text as HTML, in one of the ways of shop systems."""
    escaped = html.escape(text)
    variants = (
        f"<p>{escaped}</p>",
        escaped.replace(". ", ".<br />"),
        f"<b>Product description</b><br>{escaped}",
        escaped.replace(". ", ".&nbsp; "),
        "<ul><li>" + escaped.replace(". ", ".</li><li>") + "</li></ul>",
    )
    return pick(rng, variants)


def draw_image_faults(products: int, rng: np.random.Generator) -> dict[int, str]:
    """Row -> a key of :data:`IMAGE_FAULT_SHARES`, each fault at least once."""
    faults: list[str] = []
    for fault, share in IMAGE_FAULT_SHARES.items():
        faults += [fault] * max(1, round(share * products))
    # fewer products than faults: the last faults fall away
    rows = rng.permutation(products)[: len(faults)]
    return dict(zip(rows.tolist(), faults, strict=False))


def damage_image(data: bytes, fault: str) -> bytes | None:
    """The bytes of a JPEG file after `fault`; None where there is to be no file."""
    if fault == "truncated":
        return data[: len(data) // 3]
    if fault == "text":
        return b"<html><body>This picture has moved.</body></html>\n"
    return None


def file_lines(records: list[Record], rng: np.random.Generator) -> list[bytes]:
    """The lines of the file: all records, and among them lines that repeat an id or are no record.

    A repeated id comes after its first record, which is the one that counts.
    """
    count = len(records)
    # a line's place is a number: record i is at i, and further lines fall between
    placed = [(float(row), _json_line(record)) for row, record in enumerate(records)]
    for row in rng.integers(count, size=max(1, round(DUPLICATE_SHARE * count))).tolist():
        repeated = records[row]
        if rng.random() < 0.5:
            repeated = {**repeated, "title": "Duplicate listing"}
        placed.append((rng.uniform(row + 0.5, count), _json_line(repeated)))
    # every kind of broken line, however small the catalogue
    for number in range(max(len(BROKEN_LINES), round(BROKEN_SHARE * count))):
        placed.append((rng.uniform(0, count), BROKEN_LINES[number % len(BROKEN_LINES)]))
    return [line for _, line in sorted(placed, key=lambda entry: entry[0])]


def _json_line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()
