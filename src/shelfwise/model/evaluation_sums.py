"""All that the figures of ``shelfwise evaluate`` are computed from, counted of some products.

Counts of parts of a catalogue add up to those of the whole, to the last digit and in any order.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from shelfwise.catalog.filtering import WITHOUT_CATEGORIES
from shelfwise.catalog.labels import Paths
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Matrix, MultiHot
from shelfwise.metrics.calibration import TOP_LABELS
from shelfwise.metrics.calibration_sums import CalibrationSums
from shelfwise.metrics.counts import Counts
from shelfwise.metrics.decision_sums import DecisionSums
from shelfwise.metrics.hierarchical import HierarchicalSums
from shelfwise.metrics.ranking import RankingSums, TrueLabelRanks
from shelfwise.metrics.sums import Sums
from shelfwise.model.predictor import Predictor


@dataclass(frozen=True)
class LabelSums(Sums):
    """What was given, by the model's own rule, and what the model does not know.

    Args:
        given: numbers of labels as in :class:`~shelfwise.metrics.counts.Counts`, all labels as one.
        unknown: name -> how many products have this label, which the model does not know.
        total: how many labels the products have, known and unknown.
        left_out: products without categories.
    """

    given: dict[str, int]
    unknown: dict[str, int]
    total: int
    left_out: int

    def counts(self) -> Counts:
        """The labels given."""
        return Counts(**{name: np.asarray(count) for name, count in self.given.items()})


@dataclass(frozen=True)
class EvaluationSums:
    """Sums over N products with categories.

    Args:
        at_half, tuned: of the decisions by either threshold.
        ranking: of the order of the scores.
        calibration, top_calibration: of the scores of all labels, and of those scored highest.
        hierarchical: of the labels given; None for a model without a taxonomy.
        labels: of the labels given, and of unknown ones.
    """

    at_half: DecisionSums
    tuned: DecisionSums
    ranking: RankingSums
    calibration: CalibrationSums
    top_calibration: CalibrationSums
    hierarchical: HierarchicalSums | None
    labels: LabelSums

    @classmethod
    def of(cls, predictor: Predictor, catalog: Catalog, scores: Matrix, left_out: int) -> Self:
        """Count products that have categories.

        Args:
            scores: (N, L) of the final system.
            left_out: products of the same portion that have none.
        """
        categories = catalog.column("categories")
        truth = truth_of(predictor, categories, scores)
        name = predictor.decide_with
        given = predictor.decide(scores)
        # sums alone, so that shards can be added up in any order
        counts = Counts.of(truth, given, axis=None)
        unknown, total = predictor.labels.count_unknown(categories)
        return cls(
            at_half=DecisionSums.of(truth, predictor.decide(scores, name, 0.5)),
            tuned=DecisionSums.of(
                truth, predictor.decide(scores, name, predictor.tuned_threshold_of(name))
            ),
            ranking=RankingSums.of(TrueLabelRanks.of(truth, scores)),
            calibration=CalibrationSums.of(truth, scores),
            top_calibration=CalibrationSums.of(truth, scores, TOP_LABELS),
            hierarchical=_hierarchical(predictor, truth, given),
            labels=LabelSums(
                given={each: int(count) for each, count in vars(counts).items()},
                unknown=dict(unknown),
                total=total,
                left_out=left_out,
            ),
        )

    @property
    def products(self) -> int:
        """N."""
        return self.tuned.products

    @property
    def left_out(self) -> dict[str, int]:
        """Products that were not counted, by reason; reasons without any are not there."""
        count = self.labels.left_out
        return {WITHOUT_CATEGORIES: count} if count else {}

    def __add__(self, other: Self) -> Self:
        hierarchical = None
        if self.hierarchical is not None and other.hierarchical is not None:
            hierarchical = self.hierarchical + other.hierarchical
        return type(self)(
            at_half=self.at_half + other.at_half,
            tuned=self.tuned + other.tuned,
            ranking=self.ranking + other.ranking,
            calibration=self.calibration + other.calibration,
            top_calibration=self.top_calibration + other.top_calibration,
            hierarchical=hierarchical,
            labels=self.labels + other.labels,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: None if part is None else part.to_dict() for name, part in vars(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What :meth:`to_dict` gave."""
        hierarchical = content["hierarchical"]
        if hierarchical is not None:
            hierarchical = HierarchicalSums.from_dict(hierarchical)
        return cls(
            at_half=DecisionSums.from_dict(content["at_half"]),
            tuned=DecisionSums.from_dict(content["tuned"]),
            ranking=RankingSums.from_dict(content["ranking"]),
            calibration=CalibrationSums.from_dict(content["calibration"]),
            top_calibration=CalibrationSums.from_dict(content["top_calibration"]),
            hierarchical=hierarchical,
            labels=LabelSums.from_dict(content["labels"]),
        )


def scored_products(
    predictor: Predictor, portion: Catalog, context: Context
) -> tuple[Catalog, Matrix]:
    """The products of a portion that have categories, and their scores (N, L) by the final system."""
    categories = portion.table.column("categories")
    rows = np.flatnonzero(np.asarray(categories.is_valid()))
    labelled = portion.take(rows)
    if len(rows):
        return labelled, predictor.scores(predictor.predict_members(labelled, context))
    # members need not answer for no product at all
    return labelled, np.zeros((0, len(predictor.labels)), np.float32)


def truth_of(predictor: Predictor, categories: Sequence[Paths | None], scores: Matrix) -> MultiHot:
    """The true ones (N, L) of the predictor's labels, dense or sparse as the `scores` are."""
    truth: MultiHot = predictor.labels.encode_sparse(categories) > 0
    return truth if sp.issparse(scores) else truth.toarray()


def _hierarchical(
    predictor: Predictor, truth: MultiHot, given: MultiHot
) -> HierarchicalSums | None:
    taxonomy = predictor.taxonomy
    if taxonomy is None or not len(taxonomy.edges):
        return None
    return HierarchicalSums.of(truth, given, taxonomy.close_under_ancestors)
