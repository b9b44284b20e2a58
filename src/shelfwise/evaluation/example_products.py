"""Test products to look at: the worst mistakes, and those on which two modalities contradict each other.

Dimensions: N test products, L labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools
from shelfwise.explain.disagreement import contradictions
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions

MAX_MISTAKES = 24
"""Products listed as the worst mistakes."""

MIN_PROBABILITY = 1e-7
"""Smaller probabilities count as this one, so that no loss is infinite."""


def worst_mistakes(
    model: Model, catalog: Catalog, truth: Bools, decided: Bools, answers: MemberPredictions
) -> list[dict[str, Any]]:
    """The products whose scores are furthest from the truth, with the scores of each member.

    Args:
        truth: (N, L).
        decided: (N, L) the labels that the final system gives.
        answers: what the members predict for the N products.
    """
    scores = model.scores(answers)
    # log loss of a product: how unlikely the scores hold its true labels to be
    of_true = -np.log(np.maximum(scores, MIN_PROBABILITY))
    of_false = -np.log(np.maximum(1 - scores, MIN_PROBABILITY))
    loss = np.where(truth, of_true, of_false).sum(axis=1)
    rows = np.argsort(-loss, kind="stable")[:MAX_MISTAKES]
    # an array of names can be indexed by the columns of a row
    names = np.array(model.labels.names, dtype=object)
    products = catalog.take(rows)
    titles = products.column("title")
    images = products.column("image")
    mistakes = []
    for place, row in enumerate(rows):
        true = truth[row]
        given = decided[row]
        mistakes.append(
            {
                "id": products.ids[place],
                "title": titles[place],
                "image": images[place],
                "truth": names[true].tolist(),
                "decided": names[given].tolist(),
                "missed": names[true & ~given].tolist(),
                "wrong": names[given & ~true].tolist(),
                **_scores_of(model, answers, scores, row, np.flatnonzero(true | given)),
            }
        )
    return mistakes


def _scores_of(
    model: Model,
    answers: MemberPredictions,
    scores: np.ndarray[Any, Any],
    row: int,
    labels: np.ndarray[Any, Any],
) -> dict[str, Any]:
    """The final system's scores of some labels of one product, and those of its members."""
    names = model.labels.names
    # each member alone, to show which of them erred
    members = {}
    for member in model.members_of(model.decide_with):
        probabilities = answers.predictions[member].probabilities[row]
        members[member] = {names[i]: float(probabilities[i]) for i in labels}
    final = {names[i]: float(scores[row, i]) for i in labels}
    return {"scores": final, "members": members}


def contradicting_products(
    model: Model, catalog: Catalog, truth: Bools, answers: MemberPredictions
) -> list[dict[str, Any]]:
    """The test products with the strongest contradictions, and their labels in the catalogue."""
    found = contradictions(model, answers)
    names = model.labels.names
    # the products in the order of the contradictions, strongest first
    products = catalog.take([row for row, _, _ in found])
    titles = products.column("title")
    rows = []
    for place, (row, strength, sides) in enumerate(found):
        rows.append(
            {
                "id": products.ids[place],
                "title": titles[place],
                "strength": strength,
                "truth": [names[i] for i in np.flatnonzero(truth[row])],
                "sides": sides,
            }
        )
    return rows
