"""What fusion policies are fitted on.

Honest scores, features of the one network that will answer later; and cross-fitting.
"""

from __future__ import annotations

import threading
from typing import Any, Self

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality
from shelfwise.core.types import (
    Context,
    Floats,
    MemberOutputs,
    PluginSettings,
    Prediction,
    Rows,
    State,
)
from shelfwise.errors import ConfigError
from shelfwise.fusion import policy
from shelfwise.model.model import Model
from shelfwise.nn import batched_training
from shelfwise.nn.batched_training import fit_as_one
from shelfwise.nn.threads import torch_threads
from shelfwise.training import stacking
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.stacking import FittedMember, Stack, system_members

COUNT, TRAIN = 60, 40
LABELS = LabelSet(("A", "A > B", "C"), "path")
TARGETS = (np.random.default_rng(0).random((COUNT, len(LABELS))) < 0.5).astype(np.float32)
MEMBERS = ("title", "description")
NOBODY = np.arange(0)


class Reads(Modality):
    """Hears its own field, and does nothing else."""

    Settings = PluginSettings

    def prepare(self, *_: Any) -> Any:
        raise NotImplementedError

    fit = predict = restore = prepare

    def state(self) -> State:
        raise NotImplementedError


def learned(rows: Rows, field: str = "title", folds: Rows | None = None) -> FittedMember:
    """A member whose out-of-fold features, of `rows`, have another mean than those of the network that
    answers.
    """
    rng = np.random.default_rng(1)

    def answer(count: int, level: float) -> Prediction:
        scores = rng.random((count, len(LABELS))).astype(np.float32)
        return Prediction(
            scores, (rng.random((count, 4)) + level).astype(np.float32), np.ones(count, np.bool_)
        )

    return FittedMember(
        Reads(PluginSettings(), field),
        answer(COUNT, 5),
        rows,
        np.arange(len(rows)) % 5 if folds is None else folds,
        answer(len(rows), 9),
    )


def model_of(policy: str, settings: dict[str, Any] | None = None) -> Model:
    members = {name: {"modality": "text_linear", "field": name} for name in MEMBERS}
    systems = {"fused": {"policy": policy, "members": MEMBERS, "settings": settings or {}}}
    return Model(
        Config.parse({"members": members, "systems": systems}),
        LABELS,
        {},
        system_members={"fused": MEMBERS},
    )


def stack_of(model: Model, validation: Rows, *parts: FittedMember) -> Stack:
    return Stack.from_members(
        "fused", model, dict(zip(MEMBERS, parts, strict=False)), TARGETS, validation
    )


def fit(policy: str, settings: dict[str, Any], part: FittedMember) -> Model:
    model = model_of(policy, settings)
    stack_of(model, np.arange(TRAIN, COUNT), part, part).fit(model, Context(), Checkpoints())
    return model


class TestFit:
    @pytest.mark.parametrize(
        "rows", [np.arange(TRAIN), np.arange(10)], ids=["out of fold", "holdout"]
    )
    def test_features_come_from_the_network_that_will_answer(self, rows: Rows) -> None:
        part = learned(rows)
        arrays = (
            fit("early", {"units": 4, "training": {"epochs": 1, "loss": "bce"}}, part)
            .policies["fused"]
            .state()
            .arrays
        )
        np.testing.assert_allclose(
            arrays["reader.mean_0"], part.predictions.features[:TRAIN].mean(axis=0), rtol=1e-5
        )

    def test_scores_are_out_of_fold(self) -> None:
        part = learned(np.arange(10))
        arrays = fit("logistic", {}, part).policies["fused"].state().arrays
        scores = part.out_of_fold.probabilities.clip(1e-4, 1 - 1e-4)
        np.testing.assert_allclose(
            arrays["centre"][0, 0], np.log(scores / (1 - scores)).mean(), rtol=1e-4
        )

    def test_policies_learn_the_names_of_the_labels(self) -> None:
        arrays = fit("hierarchical", {}, learned(np.arange(TRAIN))).policies["fused"].state().arrays
        assert arrays["parents"].tolist() == [-1, 0, -1]

    def test_a_system_without_named_members_joins_all_that_were_fitted(self) -> None:
        model = model_of("mean")
        assert system_members(model, "fused", {"title": 1}) == MEMBERS
        everyone = model.config.model_copy(
            update={
                "systems": {
                    "fused": model.config.systems["fused"].model_copy(update={"members": ()})
                }
            }
        )
        assert system_members(Model(everyone, LABELS, {}), "fused", {"image": 1, "title": 1}) == (
            "image",
            "title",
        )


def stacked_scores(model: Model, stack: Stack) -> Floats:
    """What the fitted policy makes of the members' scores."""
    outputs = MemberOutputs.stack([part.out_of_fold for part in stack.parts])
    return model.policies["fused"].fuse(outputs)


class Spy(FusionPolicy):
    """Knows products by their first score, a number of their own, and remembers whom it learnt from.

    Answers with numbers of its own.
    """

    Settings = PluginSettings

    def __init__(self, ring: list[Spy]) -> None:
        super().__init__(PluginSettings())
        ring.append(self)
        self.place, self.fitted_on, self.asked = len(ring), set[int](), set[int]()
        self.watched: set[int] | None = None
        self.context = Context()

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        assert np.array_equal(targets, TARGETS[numbers_of(outputs)]), "targets of other products"
        self.fitted_on, self.context = set(numbers_of(outputs).tolist()), context
        self.watched = None if validation is None else set(numbers_of(validation[0]).tolist())
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        self.asked |= set(numbers_of(outputs).tolist())
        return outputs.scores[:, 0] + self.place

    def state(self) -> State:
        return State(facts={"learnt": sorted(self.fitted_on)})


def numbers_of(outputs: MemberOutputs) -> Rows:
    return outputs.scores[:, 0, 0].round().astype(np.int64)


def numbered(rows: Rows, folds: Rows, present: Any = True) -> FittedMember:
    """A member that answers with the numbers of the products."""

    def answer(numbers: Rows, there: Any) -> Prediction:
        scores = np.repeat(numbers[:, None], len(LABELS), axis=1).astype(np.float32)
        return Prediction(scores, scores, np.broadcast_to(there, len(numbers)).copy())

    return FittedMember(
        Reads(PluginSettings(), "title"),
        answer(np.arange(COUNT), True),
        rows,
        folds,
        answer(rows, present),
    )


def spied(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    ring: list[Spy] = []
    monkeypatch.setattr(stacking, "make_policy", lambda *_: Spy(ring))
    return ring


class TestCrossed:
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.integers(0, 4), min_size=2, max_size=COUNT).filter(lambda f: len(set(f)) > 1),
        st.booleans(),
    )
    def test_nobody_is_scored_by_a_policy_that_saw_them_or_their_fold(
        self, dealt: list[int], watch: bool
    ) -> None:
        folds, rows = np.array(dealt), np.random.default_rng(2).permutation(COUNT)[: len(dealt)]
        validation = np.setdiff1d(np.arange(COUNT), rows) if watch else NOBODY
        with pytest.MonkeyPatch.context() as patch:
            ring = spied(patch)
            model, part = model_of("mean"), numbered(rows, folds)
            stack = stack_of(model, validation, part, part)
            stack.fit(model, Context(seed=4), Checkpoints())
            scores = stack.cross_fitted(model, Context(seed=4), Checkpoints())
        whole, *crossing = ring
        assert whole.fitted_on == set(rows.tolist())
        assert whole.watched == (set(validation.tolist()) if len(validation) else None)
        assert len(crossing) == len(set(dealt))
        for fold, spy in zip(sorted(set(dealt)), crossing, strict=True):
            assert spy.fitted_on == set(rows[folds != fold].tolist())
            assert spy.asked == set(rows[folds == fold].tolist())
            assert spy.watched is None, "the validation products stay out of the crossing"
            assert spy.context.seed == 4
            assert spy.context.labels == LABELS.names
        places = (
            np.unique(folds, return_inverse=True)[1] + 2
        )  # the policy of each fold, behind the one fitted on all
        np.testing.assert_array_equal(scores[:, 0], rows + places)

    def test_tuning_uses_validation_products_where_there_are_some_and_crossed_scores_otherwise(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring, rows = spied(monkeypatch), np.arange(TRAIN)
        model, part = model_of("mean"), numbered(rows, rows % 4)
        for validation in (np.arange(TRAIN, COUNT), NOBODY):
            ring.clear()
            stack = stack_of(model, validation, part, part)
            stack.fit(model, Context(), Checkpoints())
            checked = stack.tuning_scores(model, Context(), Checkpoints())
            if len(validation):
                assert len(ring) == 1
                np.testing.assert_array_equal(checked[:, 0], validation + 1)
            else:
                assert len(ring) == 1 + 4
                np.testing.assert_array_equal(checked[:, 0], rows + 2 + rows % 4)

    def test_a_policy_is_told_which_members_its_products_have_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring, rows = spied(monkeypatch), np.arange(8)
        present = np.array([1, 1, 0, 0, 1, 1, 1, 0], np.bool_)
        parts = [numbered(rows, rows % 2), numbered(rows, rows % 2, present)]
        model = model_of("mean")
        stack = stack_of(model, NOBODY, *parts)
        stack.fit(model, Context(), Checkpoints())
        stack.cross_fitted(model, Context(), Checkpoints())
        assert ring[1].context.patterns == ((True, False), (True, True))
        assert ring[2].context.patterns == ((True, False), (True, True))

    def test_a_real_policy_against_fitting_it_by_hand(self) -> None:
        rows, folds = np.arange(TRAIN), np.arange(TRAIN) % 3
        model, parts = (
            model_of("ridge", {"alpha": 1.0}),
            (learned(rows, folds=folds), learned(rows, "description", folds)),
        )
        stack = stack_of(model, NOBODY, *parts)
        stack.fit(model, Context(), Checkpoints())
        scores = stack.cross_fitted(model, Context(), Checkpoints())
        honest = MemberOutputs.stack([part.out_of_fold for part in parts])
        for fold in range(3):
            alone = stacking.make_policy(model.config, "fused").fit(
                honest.take(np.flatnonzero(folds != fold)),
                TARGETS[:TRAIN][folds != fold],
                None,
                Context(),
            )
            np.testing.assert_allclose(
                scores[folds == fold],
                alone.fuse(honest.take(np.flatnonzero(folds == fold))),
                atol=1e-6,
            )

    @pytest.mark.parametrize("parts", [["policy"], ["logistic", "policy"]])
    def test_policies_fitted_at_once_are_those_fitted_one_after_the_other(
        self, parts: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        training = {"epochs": 3, "batch_size": 8, "loss": "bce"}
        network = {"hidden": [[8, "tanh"]], "dropout": 0.3, "member_dropout": 0.2}
        own = {"policy": {**network, "training": training}, "logistic": {}}
        blended = [{"policy": name, "settings": own[name]} for name in parts]
        rows, folds = np.arange(TRAIN), np.arange(TRAIN) % 5
        found = []
        threads = set[int]()
        fit_policy = stacking.fit_policy

        def noted(*args: Any) -> FusionPolicy:
            threads.add(threading.get_ident())
            return fit_policy(*args)

        monkeypatch.setattr(stacking, "fit_policy", noted)
        for most in (stacking.MAX_SCORES_AT_ONCE, 0):
            monkeypatch.setattr(stacking, "MAX_SCORES_AT_ONCE", most)
            model = model_of("blend", {"parts": blended})
            stack = stack_of(
                model, NOBODY, learned(rows, folds=folds), learned(rows, "description", folds)
            )
            with torch_threads(2):
                threads.clear()
                stack.fit(model, Context(seed=1), Checkpoints())
                whole = model.policies["fused"].state().arrays
                found.append((stack.cross_fitted(model, Context(seed=1), Checkpoints()), whole))
            assert (threads == {threading.get_ident()}) == (most == 0)
        (scores, whole), (alone, whole_alone) = found
        np.testing.assert_array_equal(scores, alone)
        for name, weights in whole_alone.items():
            np.testing.assert_array_equal(whole[name], weights)

    def test_a_run_that_stopped_between_both_stages_fits_the_folds_again(
        self, tmp_path: Any
    ) -> None:
        settings = {
            "hidden": [[4, "tanh"]],
            "training": {"epochs": 2, "batch_size": 8, "loss": "bce"},
        }
        rows = np.arange(TRAIN)
        found = []
        # a second stack knows what is on disk only
        for stacks in (1, 2):
            part, stages = learned(rows), Checkpoints(tmp_path / str(stacks))
            model = model_of("policy", settings)
            with torch_threads(2):
                for _ in range(stacks):
                    stack = stack_of(model, NOBODY, part, part)
                    stack.fit(model, Context(), stages)
                found.append(stack.cross_fitted(model, Context(), stages))
        np.testing.assert_array_equal(found[0], found[1])

    def test_on_a_gpu_the_networks_of_all_folds_are_trained_as_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        training = {"epochs": 3, "batch_size": 8, "loss": "bce"}
        parts = [
            {"policy": "logistic"},
            {"policy": "policy", "settings": {"hidden": [[8, "tanh"]], "training": training}},
        ]
        rows, folds = np.arange(TRAIN), np.arange(TRAIN) % 5
        model = model_of("blend", {"parts": parts})
        stack = stack_of(
            model, NOBODY, learned(rows, folds=folds), learned(rows, "description", folds)
        )
        stack.fit(model, Context(seed=1), Checkpoints())
        expected = stack.cross_fitted(model, Context(seed=1), Checkpoints())
        fused = stacked_scores(model, stack)
        together: list[int] = []

        def noted(networks: Any, *others: Any) -> list[int]:
            together.append(len(networks))
            return fit_as_one(networks, *others)

        monkeypatch.setattr(stacking, "device", lambda: torch.device("cuda"))
        monkeypatch.setattr(batched_training, "device_with_room", lambda _: torch.device("cuda"))
        monkeypatch.setattr(policy, "fit_as_one", noted)
        stack.fit(model, Context(seed=1), Checkpoints())
        np.testing.assert_allclose(stacked_scores(model, stack), fused, atol=1e-4)
        found = stack.cross_fitted(model, Context(seed=1), Checkpoints())
        # those of five folds, and the one for all products
        assert together == [6]
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_a_finished_crossing_is_read_again(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        ring, rows = spied(monkeypatch), np.arange(TRAIN)
        model, part = model_of("mean"), numbered(rows, rows % 4)
        stack, stages = stack_of(model, NOBODY, part, part), Checkpoints(tmp_path)
        stack.fit(model, Context(), stages)
        first = stack.cross_fitted(model, Context(), stages)
        assert np.array_equal(stack.cross_fitted(model, Context(), stages), first)
        assert len(ring) == 1 + 4
        assert {"system.fused", "cross.fused"} <= stages.seconds.keys()

    def test_features_are_never_honest(self) -> None:
        part, model = (
            learned(np.arange(TRAIN)),
            model_of("early", {"units": 4, "training": {"epochs": 1, "loss": "bce"}}),
        )
        with pytest.raises(
            ConfigError,
            match=r"systems\.fused: the policy early reads features.*set validation_fraction under \[split\]",
        ):
            stack_of(model, NOBODY, part, part).fit(model, Context(), Checkpoints())
        assert not model.policies, "half a system"
