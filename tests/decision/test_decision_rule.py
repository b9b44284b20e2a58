"""Calibration, thresholds and limits fitted together: each on what decisions will rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shelfwise.config import Config
from shelfwise.core.types import Floats
from shelfwise.decision.calibration import Calibration
from shelfwise.decision.consistency import Consistency
from shelfwise.decision.decision_rule import PRECISIONS, DecisionRule
from shelfwise.decision.selective_prediction import AcceptanceLimits
from shelfwise.decision.thresholds import Thresholds
from shelfwise.errors import ConfigError


@pytest.fixture(scope="module")
def scored() -> tuple[Floats, Floats]:
    """Scores of 600 products that are too sure of themselves, and the truth."""
    rng = np.random.default_rng(0)
    likely = rng.beta(0.4, 1.5, (600, 6))
    targets = (rng.random(likely.shape) < likely).astype(np.float32)
    return np.sqrt(likely).astype(np.float32), targets


def rule_of(scored: tuple[Floats, Floats], **changes: Any) -> tuple[DecisionRule, Floats]:
    config = Config.load("quick", changes=changes)
    return DecisionRule.fit(*scored, config, Consistency("none", None))


def test_without_calibration_scores_are_probabilities(scored: tuple[Floats, Floats]) -> None:
    rule, likely = rule_of(scored, calibration="none", threshold=0.3)
    assert rule.calibration.method == "none"
    np.testing.assert_array_equal(likely, scored[0])
    np.testing.assert_array_equal(rule.probabilities(scored[0]), scored[0])


def test_a_fixed_threshold_stays_what_it_is(scored: tuple[Floats, Floats]) -> None:
    rule, likely = rule_of(scored, calibration="none", threshold=0.3)
    assert rule.thresholds.rule == "fixed"
    np.testing.assert_array_equal(rule.thresholds.decide(likely), likely >= 0.3)


def test_limits_rest_on_probabilities_that_the_calibration_did_not_see(
    scored: tuple[Floats, Floats],
) -> None:
    scores, targets = scored
    rule, likely = rule_of(scored, calibration="isotonic", threshold="global")
    calibration = Calibration.fit(scores, targets, "isotonic", seed=0)
    crossed = np.asarray(calibration.out_of_fold(scores, targets, seed=0), np.float32)
    np.testing.assert_array_equal(likely, crossed)
    # those of the rule itself flatter the products it was fitted on
    assert not np.array_equal(likely, rule.probabilities(scores))
    expected = Thresholds.fit(crossed, targets, "global", seed=0)
    np.testing.assert_array_equal(rule.thresholds.decide(crossed), expected.decide(crossed))
    decided = expected.decide(crossed)
    assert rule.acceptances.keys() == set(PRECISIONS)
    for precision, limits in rule.acceptances.items():
        assert limits == AcceptanceLimits.fit(crossed, targets, decided, precision)


def test_a_seed_decides_which_products_are_left_out(scored: tuple[Floats, Floats]) -> None:
    first = rule_of(scored, calibration="isotonic", seed=0)[1]
    again = rule_of(scored, calibration="isotonic", seed=0)[1]
    other = rule_of(scored, calibration="isotonic", seed=1)[1]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_seed_decides_by_which_parts_a_calibration_is_chosen(
    scored: tuple[Floats, Floats],
) -> None:
    rule, _ = rule_of(scored, calibration="auto", seed=3)
    assert rule.calibration.losses == Calibration.fit(*scored, "auto", seed=3).losses
    assert rule.calibration.losses != Calibration.fit(*scored, "auto", seed=0).losses


def test_the_seed_decides_by_which_parts_thresholds_are_drawn(
    scored: tuple[Floats, Floats], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []

    def best_shrink(targets: Floats, scores: Floats, seed: int) -> float:
        seeds.append(seed)
        return 1.0

    monkeypatch.setattr("shelfwise.decision.thresholds.best_shrink", best_shrink)
    rule_of(scored, calibration="none", threshold="per_label", seed=5)
    assert seeds == [5]


def test_limits_of_whole_products_rest_on_the_labels_that_they_are_given() -> None:
    rng = np.random.default_rng(0)
    likely = rng.beta(0.05, 0.15, (3000, 6)).astype(np.float32)
    targets = (rng.random(likely.shape) < likely).astype(np.float32)
    rule, _ = rule_of((likely, targets), calibration="none", threshold=0.5)
    limits = rule.acceptances[0.9]
    assert np.isfinite(limits.whole)
    assert limits == AcceptanceLimits.fit(likely, targets, likely >= 0.5, 0.9)
    assert limits != AcceptanceLimits.fit(likely, targets, likely > 1, 0.9)


def test_labels_and_products_are_sorted_by_the_limits(scored: tuple[Floats, Floats]) -> None:
    rule, likely = rule_of(scored, calibration="none", threshold=0.3)
    decided = likely >= 0.3
    for precision, limits in rule.acceptances.items():
        queues = rule.queues(likely, decided, precision)
        np.testing.assert_array_equal(queues.labels, limits.sort(likely))
        np.testing.assert_array_equal(queues.products, limits.sort_products(likely, decided))
        # several queues, and arrays that are there
        assert len(np.unique(queues.labels)) > 1
        assert queues.products.shape == (len(likely),)


def test_the_rule_comes_back_from_its_state(scored: tuple[Floats, Floats]) -> None:
    rule, likely = rule_of(scored, calibration="isotonic", threshold="global")
    again = DecisionRule.from_state(rule.state())
    assert again.facts() == rule.facts()
    assert again.acceptances == rule.acceptances
    np.testing.assert_array_equal(again.probabilities(likely), rule.probabilities(likely))
    decided = rule.thresholds.decide(likely)
    for precision in PRECISIONS:
        before, after = (one.queues(likely, decided, precision) for one in (rule, again))
        np.testing.assert_array_equal(before.labels, after.labels)
        np.testing.assert_array_equal(before.products, after.products)


def test_facts_name_every_limit(scored: tuple[Floats, Floats]) -> None:
    rule, _ = rule_of(scored, calibration="none", threshold=0.3)
    facts = rule.facts()
    assert (facts["calibration"], facts["rule"]) == ("none", "fixed")
    assert facts["limits"].keys() == {"0.9", "0.95", "0.99"}
    for precision, limits in rule.acceptances.items():
        told = facts["limits"][f"{precision:g}"]
        assert told == {
            "accept": limits.accept,
            "reject": limits.reject,
            "whole": limits.whole,
        }


def test_a_precision_without_limits_is_refused(scored: tuple[Floats, Floats]) -> None:
    rule, likely = rule_of(scored, calibration="none", threshold=0.3)
    with pytest.raises(ConfigError, match=r"precision of 0\.8; known: 0\.9, 0\.95, 0\.99"):
        rule.queues(likely, likely >= 0.3, 0.8)


def test_decisions_rest_on_scores_of_single_precision(scored: tuple[Floats, Floats]) -> None:
    """As those of a loaded model are: a threshold between two precisions would decide otherwise."""
    scores, targets = scored
    config = Config.load("quick", changes={"calibration": "none", "threshold": 0.3})
    exact = scores.astype(np.float64)
    _, likely = DecisionRule.fit(exact, targets, config, Consistency("none", None))
    assert likely.dtype == np.float32
