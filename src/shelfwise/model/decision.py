"""What is decided for one product: its labels, its queue, and what the decision rests on.

The command line, Python and files all give these decisions, made in :mod:`shelfwise.model.labelling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.core.types import RejectedField
from shelfwise.model.product_queues import LabelQueue, ProductQueue


@dataclass(frozen=True)
class LabelDecision:
    """A label that a product is given.

    Args:
        name: the label.
        path: labels from the root of the taxonomy to this one, itself included. A label below several others
            is shown below the first of them.
        score: its probability.
        queue: what becomes of it at the promised precision; None where none was requested.
        members: each member's own score of the label, of the members whose fields the product has; None
            where they were not requested.
    """

    name: str
    path: tuple[str, ...]
    score: float
    queue: LabelQueue | None
    members: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Decision:
    """What is decided for one product.

    Args:
        id: the product.
        labels: what it is given, in the order of the predictor's labels; nothing where it is novel.
        queue: what becomes of the product; None where neither a precision nor a novelty rate calls for one.
        accepted: names of labels that need no person, at the promised precision.
        to_review: names of labels that a person should look at; they may be others than `labels`.
        novelty: from 0 to 1, near 1 for a product unlike anything in training; None for a predictor that
            cannot tell.
        scores: by label; all of them, or only the highest, falling.
        used_modalities: fields that the final system reads and the product has.
        missing_modalities: fields that the final system reads and the product lacks, or that were rejected.
        rejected: the fields that could not be used.
        warnings: sentences on what the decision does without.
        refused: of a record of a file that cannot be read, the reason; its id is empty where it is not known.
    """

    id: str
    labels: tuple[LabelDecision, ...]
    queue: ProductQueue | None
    accepted: tuple[str, ...]
    to_review: tuple[str, ...]
    novelty: float | None
    scores: Mapping[str, float]
    used_modalities: tuple[str, ...]
    missing_modalities: tuple[str, ...]
    rejected: tuple[RejectedField, ...]
    warnings: tuple[str, ...]
    refused: str | None = None

    @classmethod
    def of_refused(cls, record: Quarantined) -> Decision:
        """What stands for a record that cannot be read: nothing is decided for it."""
        return cls(
            id=record.id or "",
            labels=(),
            queue=None,
            accepted=(),
            to_review=(),
            novelty=None,
            scores={},
            used_modalities=(),
            missing_modalities=(),
            rejected=(),
            warnings=(),
            refused=record.reason,
        )

    @property
    def names(self) -> list[str]:
        """The names of the labels."""
        return [label.name for label in self.labels]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        # asdict would copy every number of the scores by itself
        values = dict(vars(self))
        values["labels"] = tuple(dict(vars(one)) for one in self.labels)
        values["rejected"] = tuple(dict(vars(one)) for one in self.rejected)
        return values
