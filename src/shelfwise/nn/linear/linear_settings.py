"""Settings of plug-ins that end in one linear classifier a label."""

from __future__ import annotations

from pydantic import Field

from shelfwise.core.types import PluginSettings
from shelfwise.nn.linear.losses import LossName
from shelfwise.nn.linear.one_vs_rest import LinearOptions

COST: dict[LossName, float] = {"squared_hinge": 1.0, "logistic": 30.0}
"""``C`` where it is unset."""

TOLERANCE: dict[LossName, float] = {"squared_hinge": 2e-3, "logistic": 0.02}
"""``tolerance`` where it is unset; most of a hinge's first gradient is of products without the label."""


class LinearSettings(PluginSettings):
    """How the classifiers are kept simple, and how exactly they are solved."""

    loss: LossName = Field(
        "squared_hinge",
        description="what is minimised; a label tree, and classifiers that learn in batches, minimise the "
        "logistic loss",
    )
    C: float | None = Field(
        None,
        gt=0,
        description="weight of the training data against the penalty on large weights (LIBLINEAR's C); "
        "unset: 1 for squared_hinge, 30 for logistic",
    )
    positive_weight: float = Field(
        3.0,
        gt=0,
        description="how many times a product with the label counts; 3 puts the best threshold near 0.5",
    )
    tolerance: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="accuracy of the solution: a label is done once its gradient has shrunk by this "
        "factor; unset: 0.002 for squared_hinge, 0.02 for logistic",
    )
    prune: float = Field(
        0.03,
        ge=0,
        description="weights of words and ids smaller than this are dropped, which keeps models small; 0 "
        "keeps all",
    )
    features: int = Field(
        256,
        ge=1,
        description="most numbers a product that are handed to policies which read features; "
        "logits of more labels are projected to so many",
    )

    def options(self, loss: LossName) -> LinearOptions:
        """What is minimised with this loss, and how exactly."""
        cost = self.C or COST[loss]
        tolerance = self.tolerance or TOLERANCE[loss]
        return LinearOptions(cost, self.positive_weight, tolerance, self.prune, loss)
