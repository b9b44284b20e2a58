"""Spoils what is too clean: the faults that real catalogues have."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np

from shelfwise.catalog.sample.products import pick

Record = dict[str, Any]

MISSING = {"title": 0.03, "description": 0.05, "price": 0.06, "brand": 0.08, "related": 0.1}
"""Share of the products that lack a field."""

PICTURE_FAULTS = {"unnamed": 0.02, "lost": 0.02, "truncated": 0.0025, "text": 0.0015}
"""Share of the products whose picture is not named, named but not there, cut off, or a text file."""

DUPLICATES, BROKEN = 0.004, 0.002
"""Lines that repeat an id, and lines that are no record, for each product."""

_NO_RECORDS = (
    b'{"id": "S-none-1", "title": "Unclosed Mug, "categories": [["Kitchen", "Mugs"]]}',
    b"504 Gateway Time-out",
    b'{"title": "Nameless Lamp", "categories": [["Home", "Lamps"]]}',
    b'{"id": "S-none-2", "title": "Caf\xe9 Set \xff\xfe", "categories": [["Kitchen", "Mugs"]]}',
    b'{"id": "S-none-3", "title": "Numbered Kite", "categories": 7}',
)


def spoil(record: Record, rng: np.random.Generator) -> Record:
    """`record` with fields missing (absent, null or empty), typos, and HTML in its texts."""
    spoilt = dict(record)
    for field in ("title", "description"):
        if rng.random() < 0.12:
            spoilt[field] = _typo(spoilt[field], rng)
    if rng.random() < 0.5:
        spoilt["title"] = html.escape(spoilt["title"])
    if rng.random() < 0.15:
        spoilt["description"] = _marked_up(spoilt["description"], rng)
    for field, share in MISSING.items():
        if rng.random() < share:
            del spoilt[field]
            if rng.random() < 0.5:
                spoilt[field] = "" if field in ("title", "description") and rng.random() < 0.5 else None
    return spoilt


def _typo(text: str, rng: np.random.Generator) -> str:
    """Two letters swapped, one lost, or one doubled."""
    at = int(rng.integers(len(text) - 1))
    return (
        text[:at]
        + pick(rng, (text[at + 1] + text[at], text[at + 1], text[at] + text[at : at + 2]))
        + text[at + 2 :]
    )


def _marked_up(text: str, rng: np.random.Generator) -> str:
    escaped = html.escape(text)
    return pick(
        rng,
        (
            f"<p>{escaped}</p>",
            escaped.replace(". ", ".<br />"),
            f"<b>Product description</b><br>{escaped}",
            escaped.replace(". ", ".&nbsp; "),
            "<ul><li>" + escaped.replace(". ", ".</li><li>") + "</li></ul>",
        ),
    )


def picture_faults(products: int, rng: np.random.Generator) -> dict[int, str]:
    """Row -> a key of :data:`PICTURE_FAULTS`, each fault at least once."""
    counts = {fault: max(1, round(share * products)) for fault, share in PICTURE_FAULTS.items()}
    faults = [fault for fault, count in counts.items() for _ in range(count)]
    rows = rng.permutation(products)[: len(faults)]
    return dict(zip(rows.tolist(), faults, strict=False))


def spoil_picture(data: bytes, fault: str) -> bytes | None:
    """The bytes of a JPEG file after `fault`; None where there is to be no file."""
    if fault == "truncated":
        return data[: len(data) // 3]
    if fault == "text":
        return b"<html><body>This picture has moved.</body></html>\n"
    return None


def spoil_lines(records: list[Record], rng: np.random.Generator) -> list[bytes]:
    """The lines of the file: all records, with further lines that repeat an id or are no record strewn in.

    A repeated id comes after its first record, which is the one that counts.
    """
    lines = [(float(row), _line(record)) for row, record in enumerate(records)]
    for row in rng.integers(len(records), size=max(1, round(DUPLICATES * len(records)))).tolist():
        again = {**records[row], "title": "Duplicate listing"} if rng.random() < 0.5 else records[row]
        lines.append((rng.uniform(row + 0.5, len(records)), _line(again)))
    for number in range(max(len(_NO_RECORDS), round(BROKEN * len(records)))):
        lines.append((rng.uniform(0, len(records)), _NO_RECORDS[number % len(_NO_RECORDS)]))
    return [line for _, line in sorted(lines, key=lambda placed: placed[0])]


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()
