"""``shelfwise predict``: label the products of a catalogue file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.refused_rows import one_row_a_record
from shelfwise.commands.output_places import check_no_model
from shelfwise.commands.streamed_products import StreamedProducts
from shelfwise.core.counted import counted
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import arrow_path, json_text, keep_input, replacing
from shelfwise.disk.line_files import LineFiles
from shelfwise.errors import CatalogError, StorageError
from shelfwise.model.decision import Decision
from shelfwise.model.labelling import LabelRequest, label_portions
from shelfwise.model.prediction_rows import (
    Row,
    missing_columns_lines,
    product_row,
    refused_row,
    write_rows,
)
from shelfwise.model.predictor import Predictor
from shelfwise.model.product_queues import NOVEL, PRECISION_QUEUES

SIDE_FILES = (
    "quarantine.jsonl",
    "refused.jsonl",
    *(f"{queue}.txt" for queue in (*PRECISION_QUEUES, NOVEL)),
)
"""What is written beside the predictions, after their name and a dot."""

UNUSUAL = 0.95
"""The novelty that one in twenty of the products has that are like those of the training."""

MIN_UNUSUAL = 10
"""So many unusual products, if they are most of the file, are no chance."""

MAX_LINE_BYTES = 64 << 20
"""Of a line that may be a prediction: it has a score for every label."""


def predict_catalog(
    predictor: Predictor,
    source: Path,
    out: Path,
    context: Context,
    precision: float | None = None,
    novelty_rate: float | None = None,
    top: int | None = None,
) -> dict[str, Any]:
    """Write id, labels and scores of every product of `source` to `out`, one row a record, in its order.

    A record that cannot be read has a row too: its id where that is known, no labels, no scores, and
    "refused", the reason. It stands in no queue.

    "novelty" is how unusual a product is among those that belong to a category, from 0 to 1; see
    :mod:`shelfwise.novelty.detector`.

    With a promised `precision`, every product also has its "queue" (accept, review or reject), the labels
    that are "accepted", and those "to_review". With `novelty_rate`, the most unusual products are held back:
    their queue is "novel", and they have no label. The ids of each queue are listed in ``OUT.accept.txt``,
    ``OUT.novel.txt`` etc.

    The file is read as a stream: the memory that this takes does not grow with the number of products, but
    for a few bytes an id, which find duplicates.

    What cannot be read goes to ``OUT.quarantine.jsonl``, images that cannot be used to ``OUT.refused.jsonl``.

    Args:
        out: a file that ends in .jsonl or .parquet.
        precision: the share of accepted labels that is promised to be right: 0.9, 0.95 or 0.99.
        novelty_rate: the share of false alarms: of ordinary products that may be taken for novel.
        top: write only so many scores of a product, its highest, falling.

    Returns:
        Counts, and where the files are.

    Raises:
        CatalogError: `source` cannot be read, or `out` has another ending.
        ConfigError: the model has no limits for that `precision`, or cannot promise that share of
            false alarms.
        StorageError: another run is writing `out`; `out` is `source`, is in a model, or holds
            something else than predictions.
        BundleError: an exported model, which has no novelty detector, is to tell what is novel.
    """
    if out.suffix not in (".jsonl", ".parquet"):
        raise CatalogError(
            f"cannot write predictions to {out}: the name must end in .jsonl or .parquet"
        )
    check_no_model(out)
    with claimed(out):
        # before any work: what people wrote is not there a second time
        keep_input(source, out, *(Path(f"{out}.{name}") for name in SIDE_FILES))
        _keep_other_files(out)
        request = LabelRequest(precision, novelty_rate, top)
        return _predict(predictor, source, out, context, request)


def _predict(
    predictor: Predictor, source: Path, out: Path, context: Context, request: LabelRequest
) -> dict[str, Any]:
    """As :func:`predict_catalog`, for the holder of the claim on `out`."""
    # products are read, labelled and written a portion at a time: more is never in memory
    with LineFiles(out) as beside:
        with replacing(out) as temporary:
            products = StreamedProducts(predictor, source, beside)
            portions = products.portions(context)
            decisions = label_portions(predictor, portions, context, request)
            # a queue without any product has a file too, an empty one
            queues = _queue_names(request)
            for queue in queues:
                beside.start(f"{queue}.txt")
            seen: Counter[str] = Counter()
            products_rows = _rows(decisions, beside, seen)
            rows = one_row_a_record(products_rows, products.refused, refused_row)
            labels_given = write_rows(rows, temporary, out.suffix)
        # lists of an earlier run would seem to be of this one
        for name in SIDE_FILES:
            beside.place(name).unlink(missing_ok=True)
    summary: dict[str, Any] = {
        "rows": products.accepted + beside.counts["quarantine.jsonl"],
        "products": products.accepted,
        "labels_given": labels_given,
        "out": str(out),
        "missing_columns": products.columns.missing,
        "without_fields": seen["without_fields"],
        "unusual": seen["unusual"],
    }
    if queues:
        summary["queues"] = {name: beside.counts[f"{name}.txt"] for name in queues}
    return summary | _leftovers(beside)


def _queue_names(request: LabelRequest) -> list[str]:
    """The queues that products are sorted into."""
    names: list[str] = []
    if request.precision is not None:
        names += PRECISION_QUEUES
    if request.novelty_rate is not None:
        names.append(NOVEL)
    return names


def _keep_other_files(out: Path) -> None:
    """Refuse to write over a file that holds something else than predictions.

    Raises:
        StorageError: it does.
    """
    if not out.exists():
        return
    try:
        names = _columns_of(out)
    except (OSError, ValueError, pa.ArrowException):
        names = set()
    # an empty file has nothing to lose
    if not {"id", "labels", "scores"} <= names and out.stat().st_size:
        raise StorageError(
            f"{out} exists and holds no predictions; choose another --out, or remove it"
        )


def _columns_of(out: Path) -> set[str]:
    """The names of the columns in a file of predictions."""
    if out.suffix == ".parquet":
        return set(pq.read_schema(arrow_path(out)).names)
    with out.open("rb") as file:
        first = json.loads(file.readline(MAX_LINE_BYTES))
    return set(first) if isinstance(first, dict) else set()


def summary_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """What :func:`predict_catalog` returns, in words."""
    products = f"{counted(summary['products'], 'product')} labelled in {summary['out']}"
    yield f"{products}, {counted(summary['labels_given'], 'label')} given"
    for queue, count in summary.get("queues", {}).items():
        yield f"{queue:8} {counted(count, 'product')}: {summary['out']}.{queue}.txt"
    if summary["quarantined"]:
        told = f"{counted(summary['quarantined'], 'record')} could not be read; each has a row that says why"
        yield f"{told}: {summary['quarantine']}"
    if summary["refused"]:
        yield f"{counted(summary['refused'], 'field')} could not be used: {summary['refusals']}"
    if summary["without_fields"]:
        without = counted(summary["without_fields"], "product")
        yield f"without a label, for want of a field that the model can use: {without}"
    # what the model cannot use is unlike all else, too
    unusual = summary["unusual"] - summary["without_fields"]
    if unusual >= MIN_UNUSUAL and unusual > summary["products"] / 2:
        told = (
            f"{unusual} of {summary['products']} products are unlike those the model was trained on"
        )
        yield f"{told}; are they of the same kind, and in the same language?"
    yield from missing_columns_lines(summary["missing_columns"])
    if explained := summary.get("explained"):
        yield f"{explained['products']} products explained: {explained['page']}"


def _leftovers(beside: LineFiles) -> dict[str, Any]:
    """How much could not be read or used, and where it stands beside the predictions (None for nothing)."""
    quarantined = beside.counts["quarantine.jsonl"]
    refused = beside.counts["refused.jsonl"]
    return {
        "quarantined": quarantined,
        "quarantine": str(beside.place("quarantine.jsonl")) if quarantined else None,
        "refused": refused,
        "refusals": str(beside.place("refused.jsonl")) if refused else None,
    }


def _rows(decisions: Iterator[Decision], beside: LineFiles, seen: Counter[str]) -> Iterator[Row]:
    """The decisions as they stand in the file.

    Writes each queue's ids and the rejected fields on the way, and counts in `seen` the products without a
    field that was used, and the unusual ones.
    """
    for decision in decisions:
        # a generator: this happens as the rows are written
        seen["without_fields"] += not decision.used_modalities
        seen["unusual"] += decision.novelty is not None and decision.novelty >= UNUSUAL
        for one in decision.rejected:
            beside.add("refused.jsonl", json_text(vars(one)) + "\n")
        if decision.queue is not None:
            beside.add(f"{decision.queue}.txt", f"{decision.id}\n")
        yield product_row(decision)
