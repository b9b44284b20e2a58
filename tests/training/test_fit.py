"""From labelled products to a model without a validation part.

Honest scores for everybody, and decisions that rest on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.split import group_folds
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.registry import make_member, make_policy
from shelfwise.core.types import Context, Examples, Floats, MemberOutputs, Rows
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.decision.thresholds import best_threshold, decide
from shelfwise.errors import ConfigError, LabelError
from shelfwise.evaluation.evaluate import evaluate_model, stages_of
from shelfwise.fusion.logistic import Logistic
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.modalities.text_linear import TextLinear
from shelfwise.model.bundle import load_bundle, save_bundle
from shelfwise.model.model import Model
from shelfwise.training import cross_fitting, fit_members
from shelfwise.training import fit as fitting
from shelfwise.training import time_budget as budget_room
from shelfwise.training.cross_fitting import out_of_fold
from shelfwise.training.dataset import TrainingSet
from shelfwise.training.fit import fit_model

NOUNS = ("shoe", "hat", "scarf", "lamp", "kettle")
FILLERS = ("nice", "new", "big", "soft", "old", "plain", *NOUNS)
COUNT, FOLDS = 80, 4
LABELS = LabelSet(NOUNS)
EARLY = {"policy": "early", "settings": {"units": 4, "training": {"epochs": 1, "loss": "bce"}}}


def shop(count: int = COUNT, seed: int = 0) -> tuple[Catalog, Floats]:
    """A noun among fillers, some of them other nouns, in title and description.

    Every ninth lacks one, one both. Copies in pairs.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, len(NOUNS), count)
    kinds[1::8] = kinds[::8]
    texts = [[" ".join([NOUNS[kind], *rng.choice(FILLERS, 3)]) for _ in range(2)] for kind in kinds]
    records: list[dict[str, Any]] = [
        {"id": f"p{i}", "title": t, "description": d} for i, (t, d) in enumerate(texts)
    ]
    for i in range(3, count, 9):
        records[i][("title", "description")[i % 2]] = None
    records[5] = {"id": "p5", "title": None, "description": ""}
    return Catalog.from_records(records), np.eye(len(NOUNS), dtype=np.float32)[kinds]


def lesson(validation: Rows | None = None) -> TrainingSet:
    catalog, targets = shop()
    held = np.arange(0) if validation is None else validation
    groups = np.arange(COUNT)
    groups[1::8] = groups[::8]
    return TrainingSet(catalog, targets, np.setdiff1d(np.arange(COUNT), held), held, groups)


def config(systems: dict[str, Any] | None = None, **changes: Any) -> Config:
    members = {
        name: {"modality": "text_linear", "field": name, "settings": {"C": 1.0}}
        for name in ("title", "description")
    }
    given = {
        "members": members,
        "systems": systems or {},
        "stacking": {"folds": FOLDS},
        "split": {"validation_fraction": 0},
    }
    return Config.parse({**given, **changes})


def fit(config: Config, given: TrainingSet | None = None, **further: Any) -> Model:
    return fit_model(given or lesson(), LABELS, config, Context(), **further)


def by_hand(config: Config, name: str, given: TrainingSet) -> Any:
    """The member's out-of-fold answers for the rows that are learnt from, and the folds."""
    member = make_member(config, name)
    inputs = member.prepare(given.catalog, Context())
    folds = group_folds(given.targets[given.train], given.groups[given.train], FOLDS, config.seed)
    return out_of_fold(
        lambda: make_member(config, name),
        Examples(inputs, given.targets).take(given.train),
        folds,
        None,
        Context(),
    ), folds


def kept(model: Model) -> tuple[tuple[str, ...], Floats, Floats]:
    assert model.out_of_fold is not None
    return model.out_of_fold.ids, *model.out_of_fold.dense()


class TestWithoutValidation:
    def test_every_product_has_honest_scores_and_the_threshold_is_the_best_on_them(self) -> None:
        given, settings = lesson(), config(decide_with="title")
        model = fit(settings, given)
        ids, scores, targets = kept(model)
        expected, folds = by_hand(settings, "title", given)
        assert list(ids) == given.catalog.ids
        assert np.array_equal(targets, given.targets)
        np.testing.assert_allclose(
            scores, np.where(expected.probabilities >= 1e-3, expected.probabilities, 0), atol=1e-6
        )
        there = np.array([bool(title) for title in given.catalog.column("title")])
        assert scores[there].any(axis=1).all()
        assert not scores[~there].any()
        assert model.thresholds["title"] == best_threshold(given.targets, expected.probabilities)
        assert all(len(np.unique(folds[given.groups == group])) == 1 for group in given.groups), (
            "copies stay in one fold"
        )

    def test_the_members_that_answer_learnt_from_everybody(self) -> None:
        given, settings = lesson(), config(decide_with="title")
        member = make_member(settings, "title")
        inputs = member.prepare(given.catalog, Context())
        fit_present(member, Examples(inputs, given.targets), None, Context())
        expected = predict_present(member, inputs, len(NOUNS), Context())
        model = fit(settings, given)
        assert np.array_equal(
            model.scores(model.predict_members(given.catalog, Context())), expected.probabilities
        )
        assert not np.allclose(kept(model)[1], expected.probabilities, atol=0.01), (
            "what it says of what it has seen is not honest"
        )

    @pytest.mark.parametrize(
        ("policy", "settings"), [("mean", {}), ("ridge", {"alpha": 1.0}), ("logistic", {})]
    )
    def test_a_systems_scores_are_crossed_over_crossed_members(
        self, policy: str, settings: dict[str, Any]
    ) -> None:
        given, chosen = (
            lesson(),
            config({"fused": {"policy": policy, "settings": settings}}, decide_with="fused"),
        )
        parts, folds = zip(*(by_hand(chosen, name, given) for name in chosen.members), strict=True)
        assert np.array_equal(folds[0], folds[1]), "one division for all members"
        honest, expected = MemberOutputs.stack(parts), np.zeros_like(given.targets)
        for fold in range(FOLDS):
            asked, learnt = np.flatnonzero(folds[0] == fold), np.flatnonzero(folds[0] != fold)
            other = make_policy(chosen, "fused").fit(
                honest.take(learnt), given.targets[learnt], None, Context(labels=NOUNS)
            )
            expected[asked] = other.fuse(honest.take(asked))
        model = fit(chosen, given)
        np.testing.assert_allclose(
            kept(model)[1], np.where(expected >= 1e-3, expected, 0), atol=1e-5
        )
        assert model.thresholds["fused"] == pytest.approx(
            best_threshold(given.targets, expected), abs=1e-5
        )

    def test_the_best_on_honest_scores_decides(self) -> None:
        given, chosen = (
            lesson(),
            config({"min": {"policy": "minimum"}, "ridge": {"policy": "ridge"}}),
        )
        model, quality = fit(chosen, given), {}
        for name in ("title", "description", "min", "ridge"):
            model_of = fit(config(chosen.dump()["systems"], decide_with=name), given)
            quality[name] = micro_f1(
                given.targets > 0, decide(kept(model_of)[1], model_of.thresholds[name])
            )
        assert model.decide_with == max(quality, key=lambda name: quality[name])
        assert min(quality.values()) < max(quality.values())

    def test_seconds_of_crossing_are_seconds_of_the_system(self) -> None:
        model = fit(config({"fused": {"policy": "ridge"}}))
        assert {
            "cross.fused",
            "system.fused",
            "member.title",
            *(f"fold.title.{i}" for i in range(FOLDS)),
        } <= set(stages_of(model, "fused"))

    def test_honest_scores_are_saved_with_the_model(self, tmp_path: Any) -> None:
        model = fit(config({"fused": {"policy": "ridge"}}, decide_with="fused"))
        save_bundle(model.bundle(), tmp_path / "model")
        restored = Model.from_bundle(load_bundle(tmp_path / "model"))
        (ids, scores, targets), (again, theirs, labels) = kept(model), kept(restored)
        assert ids == again
        np.testing.assert_allclose(theirs, scores, rtol=2**-11)
        assert np.array_equal(targets, labels)


class TestWithValidation:
    HELD = np.arange(0, COUNT, 4)

    def test_honest_scores_cover_validation_and_training(self) -> None:
        given = lesson(self.HELD)
        model = fit(
            config(
                {"fused": {"policy": "ridge"}},
                decide_with="fused",
                split={"validation_fraction": 0.25},
            ),
            given,
        )
        ids, scores, targets = kept(model)
        assert list(ids) == given.catalog.ids, "in the catalogue's order"
        assert np.array_equal(targets, given.targets)
        watched = model.scores(model.predict_members(given.catalog.take(self.HELD), Context()))
        np.testing.assert_allclose(
            scores[self.HELD], np.where(watched >= 1e-3, watched, 0), atol=1e-6
        )
        assert model.thresholds["fused"] == pytest.approx(
            best_threshold(given.targets, scores), abs=1e-3
        )

    def test_a_member_that_decides_alone_is_honest_on_validation_only(self) -> None:
        given = lesson(self.HELD)
        model = fit(config(decide_with="title", split={"validation_fraction": 0.25}), given)
        assert list(kept(model)[0]) == [given.catalog.ids[row] for row in self.HELD]

    def test_in_sample_scores_are_not_honest(self) -> None:
        chosen = config(
            {"fused": {"policy": "ridge"}},
            split={"validation_fraction": 0.25},
            stacking={"fitted_on": "in_sample"},
        )
        assert fit(chosen, lesson(self.HELD)).out_of_fold is None


class TestPoliciesOfFeatures:
    def test_are_refused_before_anything_is_fitted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            TextLinear, "fit", lambda *_: pytest.fail("hours of training for nothing")
        )
        with pytest.raises(
            ConfigError,
            match=r"systems\.early: the policy early reads features.*set validation_fraction",
        ):
            fit(config({"early": EARLY}))

    def test_are_rows_with_a_reason_where_failures_are_borne(self) -> None:
        model = fit(config({"early": EARLY, "mean": {"policy": "mean"}}), skip_failures=True)
        assert "reads features" in model.facts["not_run"]["early"]
        assert model.systems == ["title", "description", "mean"]
        catalog, targets = shop(20, seed=1)
        results = evaluate_model(model, catalog, targets, Context())["systems"]
        assert results["early"] == {"not_run": model.facts["not_run"]["early"]}
        assert "micro_f1" in results["mean"]

    def test_work_with_validation(self) -> None:
        model = fit(
            config({"early": EARLY}, split={"validation_fraction": 0.25}),
            lesson(np.arange(0, COUNT, 4)),
        )
        assert "early" in model.thresholds


class Clock:
    """Goes on by a second a look; stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1
        return self.now


class TestBudget:
    def test_members_that_do_not_fit_into_it_and_their_systems_are_left_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, real = Clock(), fit_members.fit_member

        def slow(*work: Any) -> Any:
            clock.now += 100
            return real(*work)

        monkeypatch.setattr(budget_room, "time", clock)
        monkeypatch.setattr(fit_members, "fit_member", slow)
        systems = {
            "all": {"policy": "mean"},
            "both": {"policy": "mean", "members": ("title", "description")},
        }
        model = fit(config(systems, decide_with="all", budget=160.0))
        assert model.facts["not_run"] == {
            "description": "the budget of 160 s is too small for description",
            "both": "its member description was not run: the budget of 160 s is too small for description",
        }
        assert model.members_of("all") == ("title",)

    def test_a_member_whose_folds_take_longer_and_longer_is_left_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As one of another package may, which reports no progress at all."""
        clock, real = Clock(), cross_fitting.fit_present
        begun: list[int] = []

        def slow(modality: Modality, *given: Any) -> Modality:
            if modality.field == "description":
                begun.append(len(begun))
                clock.now += 200
            *examples, context = given
            # tells nothing, so nothing interrupts it
            return real(modality, *examples, Context(context.seed))

        monkeypatch.setattr(budget_room, "time", clock)
        monkeypatch.setattr(cross_fitting, "fit_present", slow)
        systems = {"all": {"policy": "mean"}}
        model = fit(config(systems, decide_with="all", budget=400.0))
        assert model.facts["not_run"] == {
            "description": "the budget of 400 s is too small for description"
        }
        # the time was over in the second part, and no further one was begun
        assert begun == [0, 1]

    def test_what_decides_is_joined_first_and_always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock, real = Clock(), fitting._fit_system

        def slow(name: str, *rest: Any) -> Any:
            clock.now += 200
            return real(name, *rest)

        monkeypatch.setattr(budget_room, "time", clock)
        monkeypatch.setattr(fitting, "_fit_system", slow)
        systems = {"other": {"policy": "mean"}, "chosen": {"policy": "maximum"}}
        model = fit(config(systems, decide_with="chosen", budget=110.0))
        assert (model.decide_with, list(model.policies)) == ("chosen", ["chosen"])
        assert model.facts["not_run"] == {"other": "the budget of 110 s is too small for other"}

    def test_too_small_for_any_member(self) -> None:
        with pytest.raises(
            LabelError,
            match=r"nothing to learn from: the budget of 1e-09 s is too small for title.*; allow more time",
        ):
            fit(config(budget=1e-9))

    def test_large_enough_changes_nothing(self) -> None:
        one, other = (
            fit(config({"fused": {"policy": "ridge"}}, budget=seconds)) for seconds in (None, 1e6)
        )
        assert one.thresholds == other.thresholds
        assert np.array_equal(kept(one)[1], kept(other)[1])


def test_a_catalogue_that_lacks_a_field_is_fitted_without_it() -> None:
    """Members of several fields go on without it, and the model says so for good."""
    catalog, targets = shop()
    bare = Catalog.from_records(
        [
            {"id": name, "title": title}
            for name, title in zip(catalog.ids, catalog.column("title"), strict=True)
        ]
    )
    members = {
        "title": {"modality": "text_linear", "field": "title"},
        "text": {"modality": "text_linear", "field": "title+description"},
    }
    chosen = config(
        {"fused": {"policy": "mean", "members": ("text",)}}, members=members, decide_with="fused"
    )
    model = fit(
        chosen, TrainingSet(bare, targets, np.arange(COUNT), np.arange(0), np.arange(COUNT))
    )
    assert (list(model.members), model.members_of("fused")) == (["title"], ("title",))
    restored = Model.from_bundle(model.bundle())
    assert restored.members_of("fused") == ("title",)


def test_how_often_ids_are_listed_does_not_grow_with_the_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed: list[int] = []

    def ids(catalog: Catalog) -> list[Any]:
        listed.append(len(catalog))
        return catalog.column("id")

    monkeypatch.setattr(Catalog, "ids", property(ids))
    times = []
    for count in (COUNT, 2 * COUNT):
        catalog, targets = shop(count)
        rows = np.arange(count)
        listed.clear()
        fit(config(), TrainingSet(catalog, targets, rows, np.arange(0), rows))
        times.append(len(listed))
    assert times[0] == times[1]


class Watched:
    """Notes with how many products a policy, a threshold and a decision rule are learnt."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.policies: list[int] = []
        self.rules: list[int] = []
        self.thresholds: list[int] = []
        fit_policy, fit_rule, tune = Logistic.fit, DecisionRule.fit, best_threshold

        def policy(own: Any, outputs: MemberOutputs, targets: Floats, *others: Any) -> Any:
            self.policies.append(len(targets))
            return fit_policy(own, outputs, targets, *others)

        def rule(scores: Floats, targets: Floats, *others: Any) -> Any:
            self.rules.append(len(targets))
            return fit_rule(scores, targets, *others)

        def threshold(targets: Floats, scores: Floats) -> float:
            self.thresholds.append(len(targets))
            return tune(targets, scores)

        monkeypatch.setattr(Logistic, "fit", policy)
        monkeypatch.setattr(DecisionRule, "fit", rule)
        monkeypatch.setattr(fitting, "best_threshold", threshold)


def drawn_model(most: int) -> tuple[Model, TrainingSet]:
    catalog, targets = shop(400)
    groups = np.arange(400)
    groups[1::8] = groups[::8]
    training = TrainingSet(catalog, targets, np.arange(400), np.arange(0), groups)
    systems = {"fused": {"policy": "logistic"}}
    chosen = config(systems, decide_with="fused", calibration="sigmoid")
    stacking = chosen.stacking.model_copy(update={"max_products": most})
    chosen = chosen.model_copy(update={"stacking": stacking})
    return fit_model(training, LABELS, chosen, Context()), training


def test_what_follows_the_members_learns_from_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    model, training = drawn_model(150)
    assert set(watched.policies) == {150}
    assert len(watched.policies) == 1 + FOLDS
    assert watched.rules == [150]
    assert set(watched.thresholds) == {150}
    assert model.facts["learnt_from"] == {"drawn": 150, "of": 400}
    results = evaluate_model(model, training.catalog, training.targets, Context())
    assert any("a draw of 150 of 400 products" in note for note in results["notes"])
    # an audit reads the scores of all products
    assert model.out_of_fold is not None
    assert len(model.out_of_fold) == 400
    scores, targets = model.out_of_fold.dense()
    assert np.array_equal(targets, training.targets)
    decided = scores >= model.thresholds["fused"]
    assert micro_f1(targets > 0, decided) > 0.8


def test_up_to_the_limit_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    model, training = drawn_model(400)
    assert watched.rules == [400]
    assert max(watched.policies) == 400
    assert model.facts["learnt_from"] is None
    results = evaluate_model(model, training.catalog, training.targets, Context())
    assert not any("draw" in note for note in results["notes"])


@pytest.mark.parametrize(("least", "folds"), [(400, 3), (401, 5)])
def test_of_many_products_there_are_three_folds_and_the_report_says_so(
    least: int, folds: int
) -> None:
    catalog, targets = shop(400)
    training = TrainingSet(catalog, targets, np.arange(400), np.arange(0), np.arange(400))
    chosen = config({"fused": {"policy": "logistic"}}, decide_with="fused")
    stacking = {"folds": 5, "three_folds_from": least}
    chosen = chosen.model_copy(update={"stacking": chosen.stacking.model_copy(update=stacking)})
    model = fit_model(training, LABELS, chosen, Context())
    some = next(iter(model.members))
    ran = [stage for stage in stages_of(model, "fused") if stage.startswith(f"fold.{some}.")]
    assert len(ran) == folds
    results = evaluate_model(model, training.catalog, training.targets, Context())
    assert any("are of 3 folds, not 5" in note for note in results["notes"]) == (folds == 3)


def test_a_misspelt_field_is_told_before_anything_is_fitted() -> None:
    member = {"modality": "text_linear", "field": "description+titel"}
    said = r"members\.words\.field: .* no column 'titel'; did you mean 'title'\? it has: id, title"
    with pytest.raises(ConfigError, match=said):
        fit(config(members={"words": member}))
