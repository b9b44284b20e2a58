"""Maximum, minimum, mean and geometric mean against loops that are too simple to be wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shelfwise.core.types import Context, MemberOutputs, PluginSettings
from shelfwise.errors import ConfigError
from shelfwise.fusion.geometric import Geometric
from shelfwise.fusion.maximum import Maximum
from shelfwise.fusion.mean import Mean, MeanSettings
from shelfwise.fusion.minimum import Minimum

WEIGHTS = (1.0, 2.0, 5.0)

RULES: dict[str, tuple[Any, Callable[[list[tuple[float, float]]], float]]] = {
    "maximum": (Maximum(PluginSettings()), lambda weighted: max(score for score, _ in weighted)),
    "minimum": (Minimum(PluginSettings()), lambda weighted: min(score for score, _ in weighted)),
    "mean": (
        Mean(MeanSettings()),
        lambda weighted: sum(score for score, _ in weighted) / len(weighted),
    ),
    "weighted mean": (
        Mean(MeanSettings(weights=WEIGHTS)),
        lambda weighted: (
            sum(score * weight for score, weight in weighted)
            / sum(weight for _, weight in weighted)
        ),
    ),
    "geometric": (
        Geometric(PluginSettings()),
        lambda weighted: math.prod(score for score, _ in weighted) ** (1 / len(weighted)),
    ),
}
"""Rule, and what it makes of one label's (score, weight) of the present members."""


def outputs_of(scores: Any, present: Any) -> MemberOutputs:
    scores, present = np.asarray(scores, np.float32), np.asarray(present, np.bool_)
    return MemberOutputs(scores * present[:, :, None], present, ())


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None, max_examples=30)
@given(
    arrays(np.float32, (5, 3, 4), elements=st.floats(0, 1, width=32, allow_subnormal=False)),
    arrays(np.bool_, (5, 3)),
)
def test_rules_agree_with_the_obvious_loop(name: str, scores: Any, present: Any) -> None:
    rule, oracle = RULES[name]
    fused = rule.fuse(outputs_of(scores, present))
    for n in range(5):
        for label in range(4):
            weighted = [(float(scores[n, m, label]), WEIGHTS[m]) for m in range(3) if present[n, m]]
            assert fused[n, label] == pytest.approx(oracle(weighted) if weighted else 0, abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    arrays(np.float32, (6, 3, 2), elements=st.floats(0, 1, width=32, allow_subnormal=False)),
    arrays(np.bool_, (6, 3)),
)
def test_minimum_geometric_mean_maximum_are_in_order(scores: Any, present: Any) -> None:
    lower, geometric, mean, upper = (
        RULES[n][0].fuse(outputs_of(scores, present))
        for n in ("minimum", "geometric", "mean", "maximum")
    )
    assert (lower <= geometric + 1e-6).all()
    assert (geometric <= mean + 1e-6).all()
    assert (mean <= upper + 1e-6).all()


def test_the_mean_wants_a_weight_for_every_member() -> None:
    outputs = outputs_of(np.ones((2, 3, 1)), np.ones((2, 3)))
    for ask in (
        lambda m: m.fuse(outputs),
        lambda m: m.fit(outputs, np.ones((2, 1), np.float32), None, Context()),
    ):
        with pytest.raises(ConfigError, match="2 weights for 3 members"):
            ask(Mean(MeanSettings(weights=(1, 1))))


@pytest.mark.parametrize("weights", [(1, 0), (1, -1), ()])
def test_weights_are_positive(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        MeanSettings(weights=weights)
