"""Test products to look at: the worst mistakes, and those on which two modalities contradict each other.

Dimensions: N test products, L labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.sparse_scores import dense, row_slices
from shelfwise.core.types import Bools, Floats, MultiHot, Rows
from shelfwise.explain.disagreement import contradictions
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions

MAX_MISTAKES = 24
"""Products listed as the worst mistakes."""

MIN_PROBABILITY = 1e-7
"""Smaller probabilities count as this one, so that no loss is infinite."""


def worst_mistakes(
    model: Model, catalog: Catalog, truth: MultiHot, decided: MultiHot, answers: MemberPredictions
) -> list[dict[str, Any]]:
    """The products whose scores are furthest from the truth, with the scores of each member.

    Args:
        truth: (N, L).
        decided: (N, L) the labels that the final system gives.
        answers: what the members predict for the N products.
    """
    scores = model.scores(answers)
    loss = np.zeros(len(catalog), np.float32)
    for some in row_slices(*truth.shape):
        loss[some] = _losses(dense(truth[some]), dense(scores[some]))
    rows = np.argsort(-loss, kind="stable")[:MAX_MISTAKES]
    # an array of names can be indexed by the columns of a row
    names = np.array(model.labels.names, dtype=object)
    products = catalog.take(rows)
    ids = products.ids
    titles = products.column("title")
    images = products.column("image")
    true_of = dense(truth[rows])
    given_of = dense(decided[rows])
    scores = dense(scores[rows])
    members = {}
    # each member alone, to show which of them erred
    for member in model.members_of(model.decide_with):
        members[member] = dense(answers.predictions[member].probabilities[rows])
    mistakes = []
    for place in range(len(rows)):
        true = true_of[place]
        given = given_of[place]
        shown = np.flatnonzero(true | given)
        of_members = {name: _named(names, one[place], shown) for name, one in members.items()}
        mistakes.append(
            {
                "id": ids[place],
                "title": titles[place],
                "image": images[place],
                "truth": names[true].tolist(),
                "decided": names[given].tolist(),
                "missed": names[true & ~given].tolist(),
                "wrong": names[given & ~true].tolist(),
                "scores": _named(names, scores[place], shown),
                "members": of_members,
            }
        )
    return mistakes


def _losses(truth: Bools, scores: Floats) -> Floats:
    """(N,) log loss of a product: how unlikely the scores (N, L) hold its true labels to be."""
    of_true = -np.log(np.maximum(scores, MIN_PROBABILITY))
    of_false = -np.log(np.maximum(1 - scores, MIN_PROBABILITY))
    return np.asarray(np.where(truth, of_true, of_false).sum(axis=1))


def _named(names: NDArray[Any], scores: Floats, labels: Rows) -> dict[str, float]:
    """The scores (L,) of some labels, by their names."""
    return {names[label]: float(scores[label]) for label in labels}


def contradicting_products(
    model: Model, catalog: Catalog, truth: MultiHot, answers: MemberPredictions
) -> list[dict[str, Any]]:
    """The test products with the strongest contradictions, and their labels in the catalogue."""
    found = contradictions(model, answers)
    names = model.labels.names
    # the products in the order of the contradictions, strongest first
    products = catalog.take([row for row, _, _ in found])
    ids = products.ids
    titles = products.column("title")
    rows = []
    for place, (row, strength, sides) in enumerate(found):
        rows.append(
            {
                "id": ids[place],
                "title": titles[place],
                "strength": strength,
                "truth": [names[i] for i in np.flatnonzero(dense(truth[[row]]))],
                "sides": sides,
            }
        )
    return rows
