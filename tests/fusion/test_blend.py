"""Blending: the parts learn as they do alone, and their logits are averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import expit, logit

from shelfwise.config import Config
from shelfwise.core.registry import make_policy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.fusion.blend import Blend, BlendSettings
from shelfwise.fusion.geometric import Geometric
from shelfwise.fusion.logistic import Logistic, LogisticSettings
from shelfwise.fusion.mean import Mean, MeanSettings

NETWORK = {"policy": "policy", "settings": {"hidden": [[4, "sigmoid"]], "training": {"epochs": 1}}}


def make(count: int = 80, seed: int = 0) -> tuple[MemberOutputs, Floats]:
    """Two members that know something of three labels.

    The last two products are unknown to one and to both.
    """
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, 3)) < 0.4).astype(np.float32)
    scores = expit(2 * targets[:, None] - 1 + rng.normal(0, 1, (count, 2, 3))).astype(np.float32)
    present = np.ones((count, 2), np.bool_)
    present[-2, 0], present[-1] = False, False
    return MemberOutputs(scores * present[:, :, None], present, ()), targets


def blend(*parts: dict[str, Any]) -> Blend:
    return Blend(BlendSettings.model_validate({"parts": parts}))


def test_the_parts_learn_as_they_do_alone_and_their_logits_are_averaged() -> None:
    (outputs, targets), (new, _) = make(), make(seed=1)
    both = blend(
        {"policy": "logistic", "settings": {"shrink": 5}, "weight": 3}, {"policy": "mean"}
    ).fit(outputs, targets, None, Context())
    stacked = (
        Logistic(LogisticSettings(shrink=5)).fit(outputs, targets, None, Context()).fuse(new)[:-1]
    )
    averaged = Mean(MeanSettings()).fuse(new)[:-1]
    fused = both.fuse(new)
    sure, middling = (logit(np.clip(scores, 1e-5, 1 - 1e-5)) for scores in (stacked, averaged))
    np.testing.assert_allclose(fused[:-1], expit(0.75 * sure + 0.25 * middling), atol=1e-5)
    assert not fused[-1].any(), "nobody knows this product"


def test_one_part_alone_is_that_part() -> None:
    outputs, _ = make()
    np.testing.assert_allclose(
        blend({"policy": "geometric"}).fuse(outputs),
        Geometric(PluginSettings()).fuse(outputs),
        atol=1e-5,
    )


def test_a_part_that_is_certain_does_not_silence_the_others() -> None:
    scores = np.array([[[0, 1], [0.5, 0.5]]], np.float32)
    outputs = MemberOutputs(scores, np.ones((1, 2), np.bool_), ())
    fused = blend(
        {"policy": "minimum"}, {"policy": "mean", "settings": {"weights": [1e-6, 1]}, "weight": 4}
    ).fuse(outputs)
    assert 0.05 < fused[0, 0] < 0.5
    np.testing.assert_allclose(fused[0, 1], 0.5, atol=1e-4)


def test_more_than_ten_parts_keep_their_own_states() -> None:
    (outputs, targets), settings = (
        make(),
        [{"policy": "logistic", "settings": {"shrink": 2.0**i}} for i in range(11)],
    )
    state = blend(*settings).fit(outputs, targets, None, Context()).state()
    restored = blend(*settings).restore(State(dict(state.arrays), dict(state.facts)))
    for part, wanted in zip(restored.parts_, settings, strict=True):
        alone = Logistic(LogisticSettings.model_validate(wanted["settings"])).fit(
            outputs, targets, None, Context()
        )
        assert np.array_equal(part.fuse(outputs), alone.fuse(outputs))


def test_blends_can_be_blended() -> None:
    outputs, _ = make()
    inner = {
        "policy": "blend",
        "settings": {"parts": [{"policy": "mean"}, {"policy": "maximum"}]},
        "weight": 2,
    }
    nested, flat = (
        blend(inner, {"policy": "minimum"}),
        blend({"policy": "mean"}, {"policy": "maximum"}, {"policy": "minimum"}),
    )
    np.testing.assert_allclose(nested.fuse(outputs), flat.fuse(outputs), atol=1e-5)


def test_the_same_network_twice_is_two_networks() -> None:
    outputs, targets = make()
    both = blend(NETWORK, NETWORK).fit(outputs, targets, None, Context(seed=3))
    one, other = (part.fuse(outputs) for part in both.parts_)
    alone = blend(NETWORK).fit(outputs, targets, None, Context(seed=3))
    assert np.array_equal(one, alone.parts_[0].fuse(outputs))
    assert not np.array_equal(one, other)


def test_the_sets_that_can_occur_reach_the_parts() -> None:
    outputs, targets = make()
    context = Context(patterns=((False, True), (True, True)))
    both = blend({"policy": "mean"}, {"policy": "logistic", "weight": 2}).fit(
        outputs, targets, None, context
    )
    mean, logistic = both.facts()["parts"]
    assert mean == {"policy": "mean", "weight": 1.0, "facts": {}}
    assert (logistic["policy"], logistic["weight"], logistic["facts"]["sets"]) == (
        "logistic",
        2.0,
        2,
    )


def test_parts_that_learn_have_to_be_fitted() -> None:
    with pytest.raises(NotFittedError):
        blend({"policy": "mean"}, {"policy": "logistic"}).state()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], r"parts: .*a blend of nothing"),
        (
            [{"policy": "meen"}],
            r"parts\.0\.policy: .*no fusion policy called 'meen'; did you mean 'mean'",
        ),
        (
            [{"policy": "mean"}, {"policy": "mean", "settings": {"weight": [1]}}],
            r"parts\.1\.settings: .*setting weight: ",
        ),
        ([{"policy": "blend"}], r"parts\.0\.settings: .*setting parts: is missing"),
        (
            [{"policy": "early"}],
            r"parts\.0\.settings: .*reads features; only policies that read scores",
        ),
        (
            [{"policy": "hierarchical", "settings": {"base": "early"}}],
            r"parts\.0\.settings: .*hierarchical reads features",
        ),
        (
            [{"policy": "hierarchical", "settings": {"base": "hierarchical"}}],
            r"parts\.0\.settings: .*cannot decode itself",
        ),
        ([{"policy": "mean", "weight": 0}], r"parts\.0\.weight: .*greater than 0"),
    ],
)
def test_wrong_parts_are_named_before_anything_is_learnt(
    parts: list[dict[str, Any]], message: str
) -> None:
    systems = {"best": {"policy": "blend", "settings": {"parts": parts}}}
    config = Config.parse(
        {"members": {"title": {"modality": "text_linear", "field": "title"}}, "systems": systems}
    )
    with pytest.raises(ConfigError, match=r"^systems\.best\.settings: setting " + message):
        make_policy(config, "best")


def test_parts_must_be_named() -> None:
    with pytest.raises(ValidationError, match="parts"):
        BlendSettings.model_validate({})


class TestRarePatterns:
    """Sets of members that hardly any training product has."""

    def parts(self) -> list[dict[str, Any]]:
        return [
            {"policy": "mean"},
            {"policy": "maximum", "answer_rare_patterns": False, "weight": 3},
        ]

    def test_a_part_is_not_asked_about_them(self) -> None:
        (outputs, targets), (new, _) = make(), make(seed=1)
        both = blend(*self.parts()).fit(outputs, targets, None, Context())
        fused, averaged = both.fuse(new), Mean(MeanSettings()).fuse(new)
        np.testing.assert_allclose(fused[-2], averaged[-2], atol=1e-4)
        assert (fused[:-2] > averaged[:-2] + 1e-3).any(), "of all others the maximum has its say"

    def test_the_same_after_a_restart(self) -> None:
        (outputs, targets), (new, _) = make(), make(seed=1)
        both = blend(*self.parts()).fit(outputs, targets, None, Context())
        assert np.array_equal(blend(*self.parts()).restore(both.state()).fuse(new), both.fuse(new))

    def test_nobody_else_to_ask(self) -> None:
        (outputs, targets), (new, _) = make(), make(seed=1)
        alone = blend({"policy": "maximum", "answer_rare_patterns": False}).fit(
            outputs, targets, None, Context()
        )
        assert alone.fuse(new)[-2].any()


class TestOptionalParts:
    """What a part with ``optional = true`` counts is left open: all of its weight, a third or nothing."""

    PARTS: tuple[dict[str, Any], ...] = (
        {"policy": "mean"},
        {"policy": "maximum", "optional": True, "weight": 3},
    )

    def test_variants_count_all_of_it_a_third_or_nothing(self) -> None:
        outputs, targets = make()
        fitted = blend(*self.PARTS).fit(outputs, targets, None, Context())
        for weight, variant in zip((3, 1, 0), fitted.variants(), strict=True):
            assert [part["weight"] for part in variant.facts()["parts"]] == [1, weight]
            of_maximum = [] if weight == 0 else [{"policy": "maximum", "weight": weight}]
            alone = blend({"policy": "mean"}, *of_maximum)
            np.testing.assert_allclose(variant.fuse(outputs), alone.fuse(outputs), atol=1e-6)
        np.testing.assert_array_equal(fitted.fuse(outputs), fitted.variants()[0].fuse(outputs))

    def test_a_variant_has_the_same_variants_and_survives_a_restart(self) -> None:
        (outputs, targets), (new, _) = make(), make(seed=1)
        fitted = blend(*self.PARTS).fit(outputs, targets, None, Context())
        chosen = fitted.variants()[2]
        assert len(chosen.variants()) == 3
        restored = blend(*self.PARTS).restore(chosen.state())
        np.testing.assert_array_equal(restored.fuse(new), chosen.fuse(new))
        assert not np.array_equal(restored.fuse(new), fitted.fuse(new))

    def test_models_from_before_the_choice_keep_the_weights_of_their_settings(self) -> None:
        outputs, targets = make()
        fitted = blend(*self.PARTS).fit(outputs, targets, None, Context())
        state = fitted.state()
        older = {name: array for name, array in state.arrays.items() if name != "weights"}
        restored = blend(*self.PARTS).restore(State(older, state.facts))
        np.testing.assert_array_equal(restored.fuse(outputs), fitted.fuse(outputs))

    def test_some_part_always_counts(self) -> None:
        only = [{"policy": name, "optional": True} for name in ("mean", "maximum")]
        weights = [variant.weights_.tolist() for variant in blend(*only).variants()]
        assert len(weights) == 8
        assert [0.0, 0.0] not in weights

    def test_a_part_that_does_not_count_cannot_answer_for_rare_sets(self) -> None:
        outputs, targets = make()
        parts = (
            {"policy": "mean", "optional": True},
            {"policy": "maximum", "answer_rare_patterns": False},
        )
        fitted = blend(*parts).fit(outputs, targets, None, Context())
        only_maximum = fitted.variants()[-1]
        np.testing.assert_allclose(
            only_maximum.fuse(outputs), blend({"policy": "maximum"}).fuse(outputs), atol=1e-6
        )
