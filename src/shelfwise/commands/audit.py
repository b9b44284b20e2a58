"""Auditing a catalogue: which products are probably mis-tagged, which labels they lack or should not have, and why.

Products that the model learnt from are judged by its out-of-fold scores, others by its ordinary ones; see
:mod:`shelfwise.decision.label_errors` for how scores and labels are weighed.

Dimensions: N products audited, Q products listed, L labels, K neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from shelfwise.catalog.corrections_file import Correction
from shelfwise.catalog.labels import LabelSet, flatten
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats, Rows
from shelfwise.decision.label_errors import LabelErrorDetector, suspicion
from shelfwise.errors import CatalogError, PluginError
from shelfwise.model.predictor import MemberPredictions, Predictor
from shelfwise.reports.audit_report import write_findings

SHARE = 0.1
"""Share of the products that is listed."""

NEAR, SHOWN = 10, 3
"""Neighbours that are counted, and those of them that are shown."""


@dataclass(frozen=True)
class AuditedProducts:
    """N products and what the model makes of them.

    Args:
        catalog: the products.
        given: (N, L) their labels, as far as the model knows them.
        scores: (N, L) of the deciding system; all 0 for a product that it had nothing to judge by.
        places: (N,) where each stands among the products that a proofreader is fitted on, -1 for those that do not.
        answers: what the deciding system's members say of the products without an out-of-fold score.
        at: (N,) the row of `answers`; -1 for the products with one.
    """

    catalog: Catalog
    given: Bools
    scores: Floats
    places: Rows
    answers: MemberPredictions
    at: Rows

    @classmethod
    def of(cls, model: Predictor, catalog: Catalog, context: Context) -> AuditedProducts:
        """Out-of-fold scores for the products that have them, ordinary ones for the others."""
        given = model.labels.encode(catalog.column("categories")) > 0
        honest, scores = model.out_of_fold, np.zeros(given.shape, np.float32)
        places = np.full(len(given), -1, np.int64) if honest is None else honest.rows(catalog.ids)
        asked, at, answers = (
            np.flatnonzero(places < 0),
            np.full(len(given), -1, np.int64),
            MemberPredictions({}),
        )
        if honest is not None:
            scores[places >= 0] = honest.scores[places[places >= 0]].toarray()
        if len(asked):
            answers = model.predict_members(catalog.take(asked), context)
            scores[asked], at[asked] = model.scores(answers), np.arange(len(asked))
        return cls(catalog, given, scores, np.arange(len(given)) if honest is None else places, answers, at)

    def take(self, rows: Rows) -> AuditedProducts:
        """The given products, in that order."""
        parts = {name: getattr(self, name)[rows] for name in ("given", "scores", "places", "at")}
        return replace(self, catalog=self.catalog.take(rows), **parts)


def audit_catalog(
    model: Predictor, source: Path, out: Path, context: Context | None = None, share: float = SHARE
) -> dict[str, Any]:
    """List the products of `source` that are probably mis-tagged, most suspicious first.

    Leaves ``audit.jsonl`` and ``audit.csv`` in `out`, to be filled in and given to ``shelfwise train --corrections``
    (see :mod:`shelfwise.catalog.corrections_file`), and ``index.html`` to look at.

    Args:
        share: of the products to list, most suspicious first; at least one.

    Returns:
        Counts, the labels that are most often missing or wrong, notes, and where the files are.

    Raises:
        CatalogError: no product of `source` can be audited, or `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise CatalogError(
            f"cannot list a share of {share:g} of the products; expected a number above 0 and at most 1, such as 0.1"
        )
    context = context or Context(seed=model.config.seed)
    catalog = read_catalog(source, model.config.catalog, context).catalog
    catalog, left_out = auditable(catalog, model.labels)
    judged = AuditedProducts.of(model, catalog, context)
    heard = np.asarray(judged.scores.any(axis=1))
    left_out |= {"products without any field to judge by": int((~heard).sum())}
    if not heard.any():
        raise CatalogError(
            f"nothing to audit in {source}: {left_out}; give products with categories and with the fields the model reads"
        )
    findings = _listed(model, judged, heard, max(1, round(share * int(heard.sum()))))
    summary = {
        "source": str(source),
        "products": int(heard.sum()),
        "left_out": {reason: count for reason, count in left_out.items() if count},
        "out_of_fold": int((heard & (judged.at < 0)).sum()),
        "listed": len(findings),
        "system": model.decide_with,
        "labels": _by_label(findings),
        "notes": _notes(model, judged),
    }
    pictures = dict(zip(catalog.ids, catalog.image_paths(), strict=True))
    return summary | write_findings(summary, findings, out, pictures.get)


def auditable(catalog: Catalog, labels: LabelSet) -> tuple[Catalog, dict[str, int]]:
    """The products that carry at least one label the model knows; how many others there are, by reason."""
    categories = catalog.column("categories")
    tagged = np.array([paths is not None for paths in categories], np.bool_)
    known = labels.encode(categories).any(axis=1)
    left_out = {
        "products without categories": int((~tagged).sum()),
        "products without a category the model knows": int((tagged & ~known).sum()),
    }
    return (catalog if known.all() else catalog.take(np.flatnonzero(known))), left_out


def _listed(model: Predictor, judged: AuditedProducts, heard: Bools, most: int) -> list[dict[str, Any]]:
    """The `most` suspicious of the products that were `heard` (N,), with what should be changed."""
    proofreader = _proofreader(model, judged)
    doubts = proofreader.error_probabilities(judged.scores, judged.given, judged.places)
    evidence = np.where(heard, suspicion(doubts), 0)
    order = np.argsort(-evidence, kind="stable")[:most]
    order = order[evidence[order] > 0]
    listed = judged.take(order)
    suggested = proofreader.suggested_labels(listed.scores, listed.given, listed.places)
    return _findings(model, listed, suggested, 1 - np.exp(-evidence[order]), doubts[order])


def _proofreader(model: Predictor, judged: AuditedProducts) -> LabelErrorDetector:
    """Fitted on the model's out-of-fold scores; where it has none, on the audited products themselves."""
    if model.out_of_fold is None:
        return LabelErrorDetector.fit(judged.scores, judged.given)
    scores, targets = model.out_of_fold.dense()
    return LabelErrorDetector.fit(scores, targets > 0)


def _notes(model: Predictor, judged: AuditedProducts) -> list[str]:
    """What makes this audit weaker than it could be."""
    seen = set() if model.nearest_neighbours is None else set(model.nearest_neighbours.ids)
    repeated = sum(
        name in seen and at >= 0 for name, at in zip(judged.catalog.ids, judged.at.tolist(), strict=True)
    )
    if not repeated:
        return []
    return [
        f"{repeated} of these products were learnt from, but the model kept no out-of-fold scores for them: it may repeat their "
        "mistakes; train with stacking.fitted_on = 'oof' and let a fusion decide, or leave split.validation_fraction at 0"
    ]


def _findings(
    model: Predictor, listed: AuditedProducts, suggested: Bools, suspicion: Floats, doubts: csr_array
) -> list[dict[str, Any]]:
    """One entry a listed product, as it stands in ``audit.jsonl``."""
    names, near = model.labels.names, _nearest(model, listed)
    titles, categories = listed.catalog.column("title"), listed.catalog.column("categories")
    findings = []
    for row, identity in enumerate(listed.catalog.ids):
        given = flatten(categories[row], model.labels.mode)
        changed = np.flatnonzero(suggested[row] != listed.given[row]).tolist()
        add, remove = (
            tuple(names[i] for i in changed if suggested[row, i] == wanted) for wanted in (True, False)
        )
        better = Correction(id=identity, decision="accept", add=add, remove=remove).wanted(
            given, model.labels.mode
        )
        evidence = {
            names[i]: {
                "is": "missing" if suggested[row, i] else "wrong",
                "score": float(listed.scores[row, i]),
                "doubt": float(doubts[row, i]),
                "members": _said(model, listed, row, i),
                "near": None
                if near is None
                else _neighbours(model, near[0][row], near[1][row], i, bool(suggested[row, i])),
            }
            for i in changed
            if names[i] in better ^ given
        }
        findings.append(
            {
                "id": identity,
                "title": titles[row],
                "suspicion": float(suspicion[row]),
                "given": sorted(given),
                "suggested": sorted(better),
                "add": sorted(better - given),
                "remove": sorted(given - better),
                "evidence": evidence,
                "decision": None,
            }
        )
    return findings


def _said(model: Predictor, listed: AuditedProducts, row: int, label: int) -> dict[str, float]:
    """What each member says of a label; nothing of products with an out-of-fold score, which the members have seen."""
    at = int(listed.at[row])
    said = {} if at < 0 else listed.answers.predictions
    return {
        name: float(model.map_labels(answer.probabilities[[at]])[0, label])
        for name, answer in said.items()
        if answer.present[at]
    }


def _nearest(model: Predictor, listed: AuditedProducts) -> tuple[Floats, Rows] | None:
    """Similarities and rows (Q, K) of the training products nearest to each listed one, itself left out; None without an index."""
    index, names = model.nearest_neighbours, np.array(listed.catalog.ids, dtype=object)
    if index is None:
        return None
    known = np.isin(names, np.array(index.ids, dtype=object))
    width = min(NEAR, len(index.ids) - 1)
    similarities, rows = np.zeros((len(names), width), np.float32), np.full((len(names), width), -1, np.int64)
    try:
        if known.any():
            similarities[known], rows[known] = index.nearest_others(names[known].tolist(), width)
        if not known.all():
            at = listed.at[~known]
            features = {
                name: listed.answers.predictions[name].features[at]
                for name in model.members_of(model.decide_with)
            }
            similarities[~known], rows[~known] = index.nearest(features, width)
    except PluginError:  # faiss is not installed: the audit does without this evidence
        return None
    return similarities, rows


def _neighbours(
    model: Predictor, similarities: Floats, rows: Rows, label: int, wanted: bool
) -> dict[str, Any]:
    """How many of the K nearest carry the label, and the nearest of those that speak for the change."""
    assert model.nearest_neighbours is not None
    index, there = model.nearest_neighbours, np.flatnonzero(rows >= 0).tolist()
    carry = [label in index.labels_of(int(rows[k])) for k in there]
    speaking = [k for k, has in zip(there, carry, strict=True) if has == wanted][:SHOWN]
    shown = [
        {"id": index.ids[rows[k]], "title": index.titles[rows[k]], "similarity": float(similarities[k])}
        for k in speaking
    ]
    return {"of": len(there), "carry": sum(carry), "shown": shown}


def _by_label(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often each label is listed as missing and as wrong, the most frequent first."""
    missing = Counter(name for finding in findings for name in finding["add"])
    wrong = Counter(name for finding in findings for name in finding["remove"])
    rows = [{"label": name, "missing": missing[name], "wrong": wrong[name]} for name in {**missing, **wrong}]
    return sorted(rows, key=lambda row: (-row["missing"] - row["wrong"], row["label"]))
