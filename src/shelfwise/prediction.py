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
from shelfwise.contracts import Bools, Context, Floats, Refusal
from shelfwise.decision.acceptance import ACCEPT, QUEUES, REVIEW
from shelfwise.decision.thresholds import decide
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.model import Model

PORTION = 2048
"""Products answered at a time: bounds the memory for scores and features."""


def predict_catalog(model: Model, source: Path, out: Path, context: Context, precision: float | None = None) -> dict[str, Any]:
    """Write id, labels and scores of every readable product of `source` to `out` (.jsonl or .parquet), in the source's order.

    With a promised `precision`, every product also has its "queue" (accept, review or reject) and the labels that are "accepted" and
    those "to_review", and the ids of each queue are listed in ``OUT.accept.txt``, ``OUT.review.txt`` and ``OUT.reject.txt``.

    What cannot be read goes to ``OUT.quarantine.jsonl``, pictures that cannot be used to ``OUT.refused.jsonl``.

    Returns:
        Counts, and where the files are.

    Raises:
        CatalogError: `source` cannot be read, or `out` ends in neither .jsonl nor .parquet.
        ConfigError: the model has no limits for that `precision`.
    """
    if out.suffix not in (".jsonl", ".parquet"):
        raise CatalogError(f"cannot write predictions to {out}: the name must end in .jsonl or .parquet")
    reading = read_catalog(source, model.config.catalog, context)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.writing")
    refused: list[Refusal] = []
    write = _write_jsonl if out.suffix == ".jsonl" else _write_parquet
    queues: dict[str, list[str]] = {name: [] for name in QUEUES}
    given = write(_noted(_decisions(model, reading.catalog, context, refused, precision), queues), temporary)
    temporary.rename(out)
    summary: dict[str, Any] = {"products": len(reading.catalog), "labels_given": given, "out": str(out)}
    summary |= {"quarantined": len(reading.quarantine), "quarantine": None, "refused": len(refused), "refusals": None}
    if precision is not None:
        summary["queues"] = {name: len(ids) for name, ids in queues.items()}
        for name, ids in queues.items():
            Path(f"{out}.{name}.txt").write_text("".join(f"{one}\n" for one in ids), "utf-8")
    if reading.quarantine:
        summary["quarantine"] = f"{out}.quarantine.jsonl"
        write_quarantine(reading.quarantine, Path(summary["quarantine"]))
    if refused:
        summary["refusals"] = f"{out}.refused.jsonl"
        lines = (json.dumps(vars(r), ensure_ascii=False) for r in refused)
        Path(summary["refusals"]).write_text("\n".join(lines) + "\n", "utf-8")
    return summary


def _decisions(
    model: Model, catalog: Catalog, context: Context, refused: list[Refusal], precision: float | None
) -> Iterator[dict[str, Any]]:
    names = model.labels.names
    with context.progress("labelling", len(catalog)) as progress:
        for start in range(0, len(catalog), PORTION):
            part = catalog.take(np.arange(start, min(start + PORTION, len(catalog))))
            answers = model.ask(part, context)
            refused += answers.refused
            scores = model.scores(answers)
            decided = decide(scores, model.threshold_of(model.decide_with))
            queued = _queued(model, scores, decided, precision)
            for name, labels, row, queue in zip(part.ids, model.labels.decode(decided), scores, queued, strict=True):
                # str() of a float32 is the shortest text that reads back as the same float32
                yield {"id": name, "labels": labels, **queue, "scores": dict(zip(names, map(float, map(str, row)), strict=True))}
            progress.advance(len(part))


def _queued(model: Model, scores: Floats, decided: Bools, precision: float | None) -> list[dict[str, Any]]:
    """What becomes of each product at the promised precision; nothing where none is asked for."""
    if precision is None:
        return [{}] * len(scores)
    if model.decider is None:
        raise ConfigError("the model was trained without limits of acceptance; train it again")
    queued = model.decider.queues(scores, decided, precision)
    accepted, open_ = (model.labels.decode(queued.labels == queue) for queue in (ACCEPT, REVIEW))
    names = {value: name for name, value in QUEUES.items()}
    return [
        {"queue": names[int(queue)], "accepted": one, "to_review": other}
        for queue, one, other in zip(queued.products, accepted, open_, strict=True)
    ]


def _noted(decisions: Iterator[dict[str, Any]], queues: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The decisions as they are, while each queue's ids are kept."""
    for decision in decisions:
        if "queue" in decision:
            queues[decision["queue"]].append(decision["id"])
        yield decision


def _write_jsonl(decisions: Iterator[dict[str, Any]], path: Path) -> int:
    given = 0
    with path.open("w", encoding="utf-8") as file:
        for decision in decisions:
            file.write(json.dumps(decision, ensure_ascii=False) + "\n")
            given += len(decision["labels"])
    return given


def _write_parquet(decisions: Iterator[dict[str, Any]], path: Path) -> int:
    names = pa.list_(pa.string())
    queue = [("queue", pa.string()), ("accepted", names), ("to_review", names)]
    schema = pa.schema([("id", pa.string()), ("labels", names), *queue, ("scores", pa.map_(pa.string(), pa.float32()))])
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
