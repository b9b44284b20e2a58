"""Scores of products by models that had not seen them, training products included.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats, Rows
from shelfwise.model.predictor import MemberPredictions, Predictor


@dataclass(frozen=True)
class UnseenScores:
    """Out-of-fold scores of the training products, ordinary ones of the others.

    Args:
        scores: (N, L) of the final system; all 0 for a product without any field to judge by.
        trained_rows: (N,) where each stands among the out-of-fold scores; -1 for those without.
        answers: what the final system's members predict for the products without an out-of-fold score.
        answer_rows: (N,) the row of `answers`; -1 for the products with an out-of-fold score.
    """

    scores: Floats
    trained_rows: Rows
    answers: MemberPredictions
    answer_rows: Rows


def unseen_scores(model: Predictor, catalog: Catalog, context: Context) -> UnseenScores:
    """The scores of N products; those of a training product from models that had not seen it.

    Training products that the model has no out-of-fold scores of are scored as new ones.
    """
    count = len(catalog)
    scores = np.zeros((count, len(model.labels.names)), np.float32)
    trained_rows = np.full(count, -1, np.int64)
    if model.out_of_fold is not None:
        trained_rows = model.out_of_fold.rows(catalog.ids)
        trained = trained_rows >= 0
        scores[trained] = model.out_of_fold.scores[trained_rows[trained]].toarray()
    # only the others are predicted: the members would repeat what they were trained on
    new = np.flatnonzero(trained_rows < 0)
    answers = MemberPredictions({})
    answer_rows = np.full(count, -1, np.int64)
    if len(new):
        answers = model.predict_members(catalog.take(new), context)
        scores[new] = model.scores(answers)
        answer_rows[new] = np.arange(len(new))
    return UnseenScores(scores, trained_rows, answers, answer_rows)
