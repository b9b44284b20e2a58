"""Labelling a catalogue file with a fitted model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.reader import ReadResult, read_catalog, write_quarantine
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats, RejectedField
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.metrics.selective import ACCEPT, QUEUES, REVIEW
from shelfwise.model.model import require_members
from shelfwise.model.predictor import Predictor

PORTION = 2048
"""Products answered at a time: bounds the memory for scores and features."""

NOVEL = "novel"
"""The queue of products that belong to none of the known categories."""


def predict_catalog(
    model: Predictor,
    source: Path,
    out: Path,
    context: Context,
    precision: float | None = None,
    novelty_rate: float | None = None,
    top: int | None = None,
) -> dict[str, Any]:
    """Write id, labels and scores of every readable product of `source` to `out` (.jsonl or .parquet), in the source's order.

    "novelty" is how strange a product is among those that belong, from 0 to 1 (see :mod:`shelfwise.novelty.detector`).

    With a promised `precision`, every product also has its "queue" (accept, review or reject) and the labels that are "accepted" and
    those "to_review". With `novelty_rate`, the share of false alarms, the strangest products are set aside: their queue is "novel", and
    they are given no label. The ids of each queue are listed in ``OUT.accept.txt``, ``OUT.novel.txt`` and so on.

    With `top`, only so many scores of a product are written, its highest, falling: where labels are many, all others say nothing.

    What cannot be read goes to ``OUT.quarantine.jsonl``, pictures that cannot be used to ``OUT.refused.jsonl``.

    Returns:
        Counts, and where the files are.

    Raises:
        CatalogError: `source` cannot be read, or `out` ends in neither .jsonl nor .parquet.
        ConfigError: the model has no limits for that `precision`, or cannot promise that share of false alarms.
    """
    if out.suffix not in (".jsonl", ".parquet"):
        raise CatalogError(f"cannot write predictions to {out}: the name must end in .jsonl or .parquet")
    reading = read_catalog(source, model.config.catalog, context)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.writing")
    refused: list[RejectedField] = []
    write = _write_jsonl if out.suffix == ".jsonl" else _write_parquet
    names = [*(QUEUES if precision is not None else ()), *((NOVEL,) if novelty_rate is not None else ())]
    queues: dict[str, list[str]] = {name: [] for name in names}
    given = write(
        _noted(_decisions(model, reading.catalog, context, refused, (precision, novelty_rate, top)), queues),
        temporary,
    )
    temporary.rename(out)
    summary: dict[str, Any] = {"products": len(reading.catalog), "labels_given": given, "out": str(out)}
    if queues:
        summary["queues"] = {name: len(ids) for name, ids in queues.items()}
    for name, ids in queues.items():
        Path(f"{out}.{name}.txt").write_text("".join(f"{one}\n" for one in ids), "utf-8")
    return summary | _left_over(reading, refused, out)


def _left_over(reading: ReadResult, refused: Sequence[RejectedField], out: Path) -> dict[str, Any]:
    """Write beside `out` what could not be read or used; how much that is, and where (None for nothing)."""
    quarantine, refusals = f"{out}.quarantine.jsonl", f"{out}.refused.jsonl"
    if reading.quarantine:
        write_quarantine(reading.quarantine, Path(quarantine))
    if refused:
        Path(refusals).write_text(
            "".join(json.dumps(vars(r), ensure_ascii=False) + "\n" for r in refused), "utf-8"
        )
    return {
        "quarantined": len(reading.quarantine),
        "quarantine": quarantine if reading.quarantine else None,
        "refused": len(refused),
        "refusals": refusals if refused else None,
    }


def summary_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`predict_catalog` returns, in words."""
    yield f"{summary['products']} products labelled in {summary['out']}, {summary['labels_given']} labels given"
    for queue, count in summary.get("queues", {}).items():
        yield f"{queue:8} {count} products: {summary['out']}.{queue}.txt"
    if summary["quarantined"]:
        yield f"{summary['quarantined']} records could not be read: {summary['quarantine']}"
    if summary["refused"]:
        yield f"{summary['refused']} pictures could not be used: {summary['refusals']}"
    if explained := summary.get("explained"):
        yield f"{explained['products']} products explained: {explained['page']}"


def _decisions(
    model: Predictor,
    catalog: Catalog,
    context: Context,
    refused: list[RejectedField],
    wanted: tuple[float | None, float | None, int | None],
) -> Iterator[dict[str, Any]]:
    precision, novelty_rate, top = wanted
    with context.progress("labelling", len(catalog)) as progress:
        for start in range(0, len(catalog), PORTION):
            part = catalog.take(np.arange(start, min(start + PORTION, len(catalog))))
            answers = model.predict_members(part, context)
            refused += answers.refused
            scores = model.scores(answers)
            novelty, strange = _novelty(model, part, scores, context, novelty_rate)
            decided = model.decide(scores) & ~strange[:, None]
            queued = _queued(model, scores, decided, precision)
            told = _told(model.labels.names, scores, top)
            rows = zip(part.ids, model.labels.decode(decided), told, queued, novelty, strange, strict=True)
            for name, labels, row, queue, share, alone in rows:
                place = {"queue": NOVEL, "accepted": [], "to_review": []} if alone else queue
                yield {"id": name, "labels": labels, **place, "novelty": share, "scores": row}
            progress.advance(len(part))


def _told(names: Sequence[str], scores: Floats, top: int | None) -> Iterator[dict[str, float]]:
    """Each product's scores by label: all of them, or the `top` highest, falling."""
    falling = None if top is None else np.argsort(-scores, axis=1, kind="stable")[:, :top]
    for i, row in enumerate(scores):
        chosen, kept = (
            (names, row) if falling is None else ([names[place] for place in falling[i]], row[falling[i]])
        )
        # str() of a float32 is the shortest text that reads back as the same float32
        yield dict(zip(chosen, map(float, map(str, kept)), strict=True))


def _novelty(
    model: Predictor, part: Catalog, scores: Floats, context: Context, novelty_rate: float | None
) -> tuple[list[float] | list[None], Bools]:
    """How strange each product is, (N,), and whether it is set aside; None, and never, for a model that cannot tell."""
    if model.novelty is None:
        if novelty_rate is not None:
            require_members(model, "tell what is novel")
            raise ConfigError(
                "this model has no novelty detector (fewer than 20 training products, or an older version); retrain it"
            )
        return [None] * len(part), np.zeros(len(part), np.bool_)
    p_values = model.novelty.p_values(part, scores, context)
    strange = (
        np.zeros(len(part), np.bool_)
        if novelty_rate is None
        else model.novelty.conformal.abstains(p_values, novelty_rate)
    )
    return (1 - p_values).round(4).tolist(), strange


def _queued(
    model: Predictor, scores: Floats, decided: Bools, precision: float | None
) -> list[dict[str, Any]]:
    """What becomes of each product at the promised precision; nothing where none is asked for."""
    if precision is None:
        return [{}] * len(scores)
    if model.decision_rule is None:
        raise ConfigError("the model was trained without limits of acceptance; train it again")
    queued = model.decision_rule.queues(scores, decided, precision)
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
    queue = [("queue", pa.string()), ("accepted", names), ("to_review", names), ("novelty", pa.float64())]
    schema = pa.schema(
        [("id", pa.string()), ("labels", names), *queue, ("scores", pa.map_(pa.string(), pa.float32()))]
    )
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
