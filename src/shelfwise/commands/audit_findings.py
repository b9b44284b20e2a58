"""The products an audit lists, as entries of ``audit.jsonl``: what should be changed, and the evidence.

Dimensions: Q products listed, L labels, K neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from shelfwise.catalog.corrections_file import Correction
from shelfwise.catalog.labels import flatten
from shelfwise.commands.audited_products import AuditedProducts
from shelfwise.core.types import Bools, Float64Array, Floats, Rows
from shelfwise.errors import PluginError
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.predictor import Predictor

MAX_COUNTED = 10
"""Neighbours that are counted."""

MAX_SHOWN = 3
"""Of those that support a change, how many are shown."""

Finding = dict[str, Any]


def describe_findings(
    model: Predictor,
    listed: AuditedProducts,
    suggested: Bools,
    suspicions: Float64Array,
    errors: csr_array,
) -> list[Finding]:
    """One entry a listed product.

    Args:
        suggested: (Q, L) the labels that the products should have.
        suspicions: (Q,) the probability that anything is wrong.
        errors: (Q, L) the probability that each label is wrong or missing.
    """
    nearest = _nearest(model, listed)
    titles = listed.catalog.column("title")
    categories = listed.catalog.column("categories")
    mode = model.labels.mode
    findings = []
    for row, identity in enumerate(listed.catalog.ids):
        given = flatten(categories[row], mode)
        better = _corrected(model, identity, given, listed.given[row], suggested[row])
        evidence = {}
        for label in np.flatnonzero(suggested[row] != listed.given[row]).tolist():
            name = model.labels.names[label]
            # a change that the product's other paths undo again is none
            if name not in better ^ given:
                continue
            missing = bool(suggested[row, label])
            near = None
            if nearest is not None:
                near = _neighbour_evidence(*nearest, row, label, missing)
            evidence[name] = {
                "is": "missing" if missing else "wrong",
                # what a person needs to see to agree or not
                "score": float(listed.scores[row, label]),
                "doubt": float(errors[row, label]),
                "members": _member_scores(model, listed, row, label),
                "near": near,
            }
        findings.append(
            {
                "id": identity,
                "title": titles[row],
                "suspicion": float(suspicions[row]),
                "given": sorted(given),
                "suggested": sorted(better),
                "add": sorted(better - given),
                "remove": sorted(given - better),
                "evidence": evidence,
                "decision": None,
            }
        )
    return findings


def _corrected(
    model: Predictor, identity: str, given: set[str], has: Bools, should_have: Bools
) -> set[str]:
    """The product's labels after the suggested change; those that the model does not know stay."""
    names = model.labels.names
    add = tuple(names[i] for i in np.flatnonzero(should_have & ~has))
    remove = tuple(names[i] for i in np.flatnonzero(has & ~should_have))
    correction = Correction(id=identity, decision="accept", add=add, remove=remove)
    return correction.wanted(given, model.labels.mode)


def _member_scores(
    model: Predictor, listed: AuditedProducts, row: int, label: int
) -> dict[str, float]:
    """What each member predicts for a label; nothing of products with an out-of-fold score.

    The members were trained on those.
    """
    answer_row = int(listed.answer_rows[row])
    if answer_row < 0:
        return {}
    scores = {}
    for name, prediction in listed.answers.predictions.items():
        if prediction.present[answer_row]:
            mapped = model.map_labels(prediction.probabilities[[answer_row]])
            scores[name] = float(mapped[0, label])
    return scores


def _nearest(model: Predictor, listed: AuditedProducts) -> tuple[Neighbours, Floats, Rows] | None:
    """The index, and similarities and rows (Q, K) of the training products nearest to each listed one.

    A product is not its own neighbour. None without an index.
    """
    index = model.nearest_neighbours
    if index is None:
        return None
    names = np.array(listed.catalog.ids, dtype=object)
    trained = np.isin(names, np.array(index.ids, dtype=object))
    width = min(MAX_COUNTED, len(index.ids) - 1)
    similarities = np.zeros((len(names), width), np.float32)
    rows = np.full((len(names), width), -1, np.int64)
    try:
        # training products are in the index, new ones are searched by their features
        if trained.any():
            similarities[trained], rows[trained] = index.nearest_others(
                names[trained].tolist(), width
            )
        if not trained.all():
            features = _features(model, listed, ~trained)
            similarities[~trained], rows[~trained] = index.nearest(features, width)
    except PluginError:
        # without faiss the audit does without this evidence
        return None
    return index, similarities, rows


def _features(model: Predictor, listed: AuditedProducts, chosen: Bools) -> dict[str, Floats]:
    """The features of the chosen products, by member."""
    answer_rows = listed.answer_rows[chosen]
    features = {}
    for name in model.members_of(model.decide_with):
        features[name] = listed.answers.predictions[name].features[answer_rows]
    return features


def _neighbour_evidence(
    index: Neighbours, similarities: Floats, rows: Rows, row: int, label: int, missing: bool
) -> dict[str, Any]:
    """How many of a product's K nearest carry the label, and the nearest of those that support the change.

    Args:
        missing: whether the label is to be added: then carriers support it, else the others do.
    """
    # a row below 0 stands for no product
    found = np.flatnonzero(rows[row] >= 0).tolist()
    carriers = 0
    supporting = []
    for place in found:
        neighbour = int(rows[row, place])
        carries = label in index.labels_of(neighbour)
        carriers += carries
        if carries == missing:
            similarity = float(similarities[row, place])
            facts = {"id": index.ids[neighbour], "title": index.titles[neighbour]}
            supporting.append({**facts, "similarity": similarity})
    return {"of": len(found), "carry": carriers, "shown": supporting[:MAX_SHOWN]}
