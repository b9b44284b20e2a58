"""The variant of a policy is chosen by products that it was not fitted on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit

from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.plugin_calls import fused_predictions
from shelfwise.core.registry import make_member
from shelfwise.core.types import Context, Floats, Prediction, Rows
from shelfwise.fusion.blend import Blend, BlendSettings
from shelfwise.model.model import Model
from shelfwise.training import policy_variants
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.policy_variants import CrossedPolicy, kept_variant
from shelfwise.training.stacking import FittedMember, Stack


def outputs_of(good: float, bad: float, count: int = 60) -> tuple[list[Prediction], Floats]:
    """A first member that is right with logits of size `good`, a second that is wrong with `bad`."""
    targets = (np.random.default_rng(0).random((count, 3)) < 0.5).astype(np.float32)
    signs = 2 * targets - 1
    present = np.ones(count, np.bool_)
    answers = [expit(size * signs).astype(np.float32) for size in (good, -bad)]
    return [Prediction(scores, scores, present) for scores in answers], targets


def parts_of(second_is_optional: bool) -> list[dict[str, Any]]:
    """The first member and the second, a part each."""
    first = {"policy": "mean", "settings": {"weights": [1, 1e-9]}}
    second = {"policy": "mean", "settings": {"weights": [1e-9, 1]}}
    return [first, {**second, "optional": second_is_optional}]


def crossed(second_is_optional: bool, count: int = 60) -> list[CrossedPolicy]:
    """Two folds of a blend of the first member and the second."""
    settings = {"parts": parts_of(second_is_optional)}
    policy = Blend(BlendSettings.model_validate(settings))
    return [CrossedPolicy(rows, policy.variants()) for rows in np.array_split(np.arange(count), 2)]


@pytest.mark.parametrize(
    ("bad", "place"),
    [(-2.0, 0), (1.0, 2), (-0.95, 0), (-0.85, 1)],
    ids=["it helps", "it contradicts the truth", "hardly worse", "a third is hardly worse"],
)
def test_a_part_counts_less_where_held_out_products_are_clearly_better_so(
    bad: float, place: int
) -> None:
    outputs, targets = outputs_of(1.0, bad)
    assert kept_variant(crossed(True), outputs, targets) == place


def test_of_equal_variants_the_first() -> None:
    outputs, targets = outputs_of(1.0, -1.0)
    assert kept_variant(crossed(True), outputs, targets) == 0


def test_a_policy_without_variants_is_not_asked() -> None:
    outputs, _ = outputs_of(1.0, 1.0)
    # without targets it could not be judged
    assert kept_variant(crossed(False), outputs, np.zeros((0, 3), np.float32)) == 0


@pytest.mark.parametrize(("scores", "judged"), [(30, 10), (3, 1), (90, 30)])
def test_large_folds_are_thinned_out(
    scores: int, judged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    take = Prediction.take

    def remembered(self: Prediction, rows: Rows) -> Prediction:
        asked.append(len(rows))
        return take(self, rows)

    monkeypatch.setattr(Prediction, "take", remembered)
    monkeypatch.setattr(policy_variants, "MAX_SCORES", scores)
    outputs, targets = outputs_of(1.0, 1.0)
    assert kept_variant(crossed(True), outputs, targets) == 2
    # two folds of 30 products, two members
    assert asked == [judged] * 4


def test_sparse_scores_choose_as_dense_ones() -> None:
    outputs, targets = outputs_of(1.0, 1.0)
    sparse = [replace(one, probabilities=csr_array(one.probabilities)) for one in outputs]
    assert kept_variant(crossed(True), sparse, csr_array(targets)) == 2


class TestStack:
    """The fitted policy of a model becomes the chosen variant."""

    def fitted(self, validation: Rows, folder: Path | None = None) -> tuple[Model, Floats]:
        """A model that blends a good and a bad member, and the scores to tune thresholds on."""
        members = {name: {"modality": "text_linear", "field": name} for name in ("good", "bad")}
        blend = {"policy": "blend", "settings": {"parts": parts_of(True)}}
        config = Config.parse({"members": members, "systems": {"both": blend}})
        model = Model(config, LabelSet(("A", "B", "C"), "name"), {})
        outputs, targets = outputs_of(2.0, 2.0)
        rows = np.setdiff1d(np.arange(len(targets)), validation)
        fitted: dict[str, FittedMember] = {}
        for place, name in enumerate(members):
            answers = outputs[place]
            made = make_member(config, name)
            fitted[name] = FittedMember(made, answers, rows, rows % 3)
        stack = Stack.from_members("both", model, fitted, targets, validation)
        checkpoints = Checkpoints(folder, resume=True)
        stack.fit(model, Context(), checkpoints)
        return model, stack.tuning_scores(model, Context(), checkpoints)

    def weights(self, model: Model) -> list[float]:
        return [part["weight"] for part in model.policies["both"].facts()["parts"]]

    def test_cross_fitted_scores_are_those_of_the_chosen_variant(self) -> None:
        model, scores = self.fitted(np.zeros(0, np.int64))
        assert self.weights(model) == [1, 0]
        outputs, _ = outputs_of(2.0, 2.0)
        np.testing.assert_allclose(scores, outputs[0].probabilities, atol=1e-4)
        np.testing.assert_allclose(
            fused_predictions(model.policies["both"], outputs), scores, atol=1e-6
        )

    def test_a_run_that_goes_on_has_the_same_variant(self, tmp_path: Path) -> None:
        _, first = self.fitted(np.zeros(0, np.int64), tmp_path)
        model, again = self.fitted(np.zeros(0, np.int64), tmp_path)
        np.testing.assert_array_equal(first, again)
        assert self.weights(model) == [1, 0]

    def test_with_validation_products_nothing_is_chosen(self) -> None:
        model, scores = self.fitted(np.arange(10))
        assert self.weights(model) == [1, 1]
        assert len(scores) == 10
