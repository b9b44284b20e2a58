"""Saying "none of these": what is unlike all others is found, and false alarms keep to the promised rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from shelfwise.errors import ConfigError, LabelError
from shelfwise.novelty.conformal import MIN_PRODUCTS, ConformalNovelty, log_prob_no_label


def drawn(count: int, shift: float, seed: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {name: chance.normal(shift, 1, count) for name in ("far", "unsure")}


def test_silence_is_the_log_of_having_no_label() -> None:
    scores = np.array([[0.9, 0.5, 0.0], [0.2, 0.0, 0.0], [1.0, 1.0, 0.0]], np.float32)
    said = log_prob_no_label(scores)
    np.testing.assert_allclose(said[:2], [np.log(0.1 * 0.5), np.log(0.8)], atol=1e-5)
    assert np.isfinite(said[2])
    assert said[2] < said[0] < said[1]


def test_a_signal_that_a_product_lacks_counts_as_on_average() -> None:
    honest = drawn(400, 0, 0)
    fitted = ConformalNovelty.fit(honest)
    some = {"far": np.array([0.3, 0.3]), "unsure": np.array([np.nan, 0.3])}
    alone, both = fitted.novelty_score(some)
    p = (1 + np.sum(honest["far"] >= 0.3)) / 401
    assert alone == pytest.approx(1 - np.log(p))
    assert both == pytest.approx(-np.log(p) - np.log((1 + np.sum(honest["unsure"] >= 0.3)) / 401))


def test_a_signal_that_hardly_any_product_has_is_left_out() -> None:
    honest = drawn(50, 0, 0)
    honest["far"][MIN_PRODUCTS - 1 :] = np.nan
    assert list(ConformalNovelty.fit(honest).references) == ["unsure"]


def test_the_p_values_against_a_slow_obvious_count() -> None:
    honest, asked = drawn(50, 0, 0), drawn(30, 0.5, 1)
    fitted = ConformalNovelty.fit(honest)

    def p(name: str, value: float) -> float:
        return (1 + sum(v >= value for v in honest[name])) / 51

    def joined(signals: dict[str, np.ndarray], row: int) -> float:
        return -sum(np.log(p(name, signals[name][row])) for name in honest)

    known = [joined(honest, row) for row in range(50)]
    expected = [(1 + sum(k >= joined(asked, row) - 1e-12 for k in known)) / 51 for row in range(30)]
    np.testing.assert_allclose(fitted.p_values(asked), expected)


def test_strangers_are_found_and_false_alarms_are_as_promised() -> None:
    fitted = ConformalNovelty.fit(drawn(2000, 0, 0))
    belong, strange = drawn(2000, 0, 1), drawn(500, 2, 2)
    for rate in (0.01, 0.05, 0.2):
        assert fitted.abstains(fitted.p_values(belong), rate).mean() == pytest.approx(
            rate, abs=4 * np.sqrt(rate / 1000)
        )
    assert fitted.abstains(fitted.p_values(strange), 0.05).mean() > 0.7
    apart = roc_auc_score(
        [0] * 2000 + [1] * 500, np.concatenate([fitted.novelty_score(belong), fitted.novelty_score(strange)])
    )
    alone = roc_auc_score([0] * 2000 + [1] * 500, np.concatenate([belong["far"], strange["far"]]))
    assert apart > alone + 0.02, "two signals together tell more than one"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=MIN_PRODUCTS, max_size=60), st.floats(-6, 6), st.floats(0, 3))
def test_what_is_stranger_never_gets_a_higher_p_value(honest: list[float], value: float, more: float) -> None:
    fitted = ConformalNovelty.fit({"far": np.array(honest)})
    less, greater = fitted.p_values({"far": np.array([value, value + more])})
    assert 0 < greater <= less <= 1


def test_saved_and_restored() -> None:
    fitted, asked = ConformalNovelty.fit(drawn(40, 0, 0)), drawn(10, 1, 1)
    again = ConformalNovelty.from_state(fitted.state())
    np.testing.assert_array_equal(again.p_values(asked), fitted.p_values(asked))
    assert list(again.references) == list(fitted.references)


def test_promises_that_cannot_be_kept() -> None:
    with pytest.raises(LabelError, match="19 products are too few"):
        ConformalNovelty.fit(drawn(MIN_PRODUCTS - 1, 0, 0))
    with pytest.raises(LabelError, match="0 products"):
        ConformalNovelty.fit({})
    fitted = ConformalNovelty.fit(drawn(40, 0, 0))
    for rate in (0.0, 0.02, 1.0):
        with pytest.raises(ConfigError, match=r"0.0244 or more"):
            fitted.abstains(np.array([0.5]), rate)
