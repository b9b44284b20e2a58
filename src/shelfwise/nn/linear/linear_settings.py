"""Settings of plug-ins that end in one logistic regression a label."""

from __future__ import annotations

from pydantic import Field

from shelfwise.core.types import PluginSettings


class LinearSettings(PluginSettings):
    """How the classifiers are kept simple, and how exactly they are solved."""

    C: float = Field(
        30.0,
        gt=0,
        description="weight of the training data against the penalty on large weights (LIBLINEAR's C)",
    )
    positive_weight: float = Field(
        3.0,
        gt=0,
        description="how many times a product with the label counts; 3 puts the best threshold near 0.5",
    )
    tolerance: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="accuracy of the solution: a label is done once its gradient has shrunk by this factor",
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
