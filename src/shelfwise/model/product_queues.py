"""The queues of products and labels at a promised precision, by name.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shelfwise.core.types import Bools, Floats
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.errors import ConfigError
from shelfwise.metrics.selective import ACCEPT, QUEUES, REVIEW, Queues
from shelfwise.model.predictor import Predictor

LabelQueue = Literal["accept", "review", "reject"]
ProductQueue = Literal["accept", "review", "reject", "novel"]

PRECISION_QUEUES: tuple[LabelQueue, ...] = ("accept", "review", "reject")
"""The queues that a promised precision sorts into."""

NOVEL: Literal["novel"] = "novel"
"""The queue of products that belong to none of the known categories."""

_NAMES: Mapping[int, LabelQueue] = {QUEUES[name]: name for name in PRECISION_QUEUES}


@dataclass(frozen=True)
class QueuedProduct:
    """What becomes of one product.

    Args:
        queue: None where nothing calls for one.
        accepted: names of labels that need no person.
        to_review: names of labels that a person should look at.
    """

    queue: ProductQueue | None = None
    accepted: tuple[str, ...] = ()
    to_review: tuple[str, ...] = ()


NO_QUEUE = QueuedProduct()
"""Where no precision is requested."""

NOVEL_PRODUCT = QueuedProduct(NOVEL)
"""A product without labels has none to accept or to review."""


@dataclass(frozen=True)
class ProductQueues:
    """What becomes of N products at a promised precision.

    Args:
        products: N products.
        label_codes: (N, L) the codes of accept, review and reject.
    """

    products: list[QueuedProduct]
    label_codes: Queues

    def of_label(self, row: int, column: int) -> LabelQueue:
        """The queue of one label of a product."""
        return _NAMES[int(self.label_codes[row, column])]


def decision_rule(predictor: Predictor) -> DecisionRule:
    """The predictor's decision rule, with its acceptance limits.

    Raises:
        ConfigError: it was trained without one.
    """
    # models of the first versions have none
    if predictor.decision_rule is None:
        raise ConfigError("the model was trained without acceptance limits; train it again")
    return predictor.decision_rule


def product_queues(
    predictor: Predictor, scores: Floats, decided: Bools, precision: float
) -> ProductQueues:
    """Sort products and labels at a promised precision.

    Args:
        scores: (N, L), calibrated.
        decided: (N, L) the labels that products are given.

    Raises:
        ConfigError: the predictor has no limits for that `precision`.
    """
    # sorted by scores alone: labels to review may be others than the product is given
    assigned = decision_rule(predictor).queues(scores, decided, precision)
    accepted = predictor.labels.decode(assigned.labels == ACCEPT)
    to_review = predictor.labels.decode(assigned.labels == REVIEW)
    # lists become tuples: a decision is not changed afterwards
    products = []
    for code, accepted_names, review_names in zip(
        assigned.products, accepted, to_review, strict=True
    ):
        products.append(
            QueuedProduct(_NAMES[int(code)], tuple(accepted_names), tuple(review_names))
        )
    return ProductQueues(products, assigned.labels)
