"""What a service tells of its model: labels, limits and what it was trained with. No path, no key."""

from __future__ import annotations

from typing import Any

import numpy as np

from shelfwise.core.catalog import SCHEMA
from shelfwise.decision.thresholds import Thresholds
from shelfwise.export.runtime import OnnxModel
from shelfwise.model.predictor import Predictor

MAX_PROBES = 16
"""Training products whose titles a new model is tried with."""


def model_facts(predictor: Predictor, digest: str) -> dict[str, Any]:
    """JSON-ready facts; also which further columns the model reads, and titles to try another model with."""
    exported = isinstance(predictor, OnnxModel)
    # callers give our own fields by their names, and all others as further columns
    own = [name for name in predictor.fields if name in SCHEMA.names]
    rule = predictor.decision_rule
    return {
        "digest": digest,
        "preset": predictor.config.preset,
        "final_system": predictor.decide_with,
        "fields": list(predictor.fields),
        "columns": [name for name in predictor.fields if name not in own],
        "exported": exported,
        "runs_on": _runs_on(exported),
        "precisions": [] if rule is None else _precisions(rule),
        "novelty": predictor.novelty is not None,
        "similar": not exported and predictor.nearest_neighbours is not None,
        "labels": _labels(predictor),
        "probes": _probes(predictor),
    }


def _runs_on(exported: bool) -> dict[str, str]:
    """What computes: the provider of an exported model, or the device of torch."""
    if exported:
        return {"provider": "CPUExecutionProvider"}
    # torch is not for exported models
    from shelfwise.nn.device import device_facts

    return device_facts()


def _precisions(rule: Any) -> list[float]:
    """The precisions that the model has limits for."""
    return sorted(float(precision) for precision in rule.acceptances)


def _labels(predictor: Predictor) -> list[dict[str, Any]]:
    """Name, path, parents, children, support and threshold of every label, in the model's order."""
    names = predictor.labels.names
    parents: dict[str, list[str]] = {name: [] for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    if predictor.taxonomy is not None:
        # sorted: the same model tells the same, byte by byte
        for child, parent in sorted(predictor.taxonomy.edges.tolist()):
            parents[names[child]].append(names[parent])
            children[names[parent]].append(names[child])
    paths = predictor.label_paths
    thresholds = _thresholds(predictor)
    support = _support(predictor)
    labels = []
    for place, name in enumerate(names):
        labels.append(
            {
                "name": name,
                "path": list(paths[place]),
                "parents": parents[name],
                "children": children[name],
                "support": None if support is None else support[place],
                "threshold": None if thresholds is None else thresholds[place],
            }
        )
    return labels


def _thresholds(predictor: Predictor) -> list[float] | None:
    """The score from which on each label is given; None where each product has a rule of its own."""
    rule = predictor.threshold_of(predictor.decide_with)
    if isinstance(rule, Thresholds):
        if rule.rule == "per_product":
            return None
        values = rule.values
    else:
        values = np.asarray(rule, np.float64)
    # one for all labels stands for each
    each: list[float] = np.broadcast_to(values, len(predictor.labels.names)).tolist()
    return each


def _support(predictor: Predictor) -> list[int] | None:
    """How many training products carry each label; None where no index tells."""
    index = predictor.nearest_neighbours
    # a migrated model's index has the labels of its training
    if index is None or predictor.label_mapping is not None:
        return None
    counts: list[int] = np.bincount(
        index.label_columns, minlength=len(predictor.labels.names)
    ).tolist()
    return counts


def _probes(predictor: Predictor) -> list[str]:
    """Titles of some training products, evenly spread."""
    index = predictor.nearest_neighbours
    if index is None:
        return []
    titles = [title for title in index.titles if title]
    step = max(1, len(titles) // MAX_PROBES)
    return titles[::step][:MAX_PROBES]
