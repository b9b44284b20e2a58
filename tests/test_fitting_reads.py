"""What fusion policies are fitted on: out-of-fold scores, but features of the one network that will answer later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shelfwise import fitting
from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.store import Catalog
from shelfwise.config import Config
from shelfwise.contracts import Context, Modality, Prediction
from shelfwise.fitting import Learned, Lesson
from shelfwise.model import Model
from shelfwise.training.stages import Stages

COUNT, TRAIN = 60, 40
LABELS = LabelSet(("A", "A > B", "C"), "path")


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    targets = (np.random.default_rng(0).random((COUNT, len(LABELS))) < 0.5).astype(np.float32)
    catalog = Catalog.from_records([{"id": str(i)} for i in range(COUNT)])
    return Lesson(catalog, targets, np.arange(TRAIN), np.arange(TRAIN, COUNT), np.arange(COUNT))


def learned(rows: np.ndarray) -> Learned:
    """A member whose out-of-fold features, of `rows`, have another mean than those of the network that answers."""
    rng = np.random.default_rng(1)

    def answer(count: int, level: float) -> Prediction:
        scores = rng.random((count, len(LABELS))).astype(np.float32)
        return Prediction(scores, (rng.random((count, 4)) + level).astype(np.float32), np.ones(count, np.bool_))

    member: Any = object()
    assert not isinstance(member, Modality)
    return Learned(member, answer(COUNT, 5), answer(len(rows), 9), rows)


def fit(policy: str, settings: dict[str, Any], part: Learned, lesson: Lesson) -> Model:
    systems = {"fused": {"policy": policy, "members": ["title", "description"], "settings": settings}}
    config = Config.load("recommended", changes={"systems": systems, "labels": {"mode": "path"}})
    model = Model(config, LABELS, {}, joins={"fused": ("title", "description")})
    fitting._fit_policy("fused", model, {"title": part, "description": part}, lesson, Context(), Stages())
    return model


@pytest.mark.parametrize("rows", [np.arange(TRAIN), np.arange(10)], ids=["out of fold", "holdout"])
def test_features_come_from_the_network_that_will_answer(lesson: Lesson, rows: np.ndarray) -> None:
    part = learned(rows)
    arrays = fit("early", {"units": 4, "training": {"epochs": 1, "loss": "bce"}}, part, lesson).policies["fused"].state().arrays
    np.testing.assert_allclose(arrays["reader.mean_0"], part.everywhere.features[lesson.train].mean(axis=0), rtol=1e-5)


def test_scores_are_out_of_fold(lesson: Lesson) -> None:
    part = learned(np.arange(10))
    arrays = fit("logistic", {"others": "off"}, part, lesson).policies["fused"].state().arrays
    scores = part.honest.probabilities.clip(1e-4, 1 - 1e-4)
    np.testing.assert_allclose(arrays["mean"][0], np.log(scores / (1 - scores)).mean(axis=0), rtol=1e-4)


def test_policies_learn_the_names_of_the_labels(lesson: Lesson) -> None:
    arrays = fit("hierarchical", {}, learned(np.arange(TRAIN)), lesson).policies["fused"].state().arrays
    assert arrays["parents"].tolist() == [-1, 0, -1]
