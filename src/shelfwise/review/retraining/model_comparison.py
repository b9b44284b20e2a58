"""The model in use and another one, on products of the random sample that neither has learnt from.

Dimensions: n products of the sample, N products of the catalogue, L labels of both models and of people.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from shelfwise.core.types import Bools
from shelfwise.evaluation.before_after import FIGURES, before_after
from shelfwise.review.database.decision_rows import Labels
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.workspace import Workspace

MIN_PRODUCTS = 30
"""Below so many products of the sample nothing is concluded."""

MIN_DIFFERING = 6
"""Below so many products with other labels, chance alone could put all of them on one side."""

RESAMPLES = 2000

Verdict = Literal["better", "worse", "no difference", "too few"]


@dataclass(frozen=True)
class ModelComparison:
    """What changes with another model.

    Args:
        products: n, the products of the sample that measure.
        differing: how many of them get other labels.
        left_out: products of the sample on which a model would judge what it was trained on.
        figures: by name, before and after; empty without any product.
        low, high: the 95 % interval of the change in micro-F1; None without any product.
        verdict: what may be concluded.
        changed: the rows of the catalogue that get other labels.
        gone, new: labels that only the model in use knows, and that only the other one knows.
        automatic: how many products may be accepted without a person, before and after.
    """

    products: int
    differing: int
    left_out: int
    figures: dict[str, tuple[float, float]]
    low: float | None
    high: float | None
    verdict: Verdict
    changed: Sequence[int]
    gone: Labels
    new: Labels
    automatic: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the list of products."""
        values = dict(vars(self))
        return {**values, "changed": len(self.changed)}


def compare(
    workspace: Workspace, other: ReviewProducts, measuring: Collection[str] | None = None
) -> ModelComparison:
    """Compare the suggestions in use with those of another model, for the same products.

    Args:
        measuring: ids of the products that may measure; None: all of the sample that were looked at.
    """
    products = workspace.products
    current = workspace.store.current()
    looked_at = workspace.queues.measured(current)
    if measuring is not None:
        looked_at = [row for row in looked_at if products.ids[row] in measuring]
    # a model knows the answer of what it was trained on
    rows = [row for row in looked_at if not (_in_sample(products, row) or _in_sample(other, row))]
    truth = [current[products.ids[row]].after for row in rows]
    before = [products.suggestion(row) for row in rows]
    after = [other.suggestion(row) for row in rows]
    differing = sum(one != two for one, two in zip(before, after, strict=True))
    figures: dict[str, tuple[float, float]] = {}
    # without products there is nothing to draw an interval from
    low = high = None
    if rows:
        found = _figures(truth, before, after)
        figures = {name: (found["before"][name], found["after"][name]) for name in FIGURES}
        low, high = found["difference"]["low"], found["difference"]["high"]
    return ModelComparison(
        products=len(rows),
        differing=differing,
        left_out=len(looked_at) - len(rows),
        figures=figures,
        low=low,
        high=high,
        verdict=conclude(len(rows), differing, low, high),
        changed=_changed_rows(products, other),
        gone=tuple(sorted(set(products.names) - set(other.names))),
        new=tuple(sorted(set(other.names) - set(products.names))),
        automatic=(int(products.automatic.sum()), int(other.automatic.sum())),
    )


def conclude(products: int, differing: int, low: float | None, high: float | None) -> Verdict:
    """What an interval of the change allows to say.

    >>> conclude(200, 40, 0.01, 0.05), conclude(200, 40, -0.01, 0.05), conclude(12, 9, 0.1, 0.5)
    ('better', 'no difference', 'too few')
    """
    if low is None or high is None or products < MIN_PRODUCTS:
        return "too few"
    # two models that agree on everything do not differ, however few products there are beyond that
    if differing == 0:
        return "no difference"
    if differing < MIN_DIFFERING:
        return "too few"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no difference"


def _in_sample(products: ReviewProducts, row: int) -> bool:
    return products.in_sample is not None and bool(products.in_sample[row])


def _figures(
    truth: Sequence[Labels], before: Sequence[Labels], after: Sequence[Labels]
) -> dict[str, Any]:
    """Figures of two models on n products, see :func:`~shelfwise.evaluation.before_after.before_after`."""
    sets = [*truth, *before, *after]
    names = sorted({name for labels in sets for name in labels})
    # without any label at all there would be no column
    names = names or [""]
    return before_after(
        _multi_hot(truth, names),
        _multi_hot(before, names),
        _multi_hot(after, names),
        names,
        resamples=RESAMPLES,
    )


def _multi_hot(sets: Sequence[Labels], names: Sequence[str]) -> Bools:
    """(n, L) which product has which label."""
    place = {name: column for column, name in enumerate(names)}
    found = np.zeros((len(sets), len(names)), np.bool_)
    for row, labels in enumerate(sets):
        found[row, [place[name] for name in labels]] = True
    return found


def _changed_rows(before: ReviewProducts, after: ReviewProducts) -> Sequence[int]:
    """The rows that get other labels."""
    return tuple(
        row for row in range(len(before)) if before.suggestion(row) != after.suggestion(row)
    )
