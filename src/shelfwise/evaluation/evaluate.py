"""Scoring a trained model on products it has not seen: every system, every table, one dictionary.

Dimensions: N test products, L labels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Matrix, MultiHot
from shelfwise.errors import PluginError
from shelfwise.evaluation.caveats import (
    caveats,
    copies_figures,
    copies_of_training,
    unknown_labels,
)
from shelfwise.evaluation.decision_figures import decision_figures
from shelfwise.evaluation.example_products import contradicting_products, worst_mistakes
from shelfwise.metrics import error_analysis
from shelfwise.metrics import multilabel as metrics
from shelfwise.metrics.bootstrap import STATISTICS, Statistic, bootstrap_intervals
from shelfwise.metrics.counts import Counts
from shelfwise.metrics.hierarchical import hierarchical_metrics
from shelfwise.metrics.retrieval import label_recall
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions, Predictor

PAPERS_FUSION = "image+title+description"
"""The fusion of all modalities in the paper's tables 2 and 4."""

MAX_QUERIES = 2000
"""Most test products, evenly spaced, whose similar products are looked up."""

RECALL_AT = (1, 5, 10)
"""The k of recall@k."""


def evaluate_model(
    model: Model,
    catalog: Catalog,
    targets: Matrix,
    context: Context,
    training: Catalog | None = None,
) -> dict[str, Any]:
    """Score every system of `model` on `catalog` with its targets (N, L).

    Where these are sparse, scores are sparse, too, and each product's highest alone are kept.

    Args:
        training: the training products, to find copies of them among those of `catalog`.

    Returns:
        The parts "members", "systems", "decide_with", "errors", "labels", "decisions", "mistakes",
        "disagreements", "similar", "refused", "unknown_labels", "near_copies" and "notes" of results.json.
    """
    # each member predicts once, and every system is computed from that
    large = sp.issparse(targets)
    answers = model.predict_members(catalog, context, model.members, highest_only=large)
    truth = targets > 0
    systems: dict[str, Any] = {
        name: {"not_run": reason} for name, reason in model.facts["not_run"].items()
    }
    decided: dict[str, MultiHot] = {}
    for name in model.systems:
        systems[name], decided[name] = score_system(model, name, answers, truth)
    final = decided[model.decide_with]
    similar = similar_figures(model, answers, truth)
    # only policies that read features want them again
    if all(policy.reads == "scores" for policy in model.policies.values()):
        answers = answers.without_features()
    # several members may have the same note, and one is enough
    provenance = model.facts["provenance"].values()
    notes = dict.fromkeys(facts["note"] for facts in provenance if facts.get("note"))
    given = Counts.of(truth, final, axis=None)
    unknown = unknown_labels(catalog, model.labels).to_dict(given)
    copies = None
    if training is not None:
        copies = copies_figures(copies_of_training(training, catalog), truth, final)
    notes |= dict.fromkeys(caveats(unknown, copies))
    notes |= dict.fromkeys(_draw_note(model.facts.get("learnt_from")))
    notes |= dict.fromkeys(_folds_note(model))
    return {
        "members": {name: _member_facts(model, name, answers) for name in model.members},
        "systems": systems,
        "decide_with": model.decide_with,
        "errors": _error_tables(model, truth, decided),
        "labels": _label_rows(truth, final, model.labels.names),
        "decisions": decision_figures(model, answers, truth),
        "mistakes": worst_mistakes(model, catalog, truth, final, answers),
        "disagreements": contradicting_products(model, catalog, truth, answers),
        "similar": similar,
        "refused": refused_fields(model, answers),
        "unknown_labels": unknown,
        "near_copies": copies,
        "notes": list(notes),
    }


def _draw_note(learnt_from: dict[str, int] | None) -> list[str]:
    """A sentence where only some products were learnt from; none where all were."""
    if learnt_from is None:
        return []
    some = f"{learnt_from['drawn']:,} of {learnt_from['of']:,} products"
    return [
        f"fusion policies, calibration, thresholds and limits learnt from a draw of {some}, in which rare "
        "labels stay (max_products under [stacking])"
    ]


def _folds_note(model: Model) -> list[str]:
    """A sentence where there were fewer folds than the settings have, as of many products; none elsewhere."""
    wanted = model.config.stacking.folds
    # a model that was saved before does not say: it had as many as its settings
    folds = model.facts.get("folds", wanted)
    if folds == wanted:
        return []
    return [
        f"out-of-fold scores are of {folds} folds, not {wanted}, as there are many training products "
        "(three_folds_from under [stacking])"
    ]


def refused_fields(model: Model, answers: MemberPredictions) -> dict[str, list[dict[str, str]]]:
    """The fields of training and test products that were there and could not be used: id, field and reason.

    Args:
        answers: what the members predict for the test products.
    """
    return {
        "training": [vars(rejected) for rejected in model.training_refused],
        "test": [vars(rejected) for rejected in answers.refused],
    }


def score_system(
    model: Predictor, name: str, answers: MemberPredictions, truth: MultiHot
) -> tuple[dict[str, Any], MultiHot]:
    """One system's entry of results.json, and its decisions (N, L) by the model's own rule (0.5 or tuned).

    Args:
        name: the system.
        answers: what its members predict for the N products.
        truth: (N, L).
    """
    started = time.perf_counter()
    scores = model.scores(answers, name)
    seconds = time.perf_counter() - started
    # a system takes as long as its members and their fusion together
    seconds += sum(answers.seconds[member] for member in model.members_of(name))
    decisions = {
        "at_0.5": model.decide(scores, name, 0.5),
        "tuned": model.decide(scores, name, model.tuned_threshold_of(name)),
    }
    figures = metrics.evaluate(truth, scores, decisions)
    # what the model would give: by the fixed threshold, or by the fitted rule
    decided = model.decide(scores, name)
    taxonomy = model.taxonomy
    if taxonomy is not None and len(taxonomy.edges):
        closed = taxonomy.close_under_ancestors
        figures["hierarchical"] = hierarchical_metrics(truth, decided, closed)
    system = model.config.systems.get(name)
    at_half = figures["at_0.5"]
    tuned = figures["tuned"]
    intervals = _intervals(model, truth, decisions)
    entry = {
        "policy": None if system is None else system.policy,
        "members": list(model.members_of(name)),
        "micro_f1": at_half["micro_f1"],
        "micro_f1_interval": intervals["at_0.5"]["micro_f1"],
        "micro_f1_tuned": tuned["micro_f1"],
        "micro_f1_tuned_interval": intervals["tuned"]["micro_f1"],
        "macro_f1": at_half["macro_f1"],
        "macro_f1_interval": intervals["at_0.5"]["macro_f1"],
        "macro_f1_tuned": tuned["macro_f1"],
        "macro_f1_tuned_interval": intervals["tuned"]["macro_f1"],
        "threshold": model.thresholds[name],
        "seconds_fit": _seconds_fit(model, name),
        "seconds_predict": seconds,
        "metrics": figures,
        "facts": model.facts["policies"].get(name, {}),
    }
    return entry, decided


def stages_of(model: Predictor, name: str) -> list[str]:
    """The stages of the training that a system needed: those of its members, with folds, and its own."""
    fused = name in model.config.systems
    wanted = {f"system.{name}", f"cross.{name}"}
    for member in model.members_of(name):
        wanted |= {f"prepare.{member}", f"member.{member}"}
        # a fusion is fitted on out-of-fold scores of its members, which a member alone does without
        if fused:
            wanted.add(f"answers.{member}")
            wanted |= {f"fold.{member}.{fold}" for fold in range(model.config.stacking.folds)}
    # in the order in which they were run
    return [stage for stage in model.seconds if stage in wanted]


def similar_figures(
    model: Predictor, answers: MemberPredictions, truth: MultiHot
) -> dict[str, Any] | None:
    """How well the nearest training products share the test products' labels.

    Similar is by the features of the final system.

    Returns:
        As :func:`~shelfwise.metrics.retrieval.label_recall`; None for a model without an index.
    """
    index = model.nearest_neighbours
    if index is None:
        return None
    # evenly spaced, so that no part of the catalogue is left out
    products, labels = truth.shape
    count = min(MAX_QUERIES, products)
    rows = np.linspace(0, products - 1, count, dtype=np.int64)
    features = {}
    for name in model.members_of(model.decide_with):
        features[name] = answers.predictions[name].features[rows]
    # the library that searches is optional
    try:
        _, near = index.nearest(features, max(RECALL_AT))
    except PluginError as error:
        return {"not_run": str(error)}
    return label_recall(near, index.sparse_targets(labels), truth[rows], RECALL_AT)


def _intervals(
    model: Predictor, truth: MultiHot, decisions: Mapping[str, MultiHot]
) -> dict[str, dict[Statistic, list[float] | None]]:
    """The 95 % intervals of each decision; None for each where the settings ask for none."""
    resamples = model.config.evaluation.bootstrap
    if not resamples:
        return {name: dict.fromkeys(STATISTICS) for name in decisions}
    found = bootstrap_intervals(truth, decisions, resamples, model.config.seed)
    # as JSON has them
    return {name: {one: list(ends) for one, ends in of.items()} for name, of in found.items()}


def _seconds_fit(model: Predictor, name: str) -> float:
    return float(sum(model.seconds[stage] for stage in stages_of(model, name)))


def _member_facts(model: Model, name: str, answers: MemberPredictions) -> dict[str, Any]:
    """One member's entry of results.json."""
    settings = model.config.members[name]
    return {
        "modality": settings.modality,
        "field": settings.field,
        "provenance": model.facts["provenance"][name],
        "present": int(answers.predictions[name].present.sum()),
        "refused": [
            vars(rejected) for rejected in answers.refused if rejected.field == settings.field
        ],
        "seconds_fit": _seconds_fit(model, name),
        "seconds_predict": answers.seconds[name],
    }


def _error_tables(model: Model, truth: MultiHot, decided: Mapping[str, MultiHot]) -> dict[str, Any]:
    """Tables 2 and 4: the members alone, and one fusion: the paper's where it ran, else the final system."""
    names = model.labels.names
    top = model.config.evaluation.top
    shown = list(model.members)
    fusions = [name for name in (PAPERS_FUSION, model.decide_with) if name in model.policies]
    shown += fusions[:1]
    columns = {name: error_analysis.error_table(truth, decided[name], names, top) for name in shown}
    singles = {name: decided[name] for name in model.members}
    # compared with the best single one; without a fusion it is a member itself
    last = decided[shown[-1]]
    return {
        "columns": columns,
        "overlap": error_analysis.overlap({name: columns[name] for name in singles}),
        "rarity": {name: error_analysis.rarity(truth, decided[name]) for name in shown},
        "changes": error_analysis.changes(truth, singles, last, names, top),
    }


def _label_rows(truth: MultiHot, decided: MultiHot, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Support, precision, recall and F1 of every label."""
    figures = metrics.per_label(truth, decided)
    # numpy's numbers become Python's, which JSON knows
    columns = ("support", "precision", "recall", "f1")
    rows = []
    for i, name in enumerate(names):
        values = {column: figures[column][i].item() for column in columns}
        rows.append({"label": name, **values})
    return rows
