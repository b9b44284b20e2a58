"""Predictions as rows, and files of them: JSON Lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.disk.files import arrow_path, json_text
from shelfwise.model.decision import Decision
from shelfwise.model.labelling import CHUNK_ROWS

Row = dict[str, Any]
"""A product as it stands in the file."""


def product_row(decision: Decision) -> Row:
    """What is written of a product."""
    row: Row = {"id": decision.id, "labels": decision.names}
    if decision.queue is not None:
        row["queue"] = decision.queue
        row["accepted"] = list(decision.accepted)
        row["to_review"] = list(decision.to_review)
    row["novelty"] = decision.novelty
    row["scores"] = decision.scores
    return row


def refused_row(record: Quarantined) -> Row:
    """What is written of a record that cannot be read."""
    return {
        "id": record.id,
        "labels": [],
        "refused": record.reason,
        "novelty": None,
        "scores": {},
    }


def missing_columns_lines(names: Sequence[str]) -> Iterator[str]:
    """What a person is told of columns that the model reads and no product has."""
    if names:
        yield f"the model also reads {', '.join(names)}; no product has a value there"


def write_rows(rows: Iterator[Row], path: Path, ending: str) -> int:
    """Write predictions as they are drawn, some thousand at a time; how many labels were given.

    The same rows give the same bytes.

    Args:
        ending: ``.jsonl`` or ``.parquet``; the name of `path` may be a temporary one.
    """
    return _write_jsonl(rows, path) if ending == ".jsonl" else _write_parquet(rows, path)


def _write_jsonl(rows: Iterator[Row], path: Path) -> int:
    """Write one JSON object a line; how many labels were given."""
    labels_given = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json_text(row) + "\n")
            labels_given += len(row["labels"])
    return labels_given


def _write_parquet(rows: Iterator[Row], path: Path) -> int:
    """Write a Parquet file with every column, null where a row lacks it; how many labels were given."""
    names = pa.list_(pa.string())
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("labels", names),
            ("refused", pa.string()),
            ("queue", pa.string()),
            ("accepted", names),
            ("to_review", names),
            ("novelty", pa.float64()),
            ("scores", pa.map_(pa.string(), pa.float32())),
        ]
    )
    labels_given = 0
    chunk: list[Row] = []
    with pq.ParquetWriter(arrow_path(path), schema) as writer:
        for row in rows:
            # Arrow takes a map as a list of pairs
            chunk.append({**row, "scores": list(row["scores"].items())})
            labels_given += len(row["labels"])
            if len(chunk) == CHUNK_ROWS:
                writer.write_table(pa.Table.from_pylist(chunk, schema))
                chunk = []
        # the last chunk may be empty; a file without any product is a whole file too
        writer.write_table(pa.Table.from_pylist(chunk, schema))
    return labels_given
