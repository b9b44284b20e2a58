"""Labelling a catalogue file with a fitted model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reader import read_catalog, write_quarantine
from shelfwise.catalog.store import Catalog
from shelfwise.contracts import Context, Refusal
from shelfwise.decision.thresholds import decide
from shelfwise.errors import CatalogError
from shelfwise.model import Model

PORTION = 2048
"""Products answered at a time: bounds the memory for scores and features."""


def predict_catalog(model: Model, source: Path, out: Path, context: Context) -> dict[str, Any]:
    """Write id, labels and scores of every readable product of `source` to `out` (.jsonl or .parquet), in the source's order.

    What cannot be read goes to ``OUT.quarantine.jsonl``, pictures that cannot be used to ``OUT.refused.jsonl``.

    Returns:
        Counts, and where the files are.

    Raises:
        CatalogError: `source` cannot be read, or `out` ends in neither .jsonl nor .parquet.
    """
    if out.suffix not in (".jsonl", ".parquet"):
        raise CatalogError(f"cannot write predictions to {out}: the name must end in .jsonl or .parquet")
    reading = read_catalog(source, model.config.catalog, context)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.writing")
    refused: list[Refusal] = []
    write = _write_jsonl if out.suffix == ".jsonl" else _write_parquet
    given = write(_decisions(model, reading.catalog, context, refused), temporary)
    temporary.rename(out)
    summary: dict[str, Any] = {"products": len(reading.catalog), "labels_given": given, "out": str(out)}
    summary |= {"quarantined": len(reading.quarantine), "quarantine": None, "refused": len(refused), "refusals": None}
    if reading.quarantine:
        summary["quarantine"] = f"{out}.quarantine.jsonl"
        write_quarantine(reading.quarantine, Path(summary["quarantine"]))
    if refused:
        summary["refusals"] = f"{out}.refused.jsonl"
        lines = (json.dumps(vars(r), ensure_ascii=False) for r in refused)
        Path(summary["refusals"]).write_text("\n".join(lines) + "\n", "utf-8")
    return summary


def _decisions(model: Model, catalog: Catalog, context: Context, refused: list[Refusal]) -> Iterator[dict[str, Any]]:
    names = model.labels.names
    threshold = model.threshold_of(model.decide_with)
    with context.progress("labelling", len(catalog)) as progress:
        for start in range(0, len(catalog), PORTION):
            part = catalog.take(np.arange(start, min(start + PORTION, len(catalog))))
            answers = model.ask(part, context)
            refused += answers.refused
            scores = model.scores(answers)
            for name, labels, row in zip(part.ids, model.labels.decode(decide(scores, threshold)), scores, strict=True):
                # str() of a float32 is the shortest text that reads back as the same float32
                yield {"id": name, "labels": labels, "scores": dict(zip(names, map(float, map(str, row)), strict=True))}
            progress.advance(len(part))


def _write_jsonl(decisions: Iterator[dict[str, Any]], path: Path) -> int:
    given = 0
    with path.open("w", encoding="utf-8") as file:
        for decision in decisions:
            file.write(json.dumps(decision, ensure_ascii=False) + "\n")
            given += len(decision["labels"])
    return given


def _write_parquet(decisions: Iterator[dict[str, Any]], path: Path) -> int:
    schema = pa.schema([("id", pa.string()), ("labels", pa.list_(pa.string())), ("scores", pa.map_(pa.string(), pa.float32()))])
    given = 0
    with pq.ParquetWriter(path, schema) as writer:
        rows: list[dict[str, Any]] = []
        for decision in decisions:
            rows.append({**decision, "scores": list(decision["scores"].items())})
            given += len(decision["labels"])
            if len(rows) == PORTION:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return given
