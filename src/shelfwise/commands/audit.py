"""``shelfwise audit``: list the products that are probably mis-tagged, what should be changed, and why.

Training products are judged by the model's out-of-fold scores, others by its ordinary ones; see
:mod:`shelfwise.decision.label_errors` for how scores and labels are weighed. An exported model has no
out-of-fold scores and no index of training products: its audit does without.

Dimensions: N products audited, Q products listed, L labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.catalog.corrections_file import keep_decisions
from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.audit_findings import describe_findings
from shelfwise.commands.audit_near_copies import disagreeing_copies
from shelfwise.commands.audited_products import AuditedProducts
from shelfwise.commands.output_places import check_output_folder
from shelfwise.core.catalog import Catalog
from shelfwise.core.counted import counted_kinds
from shelfwise.core.types import Bools, Context
from shelfwise.decision.label_errors import LabelErrorDetector, suspicion
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import keep_input
from shelfwise.errors import CatalogError
from shelfwise.model.predictor import Predictor
from shelfwise.reports.audit_report import NEAR_COPIES, write_findings

TABLES = ("audit.jsonl", "audit.csv")
"""What an audit leaves to be filled in."""

TOP_FRACTION = 0.1
"""Share of the products that is listed."""


def audit_catalog(
    model: Predictor,
    source: Path,
    out: Path,
    context: Context | None = None,
    top_fraction: float = TOP_FRACTION,
) -> dict[str, Any]:
    """List the products of `source` that are probably mis-tagged, most suspicious first.

    Leaves ``audit.jsonl`` and ``audit.csv`` in `out`, to be filled in and given to ``shelfwise train
    --corrections`` (see :mod:`shelfwise.catalog.corrections`), ``near_copies.jsonl`` with near-copies that
    have different labels, and ``index.html`` to look at.

    Args:
        top_fraction: share of the products to list, most suspicious first; at least one.

    Returns:
        Counts, the labels that are most often missing or wrong, notes, and where the files are.

    Raises:
        CatalogError: no product of `source` can be audited, `top_fraction` is not above 0 and at most 1, or
            somebody has filled in the tables of an earlier audit in `out`.
        StorageError: another run is writing to `out`, it holds something else, or `source` would be written
            over.
    """
    if not 0 < top_fraction <= 1:
        expected = "expected a number above 0 and at most 1, such as 0.1"
        raise CatalogError(f"cannot list a share of {top_fraction:g} of the products; {expected}")
    context = context or Context(seed=model.config.seed)
    check_output_folder(out, (*TABLES, NEAR_COPIES), ["index.html"])
    with claimed(out):
        keep_input(source, out / NEAR_COPIES)
        # before any work: decisions that people have typed are not there a second time
        for name in TABLES:
            keep_input(source, out / name)
            keep_decisions(out / name)
        return _audit(model, source, out, context, top_fraction)


def _audit(
    model: Predictor, source: Path, out: Path, context: Context, top_fraction: float
) -> dict[str, Any]:
    """As :func:`audit_catalog`, for the holder of the claim on `out`."""
    catalog = read_catalog(source, model.config.catalog, context).catalog
    catalog, left_out = auditable(catalog, model.labels)
    audited = AuditedProducts.of(model, catalog, context)
    # all scores are 0 where no member could read anything of a product
    scored: Bools = np.asarray(audited.scores.any(axis=1))
    products = int(scored.sum())
    left_out["products without any field to judge by"] = len(scored) - products
    if not products:
        fix = "give products with categories and with the fields the model reads"
        why = counted_kinds({reason: count for reason, count in left_out.items() if count})
        raise CatalogError(f"nothing to audit in {source}: {why}; {fix}")
    # a share of the products that can be judged, and one at least
    findings = _list_suspicious(model, audited, scored, max(1, round(top_fraction * products)))
    copies = disagreeing_copies(catalog, model.labels.mode, context)
    summary = {
        "source": str(source),
        "products": products,
        "left_out": {reason: count for reason, count in left_out.items() if count},
        "out_of_fold": int((scored & (audited.answer_rows < 0)).sum()),
        "listed": len(findings),
        "system": model.decide_with,
        "labels": _count_by_label(findings),
        "disagreeing_copies": len(copies.groups),
        "notes": [*_notes(model, audited), *copies.notes],
    }
    images = dict(zip(catalog.ids, catalog.image_sources(), strict=True))
    return summary | write_findings(summary, findings, copies.groups, out, images.get)


def auditable(catalog: Catalog, labels: LabelSet) -> tuple[Catalog, dict[str, int]]:
    """The products that carry at least one label the model knows; how many others there are, by reason."""
    categories = catalog.column("categories")
    # not known ones alone: why a product is left out is told
    tagged = np.array([paths is not None for paths in categories], np.bool_)
    known = labels.encode(categories).any(axis=1)
    left_out = {
        "products without categories": int((~tagged).sum()),
        "products without a category the model knows": int((tagged & ~known).sum()),
    }
    if known.all():
        return catalog, left_out
    return catalog.take(np.flatnonzero(known)), left_out


def _list_suspicious(
    model: Predictor, audited: AuditedProducts, scored: Bools, count: int
) -> list[dict[str, Any]]:
    """The `count` most suspicious of the `scored` products (N,), with what should be changed."""
    detector = _detector(model, audited)
    errors = detector.error_probabilities(audited.scores, audited.given, audited.places)
    # a product without scores would seem to lack all its labels
    evidence = np.where(scored, suspicion(errors), 0)
    order = np.argsort(-evidence, kind="stable")[:count]
    # nothing speaks against a product without evidence, even where few are listed
    order = order[evidence[order] > 0]
    listed = audited.take(order)
    suggested = detector.suggested_labels(listed.scores, listed.given, listed.places)
    # evidence is minus the logarithm of the probability that nothing is wrong
    suspicions = 1 - np.exp(-evidence[order])
    return describe_findings(model, listed, suggested, suspicions, errors[order])


def _detector(model: Predictor, audited: AuditedProducts) -> LabelErrorDetector:
    """Fitted on the model's out-of-fold scores; where it has none, on the audited products themselves."""
    if model.out_of_fold is None:
        return LabelErrorDetector.fit(audited.scores, audited.given)
    scores, targets = model.out_of_fold.dense()
    return LabelErrorDetector.fit(scores, targets > 0)


def _notes(model: Predictor, audited: AuditedProducts) -> list[str]:
    """What makes this audit weaker than it could be."""
    if model.nearest_neighbours is None:
        return []
    trained = set(model.nearest_neighbours.ids)
    predicted = (audited.answer_rows >= 0).tolist()
    # a training product that is predicted as if it were new
    repeated = 0
    for name, is_predicted in zip(audited.catalog.ids, predicted, strict=True):
        repeated += is_predicted and name in trained
    if not repeated:
        return []
    found = f"{repeated} of these products are training products"
    effect = "but the model kept no out-of-fold scores for them: it may repeat their mistakes"
    fix = "train with stacking.fitted_on = 'oof' and let a fusion decide"
    other_fix = "or leave split.validation_fraction at 0"
    return [f"{found}, {effect}; {fix}, {other_fix}"]


def _count_by_label(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often each label is listed as missing and as wrong, the most frequent first."""
    missing = Counter(name for finding in findings for name in finding["add"])
    wrong = Counter(name for finding in findings for name in finding["remove"])
    rows = []
    for name in {**missing, **wrong}:
        rows.append({"label": name, "missing": missing[name], "wrong": wrong[name]})
    return sorted(rows, key=lambda row: (-row["missing"] - row["wrong"], row["label"]))
