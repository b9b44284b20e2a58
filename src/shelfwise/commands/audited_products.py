"""The products of an audit: their labels, and the scores they are judged by.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats, Rows
from shelfwise.model.predictor import MemberPredictions, Predictor
from shelfwise.model.unseen_scores import unseen_scores


@dataclass(frozen=True)
class AuditedProducts:
    """N products with their labels and scores.

    Args:
        catalog: the products.
        given: (N, L) their labels, as far as the model knows them.
        scores: (N, L) of the final system; all 0 for a product without any field to judge by.
        places: (N,) where each stands among the products that a detector is fitted on, -1 for those that do
        not.
        answers: what the final system's members predict for the products without an out-of-fold score.
        answer_rows: (N,) the row of `answers`; -1 for the products with an out-of-fold score.
    """

    catalog: Catalog
    given: Bools
    scores: Floats
    places: Rows
    answers: MemberPredictions
    answer_rows: Rows

    @classmethod
    def of(cls, model: Predictor, catalog: Catalog, context: Context) -> AuditedProducts:
        """Out-of-fold scores for the products that have them, ordinary ones for the others."""
        given = model.labels.encode(catalog.column("categories")) > 0
        unseen = unseen_scores(model, catalog, context)
        # without out-of-fold scores the detector is fitted on the audited products themselves
        alone = model.out_of_fold is None
        places = np.arange(len(given)) if alone else unseen.trained_rows
        return cls(catalog, given, unseen.scores, places, unseen.answers, unseen.answer_rows)

    def take(self, rows: Rows) -> AuditedProducts:
        """The given products, in that order."""
        return replace(
            self,
            catalog=self.catalog.take(rows),
            given=self.given[rows],
            scores=self.scores[rows],
            places=self.places[rows],
            answer_rows=self.answer_rows[rows],
        )
