"""Scoring a fitted model on products it has not seen: every system, every table, one dictionary."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats
from shelfwise.errors import PluginError
from shelfwise.explain.disagreement import contradictions
from shelfwise.metrics import error_analysis
from shelfwise.metrics import multilabel as metrics
from shelfwise.metrics.bootstrap import bootstrap_interval
from shelfwise.metrics.calibration import calibration_figures
from shelfwise.metrics.hierarchical import hierarchical_metrics
from shelfwise.metrics.retrieval import label_recall
from shelfwise.metrics.selective import coverage_at_precision, queue_figures
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions, Predictor

MISTAKES = 24
QUERIES = 2000
"""Most test products, evenly spaced, whose similar products are looked up."""

CUTS = (1, 5, 10)
"""The k of recall@k."""


def evaluate_model(model: Model, catalog: Catalog, targets: Floats, context: Context) -> dict[str, Any]:
    """Score every system of `model` on `catalog` with its targets (N, L).

    Returns:
        The parts "members", "systems", "decide_with", "errors", "labels", "decisions", "mistakes", "disagreements", "similar" and
        "notes" of results.json.
    """
    answers = model.predict_members(catalog, context, model.members)
    truth = targets > 0
    systems: dict[str, Any] = {name: {"not_run": reason} for name, reason in model.facts["not_run"].items()}
    decided: dict[str, Bools] = {}
    for name in model.systems:
        systems[name], decided[name] = score_system(model, name, answers, truth)
    best = decided[model.decide_with]
    return {
        "members": {name: _member_facts(model, name, answers) for name in model.members},
        "systems": systems,
        "decide_with": model.decide_with,
        "errors": _errors(model, truth, decided),
        "labels": _label_rows(truth, best, model.labels.names),
        "decisions": _decisions(model, answers, truth),
        "mistakes": _mistakes(model, catalog, truth, best, answers),
        "disagreements": _disagreements(model, catalog, truth, answers),
        "similar": similar_figures(model, answers, truth),
        "notes": list(dict.fromkeys(f["note"] for f in model.facts["provenance"].values() if f.get("note"))),
    }


def score_system(
    model: Predictor, name: str, answers: MemberPredictions, truth: Bools
) -> tuple[dict[str, Any], Bools]:
    """One system's entry of results.json, and its decisions (N, L) by the model's own rule (0.5 or tuned)."""
    started = time.perf_counter()
    scores = model.scores(answers, name)
    seconds = time.perf_counter() - started + sum(answers.seconds[m] for m in model.members_of(name))
    threshold, evaluation = model.thresholds[name], model.config.evaluation
    rule = threshold if isinstance(model.config.threshold, float) else model.threshold_of(name)
    at_half, tuned, own = (model.decide(scores, name, by) for by in (0.5, rule, None))
    figures = metrics.evaluate(truth, scores, {"at_0.5": at_half, "tuned": tuned})
    if model.taxonomy is not None and len(model.taxonomy.edges):
        figures["hierarchical"] = hierarchical_metrics(truth, own, model.taxonomy.close_under_ancestors)

    def interval(decisions: Bools) -> list[float] | None:
        if not evaluation.bootstrap:
            return None
        return list(bootstrap_interval(truth, decisions, "micro_f1", evaluation.bootstrap, model.config.seed))

    entry = {
        "policy": model.config.systems[name].policy if name in model.config.systems else None,
        "members": list(model.members_of(name)),
        "micro_f1": figures["at_0.5"]["micro_f1"],
        "micro_f1_interval": interval(at_half),
        "micro_f1_tuned": figures["tuned"]["micro_f1"],
        "micro_f1_tuned_interval": interval(tuned),
        "macro_f1": figures["at_0.5"]["macro_f1"],
        "macro_f1_tuned": figures["tuned"]["macro_f1"],
        "threshold": threshold,
        "seconds_fit": _seconds_fit(model, name),
        "seconds_predict": seconds,
        "metrics": figures,
        "facts": model.facts["policies"].get(name, {}),
    }
    return entry, own


def _decisions(model: Model, answers: MemberPredictions, truth: Bools) -> dict[str, Any] | None:
    """How far the deciding system's probabilities can be believed, and what may be decided without a person looking."""
    decider, name = model.decision_rule, model.decide_with
    if decider is None:
        return None
    likely = model.scores(answers)
    given = model.decide(likely)
    queues = {}
    for precision in decider.acceptances:
        queued = decider.queues(likely, given, precision)
        queues[f"{precision:g}"] = {
            **queue_figures(truth, given, queued.labels, queued.products),
            "coverage_in_hindsight": coverage_at_precision(truth, likely, precision),
        }
    return {
        **decider.facts(),
        "before": calibration_figures(truth, model.raw_scores(answers, name)),
        "after": calibration_figures(truth, likely),
        "queues": queues,
    }


def stages_of(model: Predictor, name: str) -> list[str]:
    """The stages of the training that had to be done for this system: its members with their folds, and its policy."""
    wanted = {f"system.{name}", f"cross.{name}"}
    for member in model.members_of(name):
        wanted |= {f"prepare.{member}", f"member.{member}"}
        if name in model.config.systems:
            wanted |= {
                f"answers.{member}",
                *(f"fold.{member}.{fold}" for fold in range(model.config.stacking.folds)),
            }
    return [stage for stage in model.facts["seconds"] if stage in wanted]


def _seconds_fit(model: Predictor, name: str) -> float:
    return float(sum(model.facts["seconds"][stage] for stage in stages_of(model, name)))


def similar_figures(model: Model, answers: MemberPredictions, truth: Bools) -> dict[str, Any] | None:
    """How well the nearest training products share the test products' labels; see :func:`~shelfwise.metrics.retrieval.label_recall`.

    Nearness is that of the deciding system's features; None for a model without an index of similar products.
    """
    if model.nearest_neighbours is None:
        return None
    rows = np.linspace(0, len(truth) - 1, min(QUERIES, len(truth)), dtype=np.int64)
    features = {
        name: answers.predictions[name].features[rows] for name in model.members_of(model.decide_with)
    }
    try:
        _, near = model.nearest_neighbours.nearest(features, max(CUTS))
    except PluginError as error:
        return {"not_run": str(error)}
    return label_recall(near, model.nearest_neighbours.targets(truth.shape[1]), truth[rows], CUTS)


def _member_facts(model: Model, name: str, answers: MemberPredictions) -> dict[str, Any]:
    wanted = model.config.members[name]
    return {
        "modality": wanted.modality,
        "field": wanted.field,
        "provenance": model.facts["provenance"][name],
        "present": int(answers.predictions[name].present.sum()),
        "refused": [vars(r) for r in answers.refused if r.field == wanted.field],
        "seconds_fit": _seconds_fit(model, name),
        "seconds_predict": answers.seconds[name],
    }


def _errors(model: Model, truth: Bools, decided: Mapping[str, Bools]) -> dict[str, Any]:
    """Tables 2 and 4: the members alone, and the fusion of them all."""
    names, top = model.labels.names, model.config.evaluation.top
    fused = "image+title+description"
    shown = [
        *model.members,
        *(
            [fused]
            if fused in model.policies
            else [model.decide_with]
            if model.decide_with in model.policies
            else []
        ),
    ]
    columns = {name: error_analysis.error_table(truth, decided[name], names, top) for name in shown}
    return {
        "columns": columns,
        "overlap": error_analysis.overlap({name: columns[name] for name in model.members}),
        "rarity": {name: error_analysis.rarity(truth, decided[name]) for name in shown},
        "changes": error_analysis.changes(
            truth, {name: decided[name] for name in model.members}, decided[shown[-1]], names, top
        ),
    }


def _label_rows(truth: Bools, decided: Bools, names: tuple[str, ...]) -> list[dict[str, Any]]:
    per = metrics.per_label(truth, decided)
    columns = ("support", "precision", "recall", "f1")
    return [{"label": name, **{c: per[c][i].item() for c in columns}} for i, name in enumerate(names)]


def _mistakes(
    model: Model, catalog: Catalog, truth: Bools, decided: Bools, answers: MemberPredictions
) -> list[dict[str, Any]]:
    """The products whose decision is furthest from the truth, with what each member said."""
    scores = model.scores(answers)
    loss = np.where(truth, -np.log(np.maximum(scores, 1e-7)), -np.log(np.maximum(1 - scores, 1e-7))).sum(
        axis=1
    )
    names = np.array(model.labels.names, dtype=object)
    members = model.members_of(model.decide_with)
    rows = np.argsort(-loss, kind="stable")[:MISTAKES]
    products = catalog.take(rows)
    mistakes = []
    for row, identity, title, image in zip(
        rows, products.ids, products.column("title"), products.column("image"), strict=True
    ):
        shown = np.flatnonzero(truth[row] | decided[row])
        mistakes.append(
            {
                "id": identity,
                "title": title,
                "image": image,
                "truth": names[truth[row]].tolist(),
                "decided": names[decided[row]].tolist(),
                "missed": names[truth[row] & ~decided[row]].tolist(),
                "wrong": names[decided[row] & ~truth[row]].tolist(),
                "scores": {names[i]: float(scores[row, i]) for i in shown},
                "members": {
                    m: {names[i]: float(answers.predictions[m].probabilities[row, i]) for i in shown}
                    for m in members
                },
            }
        )
    return mistakes


def _disagreements(
    model: Model, catalog: Catalog, truth: Bools, answers: MemberPredictions
) -> list[dict[str, Any]]:
    """The test products with the strongest contradictions, and their labels in the catalogue."""
    found, names = contradictions(model, answers), model.labels.names
    products = catalog.take([row for row, _, _ in found])
    return [
        {
            "id": identity,
            "title": title,
            "strength": strength,
            "truth": [names[i] for i in np.flatnonzero(truth[row])],
            "sides": sides,
        }
        for (row, strength, sides), identity, title in zip(
            found, products.ids, products.column("title"), strict=True
        )
    ]
