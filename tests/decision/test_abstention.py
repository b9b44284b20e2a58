"""Saying "none of these": what is unlike all others is found, and false alarms keep to the promised rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from shelfwise.decision.abstention import SMALLEST, Abstention, information, share_near, strangeness_signals
from shelfwise.errors import ConfigError, LabelError


def drawn(count: int, shift: float, seed: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {name: chance.normal(shift, 1, count) for name in ("far", "unsure")}


def test_signals_of_a_known_and_an_unknown_product() -> None:
    scores = np.array([[0.9, 0.9, 0.1], [0.9, 0.3, 0.3]], np.float32)
    similarities = np.array([[0.9, 0.8], [0.5, 0.3]], np.float32)
    near = share_near(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]]), np.array([[0, 1], [1, 2]]))
    signals = strangeness_signals(scores, np.array([1.0, 2.0, 4.0]), similarities, near)
    np.testing.assert_allclose(signals["unsure"], [-0.81 - 1.62 - 0.04, -0.81 - 0.18 - 0.36], atol=1e-6)
    np.testing.assert_allclose(signals["contradicted"], [-0.9 - 1.8, -0.9 - 0.3], atol=1e-6)
    np.testing.assert_allclose(signals["far"], [-0.85, -0.4], atol=1e-6)
    assert list(strangeness_signals(scores, np.ones(3))) == ["unsure"]


def test_no_neighbour_no_share() -> None:
    np.testing.assert_array_equal(share_near(np.ones((3, 2)), np.array([[-1, -1], [0, 2]])), [[0, 0], [1, 1]])


def test_rare_labels_say_more() -> None:
    targets = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0]])
    weights = information(targets)
    assert 0 < weights[0] < weights[1] < weights[2] < np.inf


def test_the_p_values_against_a_slow_obvious_count() -> None:
    honest, asked = drawn(50, 0, 0), drawn(30, 0.5, 1)
    fitted = Abstention.fit(honest)

    def p(name: str, value: float) -> float:
        return (1 + sum(v >= value for v in honest[name])) / 51

    def joined(signals: dict[str, np.ndarray], row: int) -> float:
        return -sum(np.log(p(name, signals[name][row])) for name in honest)

    known = [joined(honest, row) for row in range(50)]
    expected = [(1 + sum(k >= joined(asked, row) - 1e-12 for k in known)) / 51 for row in range(30)]
    np.testing.assert_allclose(fitted.p_values(asked), expected)


def test_strangers_are_found_and_false_alarms_are_as_promised() -> None:
    fitted = Abstention.fit(drawn(2000, 0, 0))
    belong, strange = drawn(2000, 0, 1), drawn(500, 2, 2)
    for rate in (0.01, 0.05, 0.2):
        assert fitted.abstains(belong, rate).mean() == pytest.approx(rate, abs=4 * np.sqrt(rate / 1000))
    assert fitted.abstains(strange, 0.05).mean() > 0.7
    apart = roc_auc_score([0] * 2000 + [1] * 500, np.concatenate([fitted.strangeness(belong), fitted.strangeness(strange)]))
    alone = roc_auc_score([0] * 2000 + [1] * 500, np.concatenate([belong["far"], strange["far"]]))
    assert apart > alone + 0.02, "two signals together tell more than one"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=SMALLEST, max_size=60), st.floats(-6, 6), st.floats(0, 3))
def test_what_is_stranger_never_gets_a_higher_p_value(honest: list[float], value: float, more: float) -> None:
    fitted = Abstention.fit({"far": np.array(honest)})
    less, greater = fitted.p_values({"far": np.array([value, value + more])})
    assert 0 < greater <= less <= 1


def test_a_product_without_any_field_belongs_nowhere() -> None:
    chance, weights = np.random.default_rng(0), np.ones(4)
    honest = strangeness_signals(
        chance.uniform(0.2, 1, (100, 4)), weights, chance.uniform(0.3, 1, (100, 5)), chance.uniform(0.2, 1, (100, 4))
    )
    nothing = strangeness_signals(np.zeros((1, 4)), weights, np.zeros((1, 5)), np.zeros((1, 4)))
    assert Abstention.fit(honest).abstains(nothing, 0.01).all()


def test_saved_and_restored() -> None:
    fitted, asked = Abstention.fit(drawn(40, 0, 0)), drawn(10, 1, 1)
    again = Abstention.restored(fitted.state())
    np.testing.assert_array_equal(again.p_values(asked), fitted.p_values(asked))
    assert list(again.references) == list(fitted.references)


def test_promises_that_cannot_be_kept() -> None:
    with pytest.raises(LabelError, match="19 products are too few"):
        Abstention.fit(drawn(SMALLEST - 1, 0, 0))
    with pytest.raises(LabelError, match="0 products"):
        Abstention.fit({})
    fitted = Abstention.fit(drawn(40, 0, 0))
    for rate in (0.0, 0.02, 1.0):
        with pytest.raises(ConfigError, match=r"from 0.0244"):
            fitted.abstains(drawn(1, 0, 0), rate)
